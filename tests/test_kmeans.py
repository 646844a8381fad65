from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import sklearn.cluster
from hypothesis import given, settings, strategies as st

from ngcx._kmeans import kmeans, kmeans_plus_plus
from ngcx.testing import tolerance


pytestmark = pytest.mark.in_turn(2)


three = jax.jit(lambda key, x, weight: kmeans(key, x, 3, n_init=4, weight=weight))


def clusters(seed, rows=60, features=2):
    """Three that are far apart, and the cluster of each row."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, rows)
    centers = 30 * np.stack(
        [np.eye(features)[0], -np.eye(features)[0], np.eye(features)[1]]
    )
    return centers[true] + rng.normal(size=(rows, features)), true


@given(seed=st.integers(0, 999))
@settings(max_examples=10)
def test_finds_separate_clusters(seed, dtype):
    x, true = clusters(seed)
    x = jnp.asarray(x, dtype)
    centers, labels, inertia = three(jr.key(seed), x, None)
    assert centers.dtype == inertia.dtype == dtype
    wide = np.asarray(x, float)
    expected = np.stack([wide[true == k].mean(0) for k in range(3)])
    order = [np.argmin(np.abs(np.asarray(centers, float) - e).sum(1)) for e in expected]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_array_equal(np.argsort(order)[labels], true)
    close = tolerance(dtype, 64)
    np.testing.assert_allclose(
        np.asarray(centers, float)[order],
        expected,
        rtol=close["rtol"],
        atol=40 * close["rtol"],
    )
    within = np.sum((wide - expected[true]) ** 2)
    np.testing.assert_allclose(float(inertia), within, rtol=close["rtol"])


@given(seed=st.integers(0, 999))
@settings(max_examples=10)
def test_equals_scikit_learn_from_the_same_start(seed):
    x = np.random.default_rng(seed).normal(size=(80, 3))
    with jax.enable_x64(True):
        key = jr.key(seed)
        x_ = jnp.asarray(x)
        start = x_[kmeans_plus_plus(jr.split(key, 1)[0], x_, 4)]
        centers, labels, inertia = kmeans(key, x_, 4, tol=0.0)
    oracle: Any = sklearn.cluster.KMeans(
        4,
        init=np.asarray(start),  # pyright: ignore[reportArgumentType]
        n_init=1,  # pyright: ignore[reportArgumentType]
        tol=0,
    ).fit(x)
    np.testing.assert_allclose(centers, oracle.cluster_centers_, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(labels, oracle.labels_)
    np.testing.assert_allclose(inertia, oracle.inertia_, rtol=1e-9)


def test_starts_are_the_best_of_two_rows_drawn_by_squared_distance():
    x = jnp.asarray([[0.0], [1.0], [3.0], [7.0]])
    weight = jnp.asarray([1.0, 1.0, 2.0, 0.0])
    pairs = jax.vmap(lambda key: x[kmeans_plus_plus(key, x, 2, weight)])(
        jr.split(jr.key(0), 20_000)
    )[..., 0]
    frequency = [np.mean(np.asarray(pairs[:, 0]) == value) for value in (0, 1, 3, 7)]
    # The first is 1 unless the other two are drawn, 1/4 * 2/3 + 1/2 * 1/2 of the time.
    np.testing.assert_allclose(frequency, [0, 7 / 12, 5 / 12, 0], atol=0.015)
    # Then both are candidates; 3 leaves less, and beside 3 the other two leave as much.
    assert set(pairs[pairs[:, 0] == 1, 1].tolist()) == {3.0}
    after_3 = np.asarray(pairs[pairs[:, 0] == 3, 1])
    np.testing.assert_allclose(np.mean(after_3 == 0), 9 / 13, atol=0.02)


@given(seed=st.integers(0, 999))
@settings(max_examples=10)
def test_rows_of_weight_0_do_not_count(seed):
    x, _ = clusters(seed)
    x = jnp.asarray(np.concatenate([x, [[1e6, np.nan], [np.inf, 1e30]]]), jnp.float32)
    weight = jnp.ones(62).at[60:].set(0)
    centers, _, inertia = three(jr.key(seed), x, weight)
    assert np.max(np.abs(centers)) < 40 and inertia < 60 * 2 * 2


@pytest.mark.thorough
def test_more_starts_are_no_worse_and_move_with_the_data():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(200, 2)), jnp.float32)
    inertia = [kmeans(jr.key(0), x, 8, n_init=n)[2] for n in (1, 8)]
    assert inertia[1] <= inertia[0]
    centers = three(jr.key(1), x, None)[0]
    for scale, shift in ((2.0**-60, 0.0), (2.0**60, 0.0), (1.0, 1024.0)):
        got = three(jr.key(1), x * scale + shift, None)[0]
        np.testing.assert_allclose((got - shift) / scale, centers, atol=2e-4)


def test_duplicates_and_as_many_clusters_as_rows():
    centers, _, inertia = three(jr.key(0), jnp.full((5, 2), 0.1), None)
    np.testing.assert_allclose(centers, np.full((3, 2), 0.1), rtol=1e-6)
    assert inertia < 1e-12
    x = jnp.asarray([[3.0], [1.0], [2.0]])
    centers, labels, inertia = three(jr.key(0), x, None)
    np.testing.assert_array_equal(centers[labels], x)
    assert inertia == 0


def test_empty_clusters_start_again_at_the_farthest_row():
    # Two rows at each of three places; a start that draws 0 twice can only be left by
    # re-seeding, and weights make it likely.
    x = jnp.asarray([[0.0], [0.0], [1.0], [1.0], [100.0], [100.0]])
    weight = jnp.asarray([1e6, 1e6, 1.0, 1.0, 1e-6, 1e-6])
    for seed in range(20):
        centers, _, _ = three(jr.key(seed), x, weight)
        np.testing.assert_allclose(np.sort(centers[:, 0]), [0, 1, 100], atol=1e-4)


@pytest.mark.parametrize("gap", [0.1, 0.03])
def test_every_row_is_at_the_nearest_centre(gap):
    # Two clusters that are close to each other, and far from the mean of all.
    rng = np.random.default_rng(0)
    centers = np.full((3, 8), 100.0)
    centers[0], centers[2, 0] = -100, 100 + gap
    x = np.repeat(centers, 200, 0) + gap / 50 * rng.normal(size=(600, 8))
    x = x.astype(np.float32)
    for seed in range(3):
        found, labels, inertia = kmeans(jr.key(seed), jnp.asarray(x), 3)
        distance = np.square(x[:, None].astype(float) - np.asarray(found, float)).sum(
            -1
        )
        # The centres lose half a unit in the last place when they are put back.
        slack = 2 * 100 * np.finfo(np.float32).eps * np.sqrt(8 * distance.max(1))
        nearest = distance.min(1)
        assert np.all(distance[np.arange(600), labels] <= nearest + slack)
        np.testing.assert_allclose(inertia, nearest.sum(), rtol=0.1)


def test_compiles_once_for_all_values():
    traces = []

    @jax.jit
    def run(key, x, tol, max_iter):
        traces.append(None)
        return kmeans(key, x, 2, tol=tol, max_iter=max_iter)

    for i in (1, 2):
        run(
            jr.key(i),
            jnp.arange(6.0).reshape(3, 2) * i,
            jnp.asarray(0.1),
            jnp.asarray(i),
        )
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("number", "message"),
    [(0, "`num_clusters` must be 1 or more; got 0"), (4, "number of rows, 3; got 4")],
)
def test_wrong_arguments_are_errors(number, message):
    for function in (kmeans, kmeans_plus_plus):
        with pytest.raises(ValueError, match=message):
            function(jr.key(0), jnp.zeros((3, 2)), number)
    with pytest.raises(ValueError, match="`n_init` must be 1 or more"):
        kmeans(jr.key(0), jnp.zeros((3, 2)), 2, n_init=0)
    with pytest.raises(ValueError, match="`max_iter` must be 0 or more"):
        kmeans(jr.key(0), jnp.zeros((3, 2)), 2, max_iter=-1)


def test_greedy_starts_come_near_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    centers = 10 * rng.normal(size=(20, 4))
    x = (centers[rng.integers(20, size=2000)] + rng.normal(size=(2000, 4))).astype(
        np.float32
    )

    @jax.jit
    @jax.vmap
    def cost(key):
        start = jnp.asarray(x)[kmeans_plus_plus(key, jnp.asarray(x), 20)]
        gaps = x.T[:, None] - start.T[:, :, None]
        return jnp.sum(jnp.min(jnp.sum(jnp.square(gaps), 0), 0))

    ours = np.median(cost(jr.split(jr.key(0), 40)))
    theirs = []
    for seed in range(40):
        start, _ = sklearn.cluster.kmeans_plusplus(x, 20, random_state=seed)
        theirs.append(np.square(x[:, None] - start).sum(-1).min(-1).sum())
    # It is 1.5 times as much if there is one candidate only.
    assert ours < 1.1 * np.median(theirs)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"], indirect=True)
def test_rows_at_their_centres_have_no_inertia(dtype):
    x = jnp.asarray([[0.0], [-0.65 * float(jnp.finfo(dtype).max)]] * 2, dtype)
    assert kmeans(jr.key(0), x, 2)[2] == 0
