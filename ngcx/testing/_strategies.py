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
    largest = int(largest) if largest < 1e5 else largest
    return st.one_of(
        st.sampled_from(signed),
        st.floats(-10, 10),
        st.floats(-float(largest), float(largest)),
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
    """Every activation of ngcx, with hyper-parameters drawn from their usual range."""
    return st.one_of(
        st.just(_activations.Identity()),
        st.just(_activations.ReLU()),
        st.just(_activations.Sigmoid()),
        st.just(_activations.Tanh()),
        st.just(_activations.Softplus()),
        st.builds(_activations.Softmax, st.floats(0.1, 10)),
    )


def surrogates() -> st.SearchStrategy[_surrogate.AbstractSurrogate]:
    """Every surrogate of ngcx, with hyper-parameters drawn from their usual range."""
    return st.one_of(
        st.builds(_surrogate.StraightThrough, gain=_slopes),
        st.builds(_surrogate.Arctan, alpha=_slopes, gain=_slopes),
    )


def initializers() -> st.SearchStrategy[_init.AbstractInitializer]:
    """Every initializer of ngcx, with parameters drawn from their usual range."""
    return st.one_of(
        st.builds(_init.Constant, st.floats(-10, 10)),
        st.builds(_init.Uniform, st.floats(-10, 0), st.floats(0, 10)),
        st.builds(_init.Gaussian, st.floats(-10, 10), st.floats(0, 10)),
        st.just(_init.FanInUniform()),
        st.just(_init.FanInGaussian()),
    )


_slopes = st.floats(0.1, 100)
