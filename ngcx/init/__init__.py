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
from ._fans import (
    AbstractVarianceScaling as AbstractVarianceScaling,
    FanInGaussian as FanInGaussian,
    FanInUniform as FanInUniform,
    GlorotNormal as GlorotNormal,
    GlorotUniform as GlorotUniform,
    HeNormal as HeNormal,
    HeUniform as HeUniform,
    LeCunNormal as LeCunNormal,
    LeCunUniform as LeCunUniform,
    VarianceScaling as VarianceScaling,
)
from ._fluctuations import FluctuationDriven as FluctuationDriven
from ._from_jax import (
    FromJax as FromJax,
    Orthogonal as Orthogonal,
    TruncatedGaussian as TruncatedGaussian,
)
from ._reinitialize import (
    Reinitializable as Reinitializable,
    WeightLayout as WeightLayout,
    reinitialize as reinitialize,
)
from ._structured import (
    DeltaOrthogonal as DeltaOrthogonal,
    Identity as Identity,
    Sparse as Sparse,
)
