"""Parts for neural, spiking and neuro-mimetic models, as immutable Equinox modules."""

import importlib.metadata

from . import (
    activations as activations,
    data as data,
    diffeq as diffeq,
    feature_dictionaries as feature_dictionaries,
    init as init,
    io as io,
    metrics as metrics,
    neurons as neurons,
    ops as ops,
    process as process,
    surrogate as surrogate,
)


__version__ = importlib.metadata.version("ngcx")
