import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, strategies as st

from ngcx import metrics
from ngcx.testing import tolerance


@given(seed=st.integers(0, 10_000))
def test_accuracy_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.random((20, 4), np.float32), rng.integers(0, 4, 20)
    expected = sklearn.metrics.accuracy_score(labels, scores.argmax(1))
    one_hot = np.eye(4, dtype=np.float32)[labels]
    for targets in (jnp.asarray(labels), jnp.asarray(one_hot)):
        got = metrics.accuracy(jnp.asarray(scores), targets)
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_accuracy_counts_rows_without_a_winner_as_wrong():
    nan = float("nan")
    scores = jnp.array([[0.0, 0.0], [nan, nan], [nan, 1.0], [1.0, 0.0]])
    right = metrics.accuracy(scores, jnp.zeros(4, int), reduction="none")
    np.testing.assert_array_equal(right, [0, 0, 0, 1])


def test_accuracy_counts_beyond_the_integers_of_half_precision():
    scores = jnp.tile(jnp.array([[1, 0]], jnp.float16), (5000, 1))
    score = metrics.accuracy(scores, jnp.repeat(jnp.array([0, 1]), 2500))
    assert score == 0.5 and score.dtype == jnp.float16


@given(seed=st.integers(0, 10_000))
def test_categorical_nll_is_the_log_loss_of_scikit_learn(seed, dtype):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(4), 20).astype(dtype)
    labels = rng.integers(0, 4, 20)
    rounded = probabilities.astype(np.float64).clip(np.finfo(np.float32).tiny)
    expected = -np.log(rounded[np.arange(20), labels])
    one_hot = np.eye(4)[labels].astype(dtype)
    for targets in (jnp.asarray(labels, jnp.int32), jnp.asarray(one_hot)):
        for reduction, reduce in (
            ("none", np.asarray),
            ("mean", np.mean),
            ("sum", np.sum),
        ):
            got = metrics.categorical_nll(
                jnp.asarray(probabilities),
                targets,
                reduction=reduction,  # pyright: ignore[reportArgumentType]
            )
            assert got.dtype == dtype
            np.testing.assert_allclose(
                np.asarray(got, np.float64), reduce(expected), **tolerance(dtype)
            )


def test_categorical_nll_is_finite_with_a_gradient_at_the_worst_prediction():
    worst = jnp.array([[0.0, 1.0]])
    for targets in (jnp.array([0]), jnp.array([[1.0, 0.0]])):
        value, gradient = jax.value_and_grad(metrics.categorical_nll)(worst, targets)
        assert 87 < value < 88
        assert np.all(np.isfinite(gradient))
    assert metrics.categorical_nll(jnp.eye(2), jnp.eye(2)) == 0


def test_categorical_nll_keeps_leading_axes():
    probabilities = jnp.full((2, 3, 4), 0.25)
    rows = metrics.categorical_nll(
        probabilities, jnp.zeros((2, 3), int), reduction="none"
    )
    np.testing.assert_allclose(rows, np.full((2, 3), np.log(4)), rtol=1e-6)


def test_firing_rate():
    spikes = jnp.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]], jnp.float32)
    rates = metrics.firing_rate(spikes, reduction="none")
    np.testing.assert_array_equal(rates, [0.75, 0.5, 0])
    in_hertz = metrics.firing_rate(spikes, dt=2.0, reduction="none")
    np.testing.assert_allclose(in_hertz, [375, 250, 0])
    np.testing.assert_allclose(metrics.firing_rate(spikes), 1.25 / 3, rtol=1e-6)
    batch = jnp.stack([spikes, spikes])
    assert metrics.firing_rate(batch, reduction="none").shape == (2, 3)


def test_firing_rate_counts_beyond_the_integers_of_half_precision():
    assert metrics.firing_rate(jnp.ones((70_000, 1), jnp.float16)) == 1


def test_wrong_arguments_are_errors():
    with pytest.raises(TypeError, match="'targets'"):
        metrics.accuracy(jnp.zeros((3, 2)), jnp.zeros(4, int))
    with pytest.raises(TypeError, match="'reduction'"):
        metrics.accuracy(jnp.zeros((3, 2)), jnp.zeros(3, int), reduction="median")  # pyright: ignore
    with pytest.raises(TypeError, match="'spikes'"):
        metrics.firing_rate(jnp.zeros((3, 2), int))
