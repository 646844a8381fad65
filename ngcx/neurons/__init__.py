"""Neurons: spiking cells that step, and run, through time."""

from ._adaptive_lif import (
    AdaptiveLIF as AdaptiveLIF,
    AdaptiveLIFState as AdaptiveLIFState,
)
from ._base import AbstractCell as AbstractCell
from ._decay import TimeConstant as TimeConstant, decay_factor as decay_factor
from ._encoders import latency as latency, poisson as poisson
from ._leaky_integrator import (
    LeakyIntegrator as LeakyIntegrator,
    LeakyIntegratorState as LeakyIntegratorState,
)
from ._lif import LIF as LIF, AbstractLIF as AbstractLIF, LIFState as LIFState
from ._recurrent_lif import (
    RecurrentLIF as RecurrentLIF,
    RecurrentLIFState as RecurrentLIFState,
)
from ._stack import layerwise as layerwise, stepwise as stepwise
from ._synaptic_lif import (
    SynapticLIF as SynapticLIF,
    SynapticLIFState as SynapticLIFState,
)
