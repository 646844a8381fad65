"""Initializers: distributions to draw the first weights of a model from."""

from ._base import (
    AbstractInitializer as AbstractInitializer,
    Constrained as Constrained,
)
from ._constraints import (
    AbstractConstraint as AbstractConstraint,
    Clip as Clip,
    ColumnMask as ColumnMask,
    Eye as Eye,
    Hollow as Hollow,
    LowerTriangle as LowerTriangle,
    RowMask as RowMask,
    UpperTriangle as UpperTriangle,
)
from ._distributions import (
    Constant as Constant,
    DiagOffDiag as DiagOffDiag,
    Gaussian as Gaussian,
    LogGaussian as LogGaussian,
    Uniform as Uniform,
)
from ._fan_in import FanInGaussian as FanInGaussian, FanInUniform as FanInUniform
from ._from_jax import (
    AbstractVarianceScaling as AbstractVarianceScaling,
    FromJax as FromJax,
    GlorotNormal as GlorotNormal,
    GlorotUniform as GlorotUniform,
    HeNormal as HeNormal,
    HeUniform as HeUniform,
    LeCunNormal as LeCunNormal,
    LeCunUniform as LeCunUniform,
    Orthogonal as Orthogonal,
    TruncatedGaussian as TruncatedGaussian,
)
from ._reinitialize import reinitialize as reinitialize
