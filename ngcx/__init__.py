"""Parts for neural, spiking and neuro-mimetic models, as immutable Equinox modules."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING

from . import (
    activations as activations,
    data as data,
    density as density,
    diffeq as diffeq,
    feature_dictionaries as feature_dictionaries,
    filters as filters,
    init as init,
    io as io,
    masks as masks,
    metrics as metrics,
    neurons as neurons,
    ops as ops,
    patches as patches,
    process as process,
    surrogate as surrogate,
)


if TYPE_CHECKING:
    from . import (
        analysis as analysis,
        optim as optim,
        testing as testing,
        viz as viz,
    )

__version__ = importlib.metadata.version("ngcx")

# They load optax, or an extra.
_ON_FIRST_USE = ("analysis", "optim", "testing", "viz")


def __getattr__(name: str):
    if name in _ON_FIRST_USE:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
