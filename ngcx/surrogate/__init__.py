"""Surrogates: spikes in the forward pass, a smooth derivative in the backward pass."""

from ._algebraic import (
    InverseSquareRoot as InverseSquareRoot,
    QPseudoSpike as QPseudoSpike,
)
from ._base import (
    AbstractStep as AbstractStep,
    AbstractSurrogate as AbstractSurrogate,
)
from ._compose import Custom as Custom, Sparse as Sparse, Sum as Sum
from ._counts import MultiLevelSpikeCount as MultiLevelSpikeCount
from ._create import create as create
from ._emission import AtThreshold as AtThreshold, MultiSpike as MultiSpike
from ._escape_noise import EscapeNoise as EscapeNoise
from ._exponential import (
    EscapeExponential as EscapeExponential,
    PiecewiseExponential as PiecewiseExponential,
)
from ._gaussian import Erf as Erf, MultiGaussian as MultiGaussian
from ._logarithmic import (
    S2NN as S2NN,
    FakeNumericalGradient as FakeNumericalGradient,
    LogTailedReLU as LogTailedReLU,
    NonzeroSignLog as NonzeroSignLog,
)
from ._periodic import SquareWaveFourierSeries as SquareWaveFourierSeries
from ._piecewise import (
    LeakyReLU as LeakyReLU,
    PiecewiseLeakyReLU as PiecewiseLeakyReLU,
    Rectangular as Rectangular,
    Triangular as Triangular,
)
from ._sigmoidal import (
    Arctan as Arctan,
    FastSigmoid as FastSigmoid,
    Sigmoid as Sigmoid,
)
from ._special import (
    SecantLIF as SecantLIF,
    SparseFastSigmoid as SparseFastSigmoid,
    StochasticSpikeOperator as StochasticSpikeOperator,
)
from ._straight_through import (
    BernoulliStraightThrough as BernoulliStraightThrough,
    StraightThrough as StraightThrough,
)
