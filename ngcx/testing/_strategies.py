import math

import hypothesis.strategies as st
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .. import activations as _activations, init as _init, surrogate as _surrogate


# Kinks of common functions, thresholds, and where exponentials over- and underflow.
_LANDMARKS = (0.0, 0.5, 1.0, 2.0, 3.0, 6.0, 11.0, 17.0, 88.0, 104.0, 709.0, 745.0)


def floats_for(dtype: DTypeLike) -> st.SearchStrategy[float]:
    """Finite numbers that `dtype` holds exactly, over its whole range.

    Weighted to kinks, signed zeros, subnormals, and the smallest and largest numbers.
    """
    dtype = jnp.dtype(dtype)
    info = jnp.finfo(dtype)
    tiny, largest = float(info.tiny), float(info.max)
    landmarks = [
        *_LANDMARKS,
        float(info.smallest_subnormal),
        tiny,
        float(info.eps),
        math.sqrt(largest),
        largest,
    ]
    landmarks = [number for number in landmarks if number <= largest]
    signed = landmarks + [-number for number in landmarks]
    return st.one_of(
        st.sampled_from(signed),
        st.floats(-10, 10),
        st.floats(-largest, largest),
    ).map(lambda number: float(np.asarray(number).astype(dtype)))


def arrays(
    dtype: DTypeLike, shape: tuple[int, ...] = (16,)
) -> st.SearchStrategy[Float[Array, "..."]]:
    """Arrays of [`ngcx.testing.floats_for`][] that dtype, for float64 under
    `jax.enable_x64`.
    """
    size = math.prod(shape)
    return st.lists(floats_for(dtype), min_size=size, max_size=size).map(
        lambda numbers: jnp.asarray(np.reshape(numbers, shape), dtype)
    )


def keys() -> st.SearchStrategy[PRNGKeyArray]:
    """Typed keys of `jax.random`."""
    return st.integers(0, 2**32 - 1).map(jr.key)


def activations() -> st.SearchStrategy[_activations.AbstractActivation]:
    """Every activation of ngcx. Hyper-parameters are arrays, drawn from their usual
    range, so that no draw compiles anew.
    """
    return st.one_of(*ACTIVATIONS.values())


def surrogates() -> st.SearchStrategy[_surrogate.AbstractSurrogate]:
    """Every surrogate of ngcx. Hyper-parameters are arrays, drawn from their usual
    range, so that no draw compiles anew.
    """
    return st.one_of(*SURROGATES.values())


# Made here, because the check of a tuple draws at random which entry to look at, which
# a strategy must not do.
_CONSTRAINED = (
    _init.Gaussian().constrain(_init.Clip(-1.0, 1.0), _init.Hollow()),
    _init.Uniform().constrain(_init.LowerTriangle(), _init.RowMask([0])),
    _init.HeNormal().constrain(_init.ColumnMask(1)),
)


def initializers() -> st.SearchStrategy[_init.AbstractInitializer]:
    """Every initializer of ngcx, for matrices; some with constraints. Parameters are
    arrays, drawn from their usual range, so that no draw compiles anew.
    """
    return st.one_of(
        st.builds(_init.Constant, _within(-10, 10)),
        st.builds(_init.DiagOffDiag, _within(-10, 10), _within(-10, 10)),
        st.builds(_init.Uniform, _within(-10, 0), _within(0, 10)),
        st.builds(_init.Gaussian, _within(-10, 10), _within(0, 10)),
        st.builds(_init.LogGaussian, _within(0, 1)),
        st.builds(_init.TruncatedGaussian, _within(-10, 10), _within(1, 10)),
        st.sampled_from(
            (
                _init.FanInUniform(),
                _init.FanInGaussian(),
                _init.GlorotUniform(),
                _init.GlorotNormal(),
                _init.HeUniform(),
                _init.HeNormal(),
                _init.LeCunUniform(),
                _init.LeCunNormal(),
                _init.Orthogonal(),
                *_CONSTRAINED,
            )
        ),
    )


def _within(low: float | int, high: float | int) -> st.SearchStrategy[Float[Array, ""]]:
    numbers = st.floats(low, high, width=32)
    return numbers.map(lambda number: jnp.asarray(number, "f4"))


_slopes = _within(0.125, 64)
_sizes = st.one_of(st.just(jnp.zeros((), "f4")), _slopes)


def _laplace(x):
    return jnp.exp(-jnp.abs(x))


def _laplace_integral(x):
    return -jnp.sign(x) * jnp.expm1(-jnp.abs(x))


# By class, so that every public one can be seen to have its strategy.
ACTIVATIONS = {
    _activations.BinaryKWTA: st.just(_activations.BinaryKWTA(2)),
    _activations.CELU: st.builds(_activations.CELU, _slopes),
    _activations.CauchyThreshold: st.builds(_activations.CauchyThreshold, _sizes),
    _activations.Clip: st.builds(_activations.Clip, _sizes.map(jnp.negative), _slopes),
    _activations.ELU: st.builds(_activations.ELU, _slopes),
    _activations.GELU: st.sampled_from(("sigmoid", "tanh", "none")).map(
        _activations.GELU
    ),
    _activations.HardSigmoid: st.just(_activations.HardSigmoid()),
    _activations.HardTanh: st.just(_activations.HardTanh()),
    _activations.Heaviside: st.just(_activations.Heaviside()),
    _activations.Identity: st.just(_activations.Identity()),
    _activations.KWTA: st.just(_activations.KWTA(2)),
    _activations.LeakyReLU: st.builds(_activations.LeakyReLU, _sizes),
    _activations.LogSoftmax: st.just(_activations.LogSoftmax()),
    _activations.Mish: st.just(_activations.Mish()),
    _activations.ReLU: st.just(_activations.ReLU()),
    _activations.ReLU6: st.just(_activations.ReLU6()),
    _activations.SELU: st.just(_activations.SELU()),
    _activations.SiLU: st.just(_activations.SiLU()),
    _activations.Sigmoid: st.just(_activations.Sigmoid()),
    _activations.Sine: st.builds(_activations.Sine, _slopes),
    _activations.SoftThreshold: st.builds(_activations.SoftThreshold, _sizes),
    _activations.Softmax: st.builds(_activations.Softmax, _slopes),
    _activations.Softplus: st.just(_activations.Softplus()),
    _activations.Softsign: st.just(_activations.Softsign()),
    _activations.Sparsemax: st.just(_activations.Sparsemax()),
    _activations.Swish: st.builds(_activations.Swish, _slopes),
    _activations.Tanh: st.just(_activations.Tanh()),
    _activations.TeLU: st.just(_activations.TeLU()),
    _activations.Threshold: st.builds(_activations.Threshold, _sizes),
}
SURROGATES = {
    _surrogate.Arctan: st.builds(_surrogate.Arctan, _slopes, _slopes),
    _surrogate.BernoulliStraightThrough: st.builds(
        _surrogate.BernoulliStraightThrough, _slopes
    ),
    _surrogate.Custom: st.just(_surrogate.Custom(_laplace, _laplace_integral)),
    _surrogate.Erf: st.builds(_surrogate.Erf, _slopes, _slopes),
    _surrogate.EscapeExponential: st.builds(
        _surrogate.EscapeExponential, _slopes, _slopes, _sizes
    ),
    _surrogate.FakeNumericalGradient: st.builds(
        _surrogate.FakeNumericalGradient, _slopes
    ),
    _surrogate.FastSigmoid: st.builds(_surrogate.FastSigmoid, _slopes, _slopes),
    _surrogate.InverseSquareRoot: st.builds(_surrogate.InverseSquareRoot, _slopes),
    _surrogate.LeakyReLU: st.builds(_surrogate.LeakyReLU, _sizes, _slopes),
    _surrogate.LogTailedReLU: st.builds(_surrogate.LogTailedReLU, _sizes),
    _surrogate.MultiGaussian: st.builds(
        _surrogate.MultiGaussian,
        # Up to a half: with flanks as heavy as the centre, all but 0 cancels at 0.
        st.floats(0, 0.5, width=32).map(lambda number: jnp.asarray(number, "f4")),
        _slopes,
        _slopes,
        _slopes,
    ),
    _surrogate.MultiLevelSpikeCount: st.sampled_from(
        (
            _surrogate.MultiLevelSpikeCount(),
            _surrogate.MultiLevelSpikeCount(2, window=(-0.5, 2.5)),
        )
    ),
    _surrogate.NonzeroSignLog: st.builds(_surrogate.NonzeroSignLog, _slopes),
    _surrogate.PiecewiseExponential: st.builds(
        _surrogate.PiecewiseExponential, _slopes, _slopes
    ),
    _surrogate.PiecewiseLeakyReLU: st.builds(
        _surrogate.PiecewiseLeakyReLU, _slopes, _sizes
    ),
    _surrogate.QPseudoSpike: st.builds(
        _surrogate.QPseudoSpike, _slopes.map(lambda slope: slope + 1)
    ),
    _surrogate.Rectangular: st.builds(_surrogate.Rectangular, _slopes, _slopes),
    _surrogate.S2NN: st.builds(_surrogate.S2NN, _slopes, _slopes),
    _surrogate.SecantLIF: st.builds(_surrogate.SecantLIF, _slopes, _slopes),
    _surrogate.Sigmoid: st.builds(_surrogate.Sigmoid, _slopes, _slopes),
    _surrogate.Sparse: st.builds(_surrogate.Sparse, st.just(_surrogate.Erf()), _slopes),
    _surrogate.SparseFastSigmoid: st.builds(
        _surrogate.SparseFastSigmoid, _slopes, _slopes
    ),
    _surrogate.SquareWaveFourierSeries: st.builds(
        _surrogate.SquareWaveFourierSeries, st.sampled_from((1, 2, 4)), _slopes
    ),
    _surrogate.StochasticSpikeOperator: st.builds(
        _surrogate.StochasticSpikeOperator, _sizes, _sizes
    ),
    _surrogate.StraightThrough: st.builds(_surrogate.StraightThrough, _slopes),
    _surrogate.Sum: st.just(
        _surrogate.Sum((_surrogate.Triangular(), _surrogate.StraightThrough(0.5)))
    ),
    _surrogate.Triangular: st.builds(_surrogate.Triangular, _slopes, _slopes),
}
