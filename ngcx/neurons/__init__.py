"""Neurons: spiking cells that step, and run, through time."""

from ._base import AbstractCell as AbstractCell, decay_factor as decay_factor
from ._leaky_integrator import (
    LeakyIntegrator as LeakyIntegrator,
    LeakyIntegratorState as LeakyIntegratorState,
)
from ._lif import LIF as LIF, LIFState as LIFState
