"""States of every kind: half precisions, complex ones, and those that are wrong."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import diffeq


METHODS = ("euler", "midpoint", "heun", "ralston", "rk4")
STEPS = (*METHODS, "leapfrog")


def turn(t, y, args):
    """Solved by exp(-i t), as one state, or as positions and momenta."""
    if isinstance(y, tuple):
        q, p = y
        return -1j * p, -1j * q
    return -1j * y


def spring(t, y, args):
    q, p = y
    return p, -q


def state(step, array):
    return (array, array) if step == "leapfrog" else array


def fade(t, y, args):
    return jax.tree.map(lambda leaf: -leaf, y)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", STEPS)
def test_half_precision_is_float32_and_rounded_where_stored(name, kind):
    step, start = diffeq.create(name), state(name, jnp.ones((2,)))
    narrow = jax.tree.map(lambda leaf: leaf.astype(kind), start)
    f = spring if name == "leapfrog" else fade
    dt = 2.0**-10  # float16 and bfloat16 hold it, and lose it when it is added to 1
    times = []
    for y0, length in ((start, dt), (narrow, dt), (narrow, jnp.asarray(dt, kind))):
        t0 = jnp.asarray(1, jnp.asarray(length).dtype)
        times.append(diffeq.solve(step, f, t0, y0, length, 5000, save_every=1000))
        times.append((t0, step(f, t0, y0, length)))
    for got in times[2:]:
        expected = times[0] if got[0].shape else times[1]
        if got[0].shape:
            np.testing.assert_array_equal(got[0], expected[0])
        for leaf, wide in zip(
            *map(jax.tree.leaves, (got[1], expected[1])), strict=True
        ):
            assert leaf.dtype == kind
            np.testing.assert_array_equal(leaf, wide.astype(kind))


@pytest.mark.parametrize("kind", ["complex64", "complex128"])
@pytest.mark.parametrize("name", STEPS)
def test_complex_states_are_computed(name, kind):
    with jax.enable_x64(kind == "complex128"):
        y0 = state(name, jnp.ones((2,), kind))
        _, ys = diffeq.solve(diffeq.create(name), turn, 0.0, y0, 1 / 256, 256)
        for leaf in jax.tree.leaves(ys):
            assert leaf.dtype == kind
            # Euler's step is wrong by dt / 2 after a time of 1.
            np.testing.assert_allclose(leaf[-1], np.exp([-1j, -1j]), rtol=1 / 500)


WRONG = {
    "a complex derivative": (
        jnp.ones(1),
        lambda y: y.astype("complex64"),
        "complex.* for float",
    ),
    "a real derivative": (jnp.ones(1, "complex64"), lambda y: y.real, "for complex64"),
    "one number": (jnp.ones((4, 1)), jnp.sum, r"float.*\[\] for .*\[4, 1\]"),
    "an axis less": (jnp.ones((4, 1)), lambda y: y[:, 0], r"\[4\] for .*\[4, 1\]"),
    "a list": (jnp.ones(2), lambda y: [y[1], y[0]], r"\[\w+\[\], .*for .*`jnp.stack`"),
    "a tuple": (jnp.ones(2), lambda y: (y[1], y[0]), r"`jnp.stack`"),
    "an array of a list": (
        [jnp.ones(()), jnp.ones(())],
        jnp.stack,
        r"\[2\] for \[.*\n.*`jnp.asarray`",
    ),
    "other keys": ({"a": jnp.ones(2)}, lambda y: {"b": y["a"]}, r"'b'.* for .*'a'"),
    "a wrong leaf": ({"a": jnp.ones(2)}, lambda y: {"a": y["a"][0]}, r"at `\['a'\]`"),
    "nothing": (jnp.ones(2), lambda y: None, "got None for"),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_derivative_that_is_none_of_the_state_is_an_error(wrong, name):
    y, derivative, match = WRONG[wrong]
    step = diffeq.create(name)

    def f(t, y, args):
        return tuple(map(derivative, y)) if name == "leapfrog" else derivative(y)

    y = (y, y) if name == "leapfrog" else y
    match = "(?s)`f` must return a derivative of the structure, .*" + match
    if name == "leapfrog":  # what is wrong lies deeper
        match = "`f` must return a derivative of the structure, .* got .* for "
    with pytest.raises(TypeError, match=match):
        step(f, 0.0, y, 0.1)
    with pytest.raises(TypeError, match=match) as raised:
        diffeq.solve(step, f, 0.0, y, 0.1, 4)
    assert len(str(raised.value).splitlines()) <= 3


def test_a_step_of_ones_own_keeps_what_the_state_looks_like():
    def step(f, t, y, dt, args):
        return y[None]

    with pytest.raises(TypeError, match=r"`step` must .* got float32\[1, 2\] for "):
        diffeq.solve(step, fade, 0.0, jnp.ones(2), 0.1, 4)


def test_states_as_users_of_scipy_give_them():
    def oscillate(t, y, args):
        return [y[1], -y[0]]

    expected = np.cos(1), -np.sin(1)
    for y0 in ([1.0, 0.0], [np.float32(1), np.float32(0)]):
        _, ys = diffeq.solve(diffeq.rk4, oscillate, 0.0, y0, 0.01, 100, save_every=None)
        np.testing.assert_allclose(ys, expected, atol=1e-5)
    start = np.asarray([1.0, 0.0])
    for name in METHODS:
        stepped = diffeq.create(name)(fade, 0.0, start, 0.5)
        assert isinstance(stepped, jax.Array) and stepped[1] == 0
    stepped = diffeq.leapfrog(spring, 0.0, (start, start), 0.5)
    assert all(isinstance(leaf, jax.Array) for leaf in stepped)
    np.testing.assert_allclose(diffeq.linear_2d(0.0, start), [-0.1, -2.0], rtol=1e-6)
    with pytest.raises(TypeError, match=r"(?s)`y0` .*\.astype\(float\)"):
        diffeq.solve(diffeq.rk4, fade, 0.0, np.asarray([1, 0]), 0.1, 4)
    with pytest.raises(TypeError, match=r"(?s)`y` .*`jnp.asarray`"):
        diffeq.rk4(fade, 0.0, [1.0, 0.0], 0.1)


def test_numbers_of_numpy_are_those_of_python():
    half: Any = np.float32(0.5)
    two: Any = np.int64(2)
    y0 = jnp.asarray([3.0, -1.5, 2.0])
    numpy = (diffeq.Lorenz(two, half), half, y0, half)
    python = (diffeq.Lorenz(2, 0.5), 0.5, y0, 0.5)
    assert numpy[0] == python[0]
    for name in METHODS:
        step = diffeq.create(name)
        got = step(*numpy, y_scale=half)
        np.testing.assert_array_equal(got, step(*python, y_scale=0.5))
    _, got = diffeq.solve(diffeq.rk4, *numpy, 2 * two, save_every=two)
    _, expected = diffeq.solve(diffeq.rk4, *python, 4, save_every=2)
    np.testing.assert_array_equal(got, expected)
    rows: Any = ((np.float32(0.5),),)
    assert diffeq.RungeKutta(rows, (0, 1)) == diffeq.midpoint


SYSTEMS = [diffeq.linear_2d, diffeq.cubic_2d, diffeq.linear_3d, diffeq.lorenz]
SYSTEMS += [diffeq.oscillator]


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_systems_round_half_precisions_once(system, kind):
    axes = 2 if "2D" in type(system).__name__ else 3
    y = jax.random.uniform(jax.random.key(0), (20, axes), kind, -30, 30)
    trained = jax.tree.map(lambda leaf: jnp.asarray(leaf, kind), system)
    same = jax.tree.map(lambda leaf: leaf.astype("float32"), trained)
    for narrow, wide in ((system, system), (trained, same)):
        expected = wide(0.0, y.astype("float32")).astype(kind)
        got = narrow(0.0, y)
        assert got.dtype == kind
        np.testing.assert_array_equal(got, expected)
