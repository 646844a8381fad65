"""Orders, conserved quantities, grids and gradients of the integrators."""

import pydoc

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, strategies as st

from ngcx import diffeq


ORDERS = {"euler": 1, "midpoint": 2, "heun": 2, "ralston": 2, "rk4": 4}


def growth(t, y, args):
    """Solved by exp(args sin t), as a pytree of two."""
    return {name: args * jnp.cos(t) * leaf for name, leaf in y.items()}


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
@pytest.mark.parametrize("name", ORDERS)
def test_order_of_convergence(name, dtype):
    errors, step = [], diffeq.create(name)
    for steps in (128, 256):
        start = {"a": jnp.ones(()), "b": jnp.full((2,), 3.0)}
        end, y = diffeq.solve(
            step, growth, 0.0, start, 2 / steps, steps, 1.0, save_every=None
        )
        assert end == 2
        exact = np.exp(np.sin(2))
        np.testing.assert_allclose(y["b"], 3 * y["a"], rtol=1e-12)
        errors.append(abs(float(y["a"]) - exact))
    assert abs(np.log2(errors[0] / errors[1]) - ORDERS[name]) < 0.1


numbers = st.integers(-8, 8).map(lambda n: n / 8)  # sums of these are exact


@st.composite
def tableaus(draw):
    stages = draw(st.integers(1, 4))
    rows = [draw(st.lists(numbers, min_size=n, max_size=n)) for n in range(1, stages)]
    weights = draw(st.lists(numbers, min_size=stages - 1, max_size=stages - 1))
    return tuple(map(tuple, rows)), (*weights, 1 - sum(weights))


@given(tableau=tableaus(), y=st.floats(-2, 2), scale=st.sampled_from([1.0, 0.5]))
def test_a_tableau_of_ones_own_is_its_formula(tableau, y, scale):
    def f(t, y, rate):
        return t - rate * y

    method = diffeq.RungeKutta(*tableau)
    slopes, dt = [f(0.5, y, 2.0)], 0.25
    for row in method.rows:
        stage = scale * y + dt * sum(a * k for a, k in zip(row, slopes, strict=True))
        slopes.append(f(0.5 + dt * sum(row), stage, 2.0))
    expected = scale * y
    expected += dt * sum(b * k for b, k in zip(method.weights, slopes, strict=True))
    with jax.enable_x64(True):
        got = method(f, 0.5, jnp.asarray(y), dt, 2.0, y_scale=scale)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_equal_tableaus_are_one_program_whose_numbers_are_constants():
    traces = []

    def f(t, y, args):
        traces.append(None)
        return -y

    heun = diffeq.RungeKutta(((1,),), (1 / 2, 1 / 2))
    assert heun == diffeq.heun and hash(heun) == hash(diffeq.heun)
    assert heun != diffeq.midpoint
    for step in (diffeq.heun, heun):
        diffeq.solve(step, f, 0.0, jnp.ones(3), 0.1, 4)
    assert len(traces) == 2  # one for each stage
    program = jax.make_jaxpr(lambda y: diffeq.rk4(f, 0.0, y, 0.1))(jnp.ones(3))
    assert not program.consts and not jax.tree.leaves(diffeq.rk4)


@pytest.mark.parametrize(
    ("rows", "weights", "match"),
    [
        (((1, 2),), (0.5, 0.5), r"`rows` must have 1, 2, 3 .* got rows of \[2\]"),
        (((1,), (1,)), (0.5, 0.5), r"`rows` must .* got rows of \[1, 1\]"),
        (((1,),), (1,), r"`weights` must be 2 numbers, .* got \(1,\)"),
        (((1,),), (0.5, 0.6), r"`weights` must .* sum is 1; got \(0.5, 0.6\)"),
        ((), (float("nan"),), r"`weights` must be 1 numbers"),
    ],
)
def test_wrong_tableaus_are_errors(rows, weights, match):
    with pytest.raises(ValueError, match=match):
        diffeq.RungeKutta(rows, weights)


def test_help_of_a_method_says_what_it_is():
    text = pydoc.plain(pydoc.render_doc(diffeq.ralston))
    for name, order in ORDERS.items():
        assert f"`{name}` | {order} |" in text
    assert "Ralston, 1962" in text


def spring(t, y, args):
    q, p = y
    return p, -q


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_leapfrog_keeps_the_energy_for_a_million_steps(dtype):
    start = jnp.ones(()), jnp.zeros(())
    _, (q, p) = diffeq.solve(
        diffeq.leapfrog, spring, 0.0, start, 0.1, 1_000_000, save_every=1000
    )
    energy = q**2 + p**2
    # Its error is bounded by dt^2 / 4, for all times.
    assert np.max(np.abs(energy - 1)) < 0.1**2 / 4 * 1.01
    errors = []
    for steps in (100, 200):
        _, (q, _) = diffeq.solve(
            diffeq.leapfrog, spring, 0.0, start, 1 / steps, steps, save_every=None
        )
        errors.append(abs(float(q) - np.cos(1)))
    assert abs(np.log2(errors[0] / errors[1]) - 2) < 0.1
    _, (q, p) = diffeq.solve(diffeq.leapfrog, spring, 0.0, start, 0.1, 10)
    np.testing.assert_allclose((q[-1], p[-1]), (0.53995, -0.84064), atol=1e-5)


@pytest.mark.parametrize(
    ("system", "start"),
    [
        (diffeq.linear_2d, (3.0, -1.5)),
        (diffeq.cubic_2d, (2.0, 0.0)),
        (diffeq.linear_3d, (1.0, 1.0, -1.0)),
        (diffeq.lorenz, (-8.0, 7.0, 27.0)),
        (diffeq.oscillator, (0.5, 0.05, 0.1)),
    ],
)
@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_systems_run_as_scipy_runs_their_equations(system, start, dtype):
    def equations(t, y):
        x, y, *z = y
        match system:
            case diffeq.Linear2D():
                return [-0.1 * x + 2 * y, -2 * x - 0.1 * y]
            case diffeq.Cubic2D():
                return [-0.1 * x**3 + 2 * y**3, -2 * x**3 - 0.1 * y**3]
            case diffeq.Linear3D():
                return [-0.1 * x + 2 * y, -2 * x - 0.1 * y, -0.3 * z[0]]
            case diffeq.Lorenz():
                return [10 * (y - x), x * (28 - z[0]) - y, x * y - 8 / 3 * z[0]]
        turn = 3 - 2 * y - 5 * z[0]
        return [
            0.05 * x + 1.1 * x * y,
            -0.01 * y + turn * z[0] - 1.1 * x**2,
            -0.01 * z[0] - turn * y,
        ]

    expected = scipy.integrate.solve_ivp(
        equations, (0, 1), start, rtol=1e-11, atol=1e-11
    ).y[:, -1]
    _, y = diffeq.solve(
        diffeq.rk4, system, 0.0, jnp.asarray(start), 1e-3, 1000, save_every=None
    )
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    # States may come in a batch, and coefficients may be arrays.
    trained = jax.tree.map(jnp.asarray, system)
    batch = trained(0.0, jnp.stack([jnp.asarray(start)] * 3), None)
    np.testing.assert_allclose(batch[1], system(0.0, jnp.asarray(start)), rtol=1e-12)


def test_the_grid_is_exact_and_what_is_saved():
    start = jnp.asarray([-8.0, 7.0, 27.0])
    times, states = diffeq.solve(diffeq.euler, diffeq.lorenz, 0.0, start, 1e-3, 100_000)
    np.testing.assert_array_equal(
        times, np.arange(1, 100_001, dtype="f4") * np.float32(1e-3)
    )
    assert states.shape == (100_000, 3)
    few_times, few = diffeq.solve(
        diffeq.euler, diffeq.lorenz, 0.0, start, 1e-3, 100, save_every=20
    )
    np.testing.assert_array_equal(few_times, times[19:100:20])
    np.testing.assert_allclose(few, states[19:100:20], rtol=1e-5)
    end, last = diffeq.solve(
        diffeq.euler, diffeq.lorenz, 0.0, start, 1e-3, 100, save_every=None
    )
    np.testing.assert_array_equal(end, times[99])
    np.testing.assert_allclose(last, states[99], rtol=1e-5)


def test_dtypes_are_kept(dtype):
    start = jnp.ones((), dtype)
    # All methods are one class, so that each is tried in one dtype, and one in all.
    others = {"float16": "euler", "bfloat16": "heun", "float32": "ralston"}
    for name in ("rk4", others.get(dtype.name, "midpoint")):
        _, y = diffeq.solve(
            diffeq.create(name), lambda t, y, args: -y, 0.0, start, 0.125, 8
        )
        assert y.dtype == dtype
        assert abs(float(y[-1]) - np.exp(-1)) < 0.05


@pytest.mark.parametrize("checkpoint", [False, True])
def test_gradients_reach_coefficients_and_start(checkpoint):
    def end(system, start):
        _, y = diffeq.solve(
            diffeq.rk4, system, 0.0, start, 0.01, 100, checkpoint=checkpoint
        )
        return y[-1, 0]

    system = diffeq.Linear2D(a=jnp.asarray(-0.1))
    start = jnp.asarray([3.0, -1.5])
    gradient, _ = eqx.filter_grad(lambda both: end(*both))((system, start))
    # The solution is exp(a t) times a rotation.
    np.testing.assert_allclose(gradient.a, end(system, start), rtol=1e-4)
    assert gradient.b is None


def test_compiles_once():
    traces = []

    def field(t, y, args):
        traces.append(None)
        return -args * y

    for value in (0.5, 1.0):
        diffeq.solve(diffeq.euler, field, value, jnp.ones(3), value, 10, value)
    assert len(traces) == 1


def test_a_state_narrower_than_time_and_arguments(dtype, standard_promotion):
    def f(t, y, rate):
        return -rate * jnp.sin(jnp.asarray(t, "float32")) * y.astype("float32")

    start = jnp.ones(3, dtype)
    times, ys = diffeq.solve(diffeq.rk4, f, 0.0, start, 0.1, 4, jnp.float32(2))
    assert ys.dtype == dtype and times.dtype == jnp.result_type(float)
    assert diffeq.euler(f, 0.0, start, 0.1, jnp.float32(2)).dtype == dtype


def test_arguments_are_handed_on_as_they_are():
    traces = []

    def f(t, y, args):
        traces.append(None)
        rate, index = args
        return jnp.broadcast_to(-rate * y[index], y.shape)

    for rate in (1.0, 2.0, 3.0):
        _, ys = diffeq.solve(diffeq.euler, f, 0, jnp.ones(3), 1, 2, (rate, 1))
        np.testing.assert_allclose(ys[-1], (1 - rate) ** 2, atol=1e-6)
    assert len(traces) == 1
    times, _ = diffeq.solve(
        diffeq.euler, f, jnp.array(0), jnp.ones(3), jnp.array(2), 3, (1.0, 1)
    )
    np.testing.assert_array_equal(times, [2.0, 4.0, 6.0])


def test_y_scale_dampens():
    got = diffeq.euler(lambda t, y, args: -y, 0.0, jnp.ones(2), 0.1, y_scale=0.5)
    np.testing.assert_allclose(got, 0.4, rtol=1e-6)
    got = diffeq.heun(lambda t, y, args: -y, 0.0, jnp.ones(2), 0.1, y_scale=0.5)
    np.testing.assert_allclose(got, 0.5 - 0.05 * (1 + 0.4), rtol=1e-6)


def test_agrees_with_diffrax():
    start = jnp.asarray([-8.0, 7.0, 27.0])
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        expected = diffrax.diffeqsolve(
            diffrax.ODETerm(diffeq.lorenz), diffrax.Heun(), 0.0, 1.0, 0.01, start
        ).ys
    assert expected is not None
    _, y = diffeq.solve(
        diffeq.heun, diffeq.lorenz, 0.0, start, 0.01, 100, save_every=None
    )
    np.testing.assert_allclose(y, expected[-1], rtol=1e-4)
    # What differs between the methods is the tableau.
    for ours, theirs in (
        (diffeq.heun, diffrax.Heun.tableau),
        (diffeq.midpoint, diffrax.Midpoint.tableau),
        (diffeq.ralston, diffrax.Ralston.tableau),
    ):
        # diffrax appends stages that estimate the error.
        stages = len(ours.weights)
        np.testing.assert_allclose(ours.weights, theirs.b_sol[:stages])
        assert not np.any(theirs.b_sol[stages:])
        for row, lower in zip(ours.rows, theirs.a_lower, strict=False):
            np.testing.assert_allclose(row, lower)


def test_names():
    aliases = {"rk1": "euler", "rk2": "midpoint", "rk2_heun": "heun"}
    aliases |= {"rk2_ralston": "ralston", "rk4": "rk4", "leapfrog": "leapfrog"}
    for alias, name in aliases.items():
        assert diffeq.create(alias) is getattr(diffeq, name)
    with pytest.raises(ValueError, match="`name` must be one of .* mean 'heun'"):
        diffeq.create("huen")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"steps": -1}, "`steps` must be 0 or more; got -1"),
        ({"save_every": 3}, "`save_every` must divide `steps`, 10; got 3"),
        ({"save_every": 0}, "`save_every` must be 1 or more; got 0"),
        ({"y0": jnp.ones(3, int)}, "`y0` of `solve`"),
        ({"steps": 1.5}, "`steps` of `solve`"),
    ],
)
def test_wrong_arguments_are_errors(options, match):
    given = {"y0": jnp.ones(3), "steps": 10} | options
    with pytest.raises((ValueError, TypeError), match=match):
        diffeq.solve(diffeq.rk4, diffeq.lorenz, 0.0, dt=0.1, **given)
