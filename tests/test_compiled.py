"""The decorator `compiled`: every row of the table in its docstring, and its checks."""

# Some arguments are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import copy
import inspect
import pickle
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from ngcx import _compiled, activations
from ngcx._compiled import compiled
from ngcx._module import Module
from ngcx._typing import Count, Fraction, Must, Natural, NonNegative, Positive, Scalar


@pytest.fixture
def traces():
    return []


class Affine(eqx.Module):
    slope: float | Float[Array, ""]
    shift: float | Float[Array, ""] = 0.0

    def __call__(self, x):
        return self.slope * x + self.shift


def test_arrays_and_numbers_are_traced(traces):
    @compiled
    def scaled(x: Float[Array, "*shape"], factor: Scalar) -> Float[Array, "*shape"]:
        traces.append(x.shape)
        return x * factor

    x = jnp.ones(3)
    for factor in (1.0, 2.0, 3.0):
        assert jnp.array_equal(scaled(x, factor), factor * x)
    assert scaled(2 * x, factor=1.0)[0] == 2
    assert len(traces) == 2  # a keyword is another signature
    scaled(jnp.ones(4), 1.0)
    scaled(x.astype(jnp.float16), 1.0)
    assert len(traces) == 4


def test_static_arguments_are_constants(traces):
    @compiled(static=("axis",))
    def total(x: Float[Array, "..."], axis: int = -1) -> Float[Array, "..."]:
        traces.append(axis)
        return jnp.sum(x, axis)

    x = jnp.ones((2, 3))
    for axis in (0, 1, 0):
        assert total(x, axis).shape == total(x, axis=axis).shape
    assert total(x).shape == (2,)
    assert traces == [0, 0, 1, 1, -1]


@pytest.mark.parametrize("by_name", [False, True])
def test_arrays_in_a_static_argument_are_traced(traces, by_name):
    @compiled(static=("function",))
    def applied(x: Float[Array, "*shape"], function) -> Float[Array, "*shape"]:
        traces.append(1)
        return function(x)

    def apply(x, function):
        return applied(x, function=function) if by_name else applied(x, function)

    x = jnp.ones(2)
    for slope in (1.0, 2.0, 3.0):
        assert apply(x, Affine(jnp.asarray(slope)))[0] == slope
    assert len(traces) == 1
    # A number in it is a constant.
    for slope in (1.0, 2.0, 1.0):
        assert apply(x, Affine(slope))[0] == slope
    assert len(traces) == 3
    gradient = eqx.filter_grad(lambda function: jnp.sum(apply(x, function)))
    assert gradient(Affine(jnp.asarray(2.0))).slope == 2


def test_several_static_arguments_keep_their_arrays_apart():
    @compiled(static=("first", "second"))
    def both(second, first) -> Float[Array, "2"]:
        return jnp.stack([first.slope, second.slope])

    one, two = Affine(jnp.asarray(1.0)), Affine(jnp.asarray(2.0))
    assert both(two, one).tolist() == [1, 2]
    assert both(two, first=one).tolist() == [1, 2]
    assert both(first=one, second=two).tolist() == [1, 2]


class Cell(Module):
    gain: Positive[Scalar] = 1.0
    bias: Scalar = 0.0

    @compiled
    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.gain * x + self.bias

    @compiled(static=("power",))
    def power(
        self, x: Float[Array, "*shape"], power: Count = 1, *further: Scalar
    ) -> Float[Array, "*shape"]:
        """A power of the output."""
        return self(x) ** power + sum(further)


def test_methods_are_like_functions_of_their_module():
    x = jnp.asarray(3.0)
    assert Cell(2.0).power(x, 2) == 36
    assert Cell(2.0).power(x, 2, 1.0, 2.0) == 39
    assert Cell(jnp.asarray(2.0)).power(x, power=2) == 36
    assert Cell.power(Cell(2.0), x) == 6
    assert (
        eqx.filter_grad(lambda cell: cell.power(x, 2))(Cell(jnp.asarray(2.0))).gain
        == 36
    )
    assert jax.vmap(Cell(2.0).power)(jnp.arange(3.0)).tolist() == [0, 2, 4]


def test_a_module_is_taken_apart_once(monkeypatch):
    def refused(*_):
        raise AssertionError("an eager method goes the long way")

    monkeypatch.setattr(_compiled._Program, "of_python", refused)
    activation = activations.Tanh()
    activation.derivative(jnp.ones(3))
    assert _compiled.split(activation)[1] is _compiled.split(activation)[1]


def test_bound_methods_look_like_methods():
    power = Cell(2.0).power
    assert power.__name__ == "power"
    assert list(inspect.signature(power).parameters) == ["x", "power", "further"]
    assert inspect.isfunction(Cell.power)
    assert Cell.power.__doc__ == "A power of the output."
    assert repr(power) == "Cell(gain=2.0).power"
    for copied in (pickle.loads(pickle.dumps(power)), copy.deepcopy(power)):
        assert copied(jnp.asarray(3.0)) == 6
        assert copied == power
    assert power != Cell(3.0).power
    assert power != Cell(2.0).__call__


def test_before_may_raise_and_replace():
    def before(x, bound):
        if bound == 13:
            raise ValueError("`bound` must not be 13.")
        return {"bound": 2 * bound} if bound > 0 else None

    @compiled(before=before)
    def limited(x: Float[Array, "*shape"], bound: Scalar) -> Float[Array, "*shape"]:
        return jnp.minimum(x, bound)

    x = jnp.asarray(100.0)
    assert limited(x, 4) == 8
    assert limited(x, bound=4) == 8
    assert limited(x, -1) == -1
    with pytest.raises(ValueError, match="must not be 13"):
        limited(x, 13)
    # What `before` stumbles over is said as a mistake of the argument.
    with pytest.raises(TypeError, match="`bound` of `.*limited` must be a number"):
        limited(x, "four")
    with pytest.raises(TypeError, match="`bound` of `.*limited` must be given"):
        limited(x)


ALLOWED = {
    Positive[Scalar]: ([1e-30, 1, 5.0, np.float32(2)], [0, 0.0, -1, float("nan")]),
    NonNegative[Scalar]: ([0, 0.0, 3.5], [-1e-30, -1, float("nan")]),
    Fraction[Scalar]: ([0, 1, 0.5], [-0.1, 1.1, float("nan"), float("inf")]),
    Positive[Scalar] | None: ([None, 2.0], [0.0]),
    Annotated[Scalar, Must("below 3", lambda value: value < 3)]: (
        [2],
        [3, np.int64(3)],
    ),
}


@pytest.mark.parametrize("hint", ALLOWED, ids=str)
def test_ranges_hold_for_arguments_and_fields(hint):
    def identity(x):
        return x

    identity.__annotations__ = {"x": hint}
    static = compiled(identity, static=("x",))
    traced, on_host = compiled(identity), compiled(identity, jit=False)

    class Holder(Module):
        __module__ = "ngcx"
        x: hint  # pyright: ignore[reportInvalidTypeForm]

    right, wrong = ALLOWED[hint]
    makers = [traced, static, on_host, Holder]
    for value in right:
        for make in makers:
            make(value)
    for value in wrong:
        for make in makers:
            with pytest.raises(ValueError, match="`x` must be"):
                make(value)
    # What an array holds may not be known.
    traced(jnp.asarray(-1.0))
    Holder(jnp.asarray(-1.0))


def test_counts_are_integers():
    class Holder(Module):
        __module__ = "ngcx"
        count: Count = 1
        natural: Natural = 0

    for wrong in ({"count": 0}, {"natural": -1}):
        with pytest.raises(ValueError, match="or more; got"):
            Holder(**wrong)
    with pytest.raises(TypeError, match="`count` of `Holder` must be an integer"):
        Holder(count=1.5)


NUMBERS = {
    float | int: np.float32(0.5),
    Scalar: np.float64(0.5),
    bool: np.bool_(True),
    Count: np.int64(3),
    float | Natural: np.uint8(3),
    Scalar | Literal["fit"]: jnp.dtype("bfloat16").type(0.5),
    tuple[int, int]: (np.int32(2), 3),
    Count | tuple[int, int]: (np.int64(2), np.int8(3)),
    tuple[tuple[float, ...], ...]: ((np.float32(0.5),), (1.0, np.float16(2))),
}


@pytest.mark.parametrize("hint", NUMBERS, ids=str)
def test_a_constant_of_numpy_is_that_of_python(hint):
    seen = []

    def look(x, *, y):
        seen.extend([x, y])

    look.__annotations__ = {"x": hint, "y": hint}

    class Holder(Module):
        __module__ = "ngcx"
        x: hint  # pyright: ignore[reportInvalidTypeForm]
        y: hint = eqx.field(static=True)  # pyright: ignore[reportInvalidTypeForm]

    value = NUMBERS[hint]
    for make in (compiled(look, static=("x", "y")), compiled(look, jit=False)):
        make(value, y=value)
    holder = Holder(value, value)
    seen.extend([holder.x, holder.y])
    assert len(seen) == 6
    for each in seen:
        assert each == value and not any(map(eqx.is_array, jax.tree.leaves(each)))


def test_what_is_traced_keeps_the_dtype_that_numpy_gave_it():
    @compiled
    def same(x: Scalar) -> Array:
        return jnp.asarray(x)

    for dtype in (np.float16, jnp.bfloat16, np.float32, np.int8):
        assert same(dtype(2)).dtype == dtype


def test_types_are_judged_before_relations():
    class Between(Module):
        __module__ = "ngcx"
        low: float
        high: float

        def __check_init__(self):
            if not self.low < self.high:
                raise ValueError("`low` must be below `high`.")

    class Derived(Between):
        __module__ = "ngcx"
        middle: float = 0.0

    for kind in (Between, Derived):
        with pytest.raises(TypeError, match=f"`high` of `{kind.__name__}` must be"):
            kind(1.0, "2")
        with pytest.raises(ValueError, match="below"):
            kind(2.0, 1.0)


def test_fields_of_users_are_their_own_business():
    class Mine(activations.AbstractElementwise):
        slope: int
        equation = "x"

        def _value(self, x):
            return self.slope * x

        def _derivative(self, x):
            return self.slope * jnp.ones_like(x)

    # Its module is not part of ngcx, so that its annotations are not judged.
    assert Mine(2.5)(jnp.asarray(2.0)) == 5
    assert isinstance(Mine(np.int8(2)).slope, np.int8)


def test_the_result_is_checked_too():
    @compiled
    def wrong(x: Float[Array, "n"]) -> Float[Array, "n n"]:
        return x

    with pytest.raises(TypeError, match=r"`result` of `.*wrong` must be .* \(n, n\)"):
        wrong(jnp.ones(2))


def test_nothing_remains_in_the_programs_of_callers():
    def caller(x):
        return activations.ReLU()(x)

    jaxpr = jax.make_jaxpr(caller)(jnp.ones(3))
    assert "pjit" not in {equation.primitive.name for equation in jaxpr.eqns}


def test_without_jit_all_is_as_with_it():
    x = jnp.asarray(3.0)
    with jax.disable_jit():
        assert Cell(2.0).power(x, 2) == 36
        assert Cell(jnp.asarray(2.0))(x) == 6
