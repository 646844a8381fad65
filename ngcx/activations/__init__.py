"""Activations: f(x) together with its closed-form derivative f'(x)."""

from ._base import (
    AbstractActivation as AbstractActivation,
    AbstractElementwise as AbstractElementwise,
)
from ._create import create as create
from ._exponential import CELU as CELU, ELU as ELU, SELU as SELU
from ._gated import (
    GELU as GELU,
    Mish as Mish,
    SiLU as SiLU,
    Swish as Swish,
    TeLU as TeLU,
)
from ._glu import GLU as GLU
from ._kwta import KWTA as KWTA, BinaryKWTA as BinaryKWTA
from ._log_softmax import LogSoftmax as LogSoftmax
from ._rectifiers import (
    Clip as Clip,
    HardSigmoid as HardSigmoid,
    HardSiLU as HardSiLU,
    HardTanh as HardTanh,
    Identity as Identity,
    LeakyReLU as LeakyReLU,
    ReLU as ReLU,
    ReLU6 as ReLU6,
    ReLUSquared as ReLUSquared,
    SparsePlus as SparsePlus,
    SparseSigmoid as SparseSigmoid,
)
from ._shrinkage import (
    CauchyThreshold as CauchyThreshold,
    SoftThreshold as SoftThreshold,
)
from ._sigmoidal import (
    LogSigmoid as LogSigmoid,
    Sigmoid as Sigmoid,
    Softplus as Softplus,
    Softsign as Softsign,
    Tanh as Tanh,
)
from ._sine import Sine as Sine
from ._softmax import Softmax as Softmax
from ._sparsemax import Sparsemax as Sparsemax
from ._squareplus import Squareplus as Squareplus
from ._steps import Heaviside as Heaviside, Threshold as Threshold
