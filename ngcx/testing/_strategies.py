import inspect
import math
from typing import TypeVar

import hypothesis.strategies as st
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .. import activations as _activations, init as _init, surrogate as _surrogate
from .._registry import classes
from .._typing import Fraction, NonNegative, Parameter, Positive, Scalar


M = TypeVar("M")
# Kinks of common functions, thresholds, and where exponentials over- and underflow.
_LANDMARKS = (0.0, 0.5, 1.0, 2.0, 3.0, 6.0, 11.0, 17.0, 88.0, 104.0, 709.0, 745.0)


def floats_for(dtype: DTypeLike) -> st.SearchStrategy[float]:
    """Draws finite numbers that `dtype` can hold exactly, over its whole range.

    Kinks, signed zeros, subnormals, and the smallest and largest numbers are drawn more
    often.

    **Returns:** a strategy of hypothesis that draws Python numbers.

    !!! example

        ```python
        >>> import hypothesis
        >>> import numpy as np
        >>> from ngcx.testing import floats_for
        >>> @hypothesis.given(floats_for("float16"))
        ... def test(number):
        ...     assert np.float16(number) == number
        >>> test()

        ```
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
    """Draws arrays of the numbers of [`ngcx.testing.floats_for`][]. float64 needs
    `jax.enable_x64`.

    **Arguments:**

    - `dtype`: the dtype of the arrays.
    - `shape`: the shape of the arrays.

    **Returns:** a strategy of hypothesis that draws arrays.

    !!! example

        ```python
        >>> import hypothesis
        >>> import jax.numpy as jnp
        >>> from ngcx.testing import arrays
        >>> @hypothesis.given(arrays("bfloat16", (4,)))
        ... def test(x):
        ...     assert (jnp.abs(x) >= x).all()
        >>> test()

        ```
    """
    size = math.prod(shape)
    return st.lists(floats_for(dtype), min_size=size, max_size=size).map(
        lambda numbers: jnp.asarray(np.reshape(numbers, shape), dtype)
    )


def keys() -> st.SearchStrategy[PRNGKeyArray]:
    """Typed keys of `jax.random`.

    **Returns:** a strategy of hypothesis that draws keys.

    !!! example

        ```python
        >>> import hypothesis
        >>> import jax.random as jr
        >>> from ngcx.testing import keys
        >>> @hypothesis.given(keys())
        ... def test(key):  # pytest calls it
        ...     assert 0 <= jr.uniform(key) < 1

        ```
    """
    return st.integers(0, 2**32 - 1).map(jr.key)


def activations() -> st.SearchStrategy[_activations.AbstractActivation]:
    """Every activation of ngcx. Hyper-parameters are arrays, drawn from their usual
    range, so no draw compiles again.

    **Returns:** a strategy of hypothesis that draws activations.

    !!! example

        ```python
        >>> import hypothesis
        >>> import jax.numpy as jnp
        >>> from ngcx.testing import activations
        >>> @hypothesis.given(activations())
        ... def test(activation):  # pytest calls it
        ...     assert activation(jnp.ones(6)).shape == (6,)

        ```
    """
    members = classes(_activations.__name__, _activations.AbstractActivation)
    return st.one_of(*map(instances, members.values()))


def surrogates() -> st.SearchStrategy[_surrogate.AbstractSurrogate]:
    """Every surrogate of ngcx but `EscapeNoise`, which needs a key. Hyper-parameters
    are arrays, drawn from their usual range, so no draw compiles again.

    **Returns:** a strategy of hypothesis that draws surrogates.

    !!! example

        ```python
        >>> import hypothesis
        >>> import jax.numpy as jnp
        >>> from ngcx.testing import surrogates
        >>> @hypothesis.given(surrogates())
        ... def test(surrogate):  # pytest calls it
        ...     assert surrogate(-jnp.ones(6)).shape == (6,)

        ```
    """
    members = classes(_surrogate.__name__, _surrogate.AbstractSurrogate)
    return st.one_of(
        *(
            instances(member)
            for member in members.values()
            if member is not _surrogate.EscapeNoise
        )
    )


_CONSTRAINED = (
    _init.Gaussian().constrain(_init.Clip(-1.0, 1.0), _init.Hollow()),
    _init.Uniform().constrain(_init.LowerTriangle(), _init.RowMask([0])),
    _init.HeNormal().constrain(_init.ColumnMask(1)),
)


def initializers() -> st.SearchStrategy[_init.AbstractInitializer]:
    """Every initializer of ngcx, for matrices; some with constraints. Parameters are
    arrays, drawn from their usual range, so no draw compiles again.

    **Returns:** a strategy of hypothesis that draws initializers.

    !!! example

        ```python
        >>> import hypothesis
        >>> from ngcx.testing import initializers, keys
        >>> @hypothesis.given(initializers(), keys())
        ... def test(draw, key):  # pytest calls it
        ...     assert draw(key, (4, 3)).shape == (4, 3)

        ```
    """
    return st.one_of(
        st.builds(_init.Constant, _within(-10, 10)),
        st.builds(_init.DiagOffDiag, _within(-10, 10), _within(-10, 10)),
        st.builds(_init.Uniform, _within(-10, 0), _within(0, 10)),
        st.builds(_init.Gaussian, _within(-10, 10), _within(0, 10)),
        st.builds(_init.LogGaussian, _within(0, 1)),
        st.builds(_init.TruncatedGaussian, _within(-10, 10), _within(1, 10)),
        st.builds(_init.Identity, _within(-10, 10)),
        st.builds(_init.DeltaOrthogonal, _within(-10, 10)),
        st.builds(_init.Sparse, st.just(2), _within(0, 10)),
        st.sampled_from(
            (
                _init.VarianceScaling(3.0, "fan_out", "normal"),
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


def instances(member: type[M]) -> st.SearchStrategy[M]:
    """Instances of an activation or a surrogate, whose hyper-parameters are arrays in
    the ranges that their annotations state.
    """
    if member in _MADE:
        return st.sampled_from(_MADE[member])
    arguments = {
        # A gain of 0 has nothing to test, and one below 1 would bring back a primitive
        # that has overflowed.
        name: _within(1, 64) if name == "gain" else _NUMBERS[parameter.annotation]
        for name, parameter in inspect.signature(member).parameters.items()
        if parameter.annotation in _NUMBERS
    }
    return st.builds(member, **arguments | _ARGUMENTS.get(member, {}))


_positive = _within(0.125, 64)
_not_negative = st.one_of(st.just(jnp.zeros((), "f4")), _positive)
_NUMBERS = {
    annotation: strategy
    for number in (Parameter, Scalar)
    for annotation, strategy in (
        (number, _not_negative),
        (NonNegative[number], _not_negative),
        (Positive[number], _positive),
        (Fraction[number], _within(0, 1)),
    )
}


def _laplace(x):
    return jnp.exp(-jnp.abs(x))


def _laplace_integral(x):
    return -jnp.sign(x) * jnp.expm1(-jnp.abs(x))


# These arguments have annotations that do not say what to draw.
_ARGUMENTS = {
    **{
        wrapper: {"surrogate": st.just(_surrogate.Erf())}
        for wrapper in (
            _surrogate.AtThreshold,
            _surrogate.MultiSpike,
            _surrogate.Sparse,
        )
    },
    _activations.BinaryKWTA: {"k": st.just(2)},
    _activations.Clip: {"min": _not_negative.map(jnp.negative), "max": _positive},
    _activations.GELU: {"approximation": st.sampled_from(("sigmoid", "tanh", "none"))},
    _activations.KWTA: {"k": st.just(2)},
    _surrogate.Custom: {
        "derivative": st.just(_laplace),
        "primitive": st.just(_laplace_integral),
    },
    # Next to a centre far away, the input drowns.
    _surrogate.EscapeExponential: {"center": _within(0, 0.25)},
    # If the flanks are as heavy as the centre, all but 0 cancels at 0.
    _surrogate.MultiGaussian: {"h": _within(0, 0.5)},
    _surrogate.QPseudoSpike: {"alpha": _positive.map(lambda number: number + 1)},
    _surrogate.SquareWaveFourierSeries: {"n": st.sampled_from((1, 4))},
}
# These hold tuples; what is said of those above holds of them too.
_MADE = {
    _surrogate.MultiLevelSpikeCount: (
        _surrogate.MultiLevelSpikeCount(),
        _surrogate.MultiLevelSpikeCount(2, window=(-0.5, 2.5)),
    ),
    _surrogate.Sum: (
        _surrogate.Sum((_surrogate.Triangular(), _surrogate.StraightThrough(0.5))),
    ),
}
