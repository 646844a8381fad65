"""States at chosen times, stops, and keyword arguments of the system."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import diffeq

from .test_diffeq import growth


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_states_at_chosen_times(dtype):
    asked = jnp.asarray([0.0, 1.99, 0.5, 0.123, 2.0, 1.0, -1.0, 3.0])
    errors = []
    for steps in (16, 32):
        start = {"a": jnp.ones(()), "b": jnp.full((2,), 3.0)}
        times, y = diffeq.solve(
            diffeq.rk4, growth, 0.0, start, 2 / steps, steps, 1.0, save_at=asked
        )
        # What is asked for beyond the ends is the ends.
        np.testing.assert_array_equal(times, np.clip(asked, 0, 2))
        np.testing.assert_allclose(y["b"], np.stack([3 * y["a"]] * 2, 1), rtol=1e-12)
        errors.append(np.abs(np.asarray(y["a"]) - np.exp(np.sin(times))))
        _, every = diffeq.solve(diffeq.rk4, growth, 0.0, start, 2 / steps, steps, 1.0)
        np.testing.assert_allclose(y["a"][5], every["a"][steps // 2 - 1], rtol=1e-14)
    # A time between two steps is as accurate as one on the grid.
    assert errors[0][0] == 0 and np.all(errors[0] < 1e-4)
    assert np.all(np.log2(errors[0][1:6] / errors[1][1:6]) > 3.5)

    def at(time):
        return diffeq.solve(
            diffeq.rk4, growth, 0.0, {"a": jnp.ones(())}, 0.02, 100, 1.0, save_at=time
        )[1]["a"][0]

    slope = jax.grad(at)(jnp.asarray([0.733]))
    exact = np.cos(0.733) * np.exp(np.sin(0.733))
    np.testing.assert_allclose(slope, [exact], rtol=1e-6)


def test_chosen_times_may_go_back_or_have_no_steps():
    def decay(t, y, args):
        return -y

    times = jnp.asarray([-0.25, -1.0, 0.5])
    got, y = diffeq.solve(diffeq.rk4, decay, 0.0, jnp.ones(()), -0.1, 10, save_at=times)
    np.testing.assert_allclose(got, [-0.25, -1, 0], rtol=1e-6)
    np.testing.assert_allclose(y, np.exp([0.25, 1, 0]), rtol=1e-5)
    got, y = diffeq.solve(diffeq.rk4, decay, 1.0, jnp.ones(()), 0.1, 0, save_at=times)
    assert got.tolist() == [1, 1, 1] and y.tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "complex64"])
def test_chosen_times_keep_the_dtype(kind):
    def decay(t, y, args):
        return -y

    start, asked = jnp.ones(2, kind), jnp.asarray([0.25, 1.0])
    _, y = diffeq.solve(diffeq.rk4, decay, 0.0, start, 0.01, 100, save_at=asked)
    assert y.dtype == kind and y.shape == (2, 2)
    error = 2 * float(jnp.finfo(kind).eps) + 1e-6
    expected = np.exp([-0.25, -1.0])
    np.testing.assert_allclose(jnp.real(y[:, 0]).astype("f4"), expected, rtol=error)


def far(t, y, args):
    return y > args["limit"]


def test_it_stops_on_a_condition():
    traces = []

    def growth(t, y, args):
        traces.append(None)
        return y

    def run(limit, **options):
        return diffeq.solve(
            diffeq.euler,
            growth,
            0.0,
            jnp.ones(()),
            0.5,
            6,
            {"limit": limit},
            stop=far,
            **options,
        )

    times, y = run(3.0)
    expected = np.array([1.5, 2.25, 3.375, 3.375, 3.375, 3.375], "f4")
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(times, [0.5, 1, 1.5, 1.5, 1.5, 1.5])
    before = len(traces)
    # Another limit runs the same program.
    times, y = run(2.0)
    assert times.tolist() == [0.5, 1, 1, 1, 1, 1] and len(traces) == before
    assert [x.tolist() for x in run(3.0, save_every=None)] == [1.5, 3.375]
    times, y = run(3.0, save_every=2)
    assert times.tolist() == [1, 1.5, 1.5] and y.tolist() == [2.25, 3.375, 3.375]
    times, y = run(3.0, save_at=jnp.asarray([0.5, 1.25, 9.0]))
    assert times.tolist() == [0.5, 1.25, 1.5] and y.tolist() == [1.5, 2.8125, 3.375]
    # Trajectories of a batch stop one by one.
    mapped = jax.vmap(lambda limit: run(limit, save_every=None)[0])
    assert mapped(jnp.asarray([2.0, 3.0, 99.0])).tolist() == [1, 1.5, 3]


def test_gradients_reach_a_state_that_has_stopped():
    def end(y0):
        return diffeq.solve(
            diffeq.euler,
            lambda t, y, args: y,
            0.0,
            y0,
            0.5,
            6,
            {"limit": 3.0},
            stop=far,
            save_every=None,
        )[1]

    np.testing.assert_allclose(jax.grad(end)(jnp.ones(())), 3.375, rtol=1e-6)


def test_keyword_arguments_reach_the_system():
    traces = []

    def decay(t, y, args, *, rate, floor=0.0):
        traces.append(None)
        return -rate * (y - floor)

    def run(step, **keywords):
        return diffeq.solve(step, decay, 0.0, jnp.ones(2), 0.1, 4, **keywords)[1][-1]

    for step, factor in ((diffeq.euler, 0.8**4), (diffeq.heun, 0.82**4)):
        np.testing.assert_allclose(run(step, rate=2.0), [factor] * 2, rtol=1e-5)
    before = len(traces)
    run(diffeq.euler, rate=3.0)
    assert len(traces) == before  # Another number is the same program.
    got = run(diffeq.euler, rate=jnp.asarray([1.0, 2.0]), floor=1.0)
    np.testing.assert_array_equal(got, [1, 1])
    with pytest.raises(TypeError, match="unexpected keyword argument 'save_evry'"):
        run(diffeq.euler, rate=1.0, save_evry=2)
