"""Parts for neural, spiking and neuro-mimetic models, as immutable Equinox modules.

Subpackages are loaded when they are first used.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from . import (
        activations as activations,
        analysis as analysis,
        data as data,
        density as density,
        diffeq as diffeq,
        exchange as exchange,
        feature_dictionaries as feature_dictionaries,
        filters as filters,
        init as init,
        io as io,
        losses as losses,
        masks as masks,
        metrics as metrics,
        neurons as neurons,
        ops as ops,
        optim as optim,
        patches as patches,
        process as process,
        surrogate as surrogate,
        testing as testing,
        viz as viz,
    )

    __version__: str

_SUBPACKAGES = [each.name for each in pkgutil.iter_modules(__path__) if each.ispkg]


def __getattr__(name: str):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "__version__":
        # The metadata of a package take longer to read than all of this.
        return importlib.import_module("importlib.metadata").version(__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*_SUBPACKAGES, "__version__"]
