"""Neurons: cells that run through time, and networks of them that are cells too."""

from ._adaptive_lif import (
    AdaptiveLIF as AdaptiveLIF,
    AdaptiveLIFState as AdaptiveLIFState,
)
from ._base import AbstractCell as AbstractCell
from ._batch_norm import BatchNorm as BatchNorm, Statistics as Statistics
from ._branches import Parallel as Parallel, Residual as Residual
from ._decay import TimeConstant as TimeConstant, decay_factor as decay_factor
from ._delay import Delay as Delay
from ._dropout import Dropout as Dropout, DropoutState as DropoutState
from ._each import Each as Each
from ._encoders import (
    decode_delta as decode_delta,
    decode_population as decode_population,
    delta as delta,
    latency as latency,
    poisson as poisson,
    population as population,
)
from ._frozen import Frozen as Frozen
from ._leaky_integrator import (
    LeakyIntegrator as LeakyIntegrator,
    LeakyIntegratorState as LeakyIntegratorState,
)
from ._lif import LIF as LIF, LIFState as LIFState
from ._recurrent import Recurrent as Recurrent, RecurrentState as RecurrentState
from ._reset import (
    AbstractReset as AbstractReset,
    HardReset as HardReset,
    NoReset as NoReset,
    SoftReset as SoftReset,
)
from ._shared import Shared as Shared
from ._stack import Stack as Stack, StackState as StackState
from ._synaptic_lif import (
    SynapticLIF as SynapticLIF,
    SynapticLIFState as SynapticLIFState,
)
