"""Neighbours against distances in float64, however badly the data is scaled."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import sklearn.neighbors
from scipy.spatial.distance import cdist

from ngcx.analysis import FittedKMeans, FittedKNN, KMeansProbe, KNNProbe
from ngcx.analysis._neighbors import nearest, smallest
from ngcx.metrics import adjusted_rand_index


pytestmark = pytest.mark.in_turn(4)


KEY = jr.key(0)
QUERIES, REFERENCES, FEATURES, K = 300, 700, 6, 5
# On a line all metrics are the same; this one is the quickest to compile.
LINE: dict[str, Any] = {"p": 1}


def rows(kind: str, seed: int = 0):
    """Makes queries and references, in float32."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(QUERIES + REFERENCES, FEATURES))
    match kind:
        case "tight clusters far apart":
            x = (
                1e-3 * x
                + 100 * rng.normal(size=(10, FEATURES))[rng.integers(10, size=len(x))]
            )
        case "far from the origin":
            x = 1e-2 * x + 1e3
        case "one far away":
            x[-1] = 1e8
        case "tiny":
            x = 1e-30 * x
        case "huge":
            x = 1e30 * x
        case "small integers":
            x = rng.integers(0, 3, size=x.shape)
        case "all the same":
            x = np.ones_like(x)
    x = x.astype(np.float32)
    return x[:QUERIES], x[QUERIES:]


KINDS = [
    "normal",
    "tight clusters far apart",
    "far from the origin",
    "one far away",
    "tiny",
    "huge",
    "small integers",
    "all the same",
]


def neighbors(queries, references, k=K, **options):
    classes = np.zeros(len(references), np.int32)
    fitted, result = KNNProbe(k, **options).fit(KEY, references, classes)
    assert result is None
    return (np.asarray(each) for each in fitted.neighbors(queries))


def check(queries, references, exact, k=K, **options):
    distances, indices = neighbors(queries, references, k, **options)
    order = np.argsort(exact, -1, kind="stable")[:, :k]
    ordered = np.take_along_axis(exact, order, -1)
    rtol = 32 * float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(distances, ordered, rtol=rtol)
    # Indices are the same, or those of others just as near.
    found = np.take_along_axis(exact, indices, -1)
    np.testing.assert_allclose(found, ordered, rtol=rtol)
    assert (np.sort(indices, -1)[:, 1:] > np.sort(indices, -1)[:, :-1]).all()
    assert (indices == order).mean() > 0.99


@pytest.mark.parametrize("k", [K, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_euclidean_neighbors_are_exact(kind, k):
    queries, references = rows(kind)
    exact = cdist(queries.astype(float), references.astype(float))
    check(queries, references, exact, k)


def test_the_expansion_alone_is_not_exact():
    # If it were, the test above would not need its hard cases.
    queries, references = rows("tight clusters far apart")
    squares = [np.sum(x * x, -1) for x in (queries, references)]
    expanded = squares[0][:, None] + squares[1] - 2 * queries @ references.T
    exact = cdist(queries.astype(float), references.astype(float))
    assert (expanded.argmin(-1) != exact.argmin(-1)).mean() > 0.5


@pytest.mark.parametrize("kind", ["normal", "small integers", "tiny", "huge"])
@pytest.mark.parametrize(
    ("options", "oracle"),
    [
        ({"p": 1}, {"metric": "cityblock"}),
        ({"p": 3}, {"metric": "minkowski", "p": 3}),
        ({"p": 2.5}, {"metric": "minkowski", "p": 2.5}),
        ({"metric": "chebyshev"}, {"metric": "chebyshev"}),
        ({"p": float("inf")}, {"metric": "chebyshev"}),
    ],
)
def test_other_neighbors_are_exact(kind, options, oracle):
    queries, references = rows(kind)
    # The power of a large or small number is none in float64 either.
    scale = np.abs(references).max().astype(float)
    exact = scale * cdist(queries / scale, references / scale, **oracle)
    check(queries, references, exact, **options)


@pytest.mark.parametrize("kind", ["normal", "tight clusters far apart", "tiny"])
def test_cosine_neighbors_are_nearly_those_of_float64(kind):
    queries, references = rows(kind)
    a, b = (
        x / np.linalg.norm(x, axis=-1, keepdims=True)
        for x in (queries.astype(float), references.astype(float))
    )
    exact = cdist(a, b, "sqeuclidean") / 2
    distances, indices = neighbors(queries, references, metric="cosine")
    # Unit vectors are rounded, so that angles are to an absolute error of some eps.
    angles = np.sqrt(2 * np.take_along_axis(exact, indices, -1))
    nearest = np.sqrt(2 * np.sort(exact, -1)[:, :K])
    np.testing.assert_allclose(angles, nearest, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(2 * distances), nearest, atol=1e-6)


def test_the_cosine_distance_of_zeros_is_1():
    zeros, ones = np.zeros((8, 2), np.float32), np.ones((8, 2), np.float32)
    for queries, references in ((zeros, zeros), (zeros, ones), (ones, zeros)):
        distances, indices = neighbors(queries, references, metric="cosine")
        np.testing.assert_allclose(distances, 1, rtol=1e-6)
        assert (indices == np.arange(K)).all()


@pytest.mark.parametrize("often_infinite", [False, True])
@pytest.mark.parametrize(
    ("number", "k"),
    [(1000, 3), (64, 5), (130, 1), (700, 12), (900, 20), (500, 70), (30, 30)],
)
def test_smallest_is_a_stable_sort(number, k, often_infinite):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 9, (number, 50)).astype(np.float32)
    if often_infinite:
        values[rng.random(values.shape) < 0.999] = np.inf
    found, at = jax.jit(smallest, static_argnums=1)(values, k)
    expected = np.argsort(values, 0, kind="stable")[:k]
    np.testing.assert_array_equal(at, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(values, expected, 0))


@pytest.mark.parametrize("p", [1, 2, 3])
def test_the_largest_numbers(p):
    largest = float(np.finfo(np.float32).max)
    # All points are on one axis of three, so that one program is compiled.
    axis = np.array([[1, 0, 0]], np.float32)
    references = np.linspace(-largest, largest, 2 * 99, dtype=np.float32)[:, None]
    queries = np.array([[largest / 2], [-largest]], np.float32)
    distances, indices = neighbors(queries * axis, references * axis, p=p)
    exact = np.abs(queries.astype(float) - references[:, 0])
    expected = np.sort(exact, -1)[:, :K]
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    np.testing.assert_array_equal(np.take_along_axis(exact, indices, -1), expected)
    # The next ones are small, and the last distances are larger than any number.
    distances, _ = neighbors(queries * axis, references * axis / largest, p=p)
    np.testing.assert_allclose(distances, np.repeat(np.abs(queries), K, 1), rtol=1e-6)
    corners = np.full((2 * 99, 3), largest, np.float32)
    distances, indices = neighbors(-corners[:2], corners, p=p)
    assert np.isposinf(distances).all()
    assert (indices == np.arange(K)).all()


@pytest.mark.parametrize("k", [K, 20])
def test_what_is_not_finite_is_not_silent(k):
    queries, references = rows("normal")
    queries[:2, 0] = np.nan, np.inf
    distances, indices = neighbors(queries, references, k)
    assert np.isnan(distances[:2]).all() and (indices[:2] == REFERENCES).all()
    assert np.isfinite(distances[2:]).all()
    few = references[:k]
    for vote in ("majority", "mean"):
        fitted, _ = KNNProbe(k, vote=vote).fit(KEY, few, np.arange(k) % 3)
        shares = fitted(queries)
        assert np.isnan(shares[:2]).all() and np.isfinite(shares[2:]).all()
    references[-1, -1] = np.nan
    broken = eqx.tree_at(lambda fitted: fitted.references, fitted, references)
    assert np.isnan(broken.neighbors(queries)[0]).all()


def test_memory_is_not_that_of_all_distances():
    many = jax.ShapeDtypeStruct((50_000, 64), np.float32)
    program = jax.jit(nearest, static_argnums=(2, 3)).lower(many, many, 5, 2).compile()
    used: Any = program.memory_analysis()
    assert used.temp_size_in_bytes < 2**27  # all distances would take 10 GB


def test_votes():
    x = jnp.array([[0.0], [1.0], [2.0], [9.0]])
    y = jnp.array([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    query = jnp.array([[1.0]])
    majority, _ = KNNProbe(3, **LINE).fit(KEY, x, y)
    np.testing.assert_allclose(majority(query), [[2 / 3, 1 / 3, 0]], rtol=1e-6)
    mean, _ = KNNProbe(3, vote="mean", **LINE).fit(KEY, x, y)
    np.testing.assert_allclose(mean(query), [[0.4, 0.6, 0]], rtol=1e-6)
    values, _ = KNNProbe(3, task="regression", **LINE).fit(KEY, x, y)
    np.testing.assert_allclose(values.predict(query), mean(query), rtol=1e-6)
    assert values.score(x, y) < 1
    # The lower one of two classes with as many votes wins, for the score as well.
    tied, _ = KNNProbe(2, **LINE).fit(KEY, x[:2], jnp.array([1, 0]))
    assert tied.predict(query).tolist() == [0]
    assert tied.score(query, jnp.array([0])) == 1


@pytest.mark.parametrize("weights", ["distance", "softmax"])
@pytest.mark.parametrize("metric", ["minkowski", "cosine"])
def test_weighted_votes_are_those_of_scikit_learn(weights, metric):
    queries, references = rows("normal")
    queries[:3] = references[:3]  # whose own distance is 0
    y = np.random.default_rng(1).integers(0, 3, REFERENCES)
    theirs: Any = weights if weights == "distance" else lambda d: np.exp(-d / 0.2)
    oracle: Any = sklearn.neighbors.KNeighborsClassifier(
        K, metric="euclidean" if metric == "minkowski" else metric, weights=theirs
    )
    expected = oracle.fit(references, y).predict_proba(queries)
    fitted, _ = KNNProbe(K, metric, weights=weights, temperature=0.2).fit(
        KEY, references, y.astype(np.int32)
    )
    np.testing.assert_allclose(fitted(queries), expected, atol=1e-3)


def test_weights_of_hard_distances_are_finite():
    largest = float(np.finfo(np.float32).max)
    x = np.array([[0.0], [1e-45], [largest], [-largest]], np.float32)
    for weights, temperature in (("distance", 1), ("softmax", 1e-45), ("softmax", 1)):
        options: Any = {"weights": weights, "temperature": temperature, **LINE}
        recipe = KNNProbe(3, **options)
        shares = recipe.fit(KEY, x, np.arange(4))[0](x)
        np.testing.assert_allclose(jnp.sum(shares, 1), 1, rtol=1e-6)

    @jax.grad
    def slope(temperature, x):
        recipe = KNNProbe(3, weights="softmax", temperature=temperature, **LINE)
        return jnp.sum(recipe.fit(KEY, x, jnp.arange(4))[0](x)[:, 0])

    assert np.isfinite(slope(jnp.asarray(1e-3), jnp.asarray(x)))


def test_rows_over_devices_have_the_neighbors_and_clusters_of_one():
    x, y = blobs(800)
    mesh = jax.sharding.Mesh(jax.devices(), "data")
    apart = jax.device_put((x, y), jax.sharding.NamedSharding(mesh, jax.P("data")))
    for probe in (KNNProbe(3), KMeansProbe(3)):
        one, _ = probe.fit(KEY, x, y)
        other, _ = probe.fit(KEY, *apart)
        np.testing.assert_array_equal(other.predict(apart[0]), one.predict(x))
        if isinstance(one, FittedKNN) and isinstance(other, FittedKNN):
            got, expected = other.neighbors(apart[0]), one.neighbors(x)
            np.testing.assert_array_equal(got[1], expected[1])
            np.testing.assert_allclose(got[0], expected[0], rtol=1e-6)
        if isinstance(one, FittedKMeans) and isinstance(other, FittedKMeans):
            np.testing.assert_allclose(other.centers, one.centers, rtol=1e-5, atol=1e-5)


NEXT = KNNProbe(task="regression", **LINE)
X = jnp.arange(7.0)[:, None]


def test_a_perfect_regression_scores_1_and_of_constants_nothing_else_counts():
    fitted, _ = NEXT.fit(KEY, X, X)
    assert fitted.score(X, X) == 1
    assert fitted.score(X[:1], X[:1]) == 1
    assert fitted.score(X[:1], X[:1] + 1) == -jnp.inf


@pytest.mark.parametrize("unit", [1e-36, 1e-25, 1.0, 1e20, 5e37])
def test_the_unit_of_targets_does_not_matter(unit):
    y = unit * X
    fitted, _ = NEXT.fit(KEY, X, y)
    np.testing.assert_allclose(fitted.score(X, y[::-1]), -3, rtol=1e-5)


@pytest.mark.parametrize("number", [3, 7, 1000])
def test_constant_targets_are_constant_whatever_their_mean_rounds_to(number):
    x = jnp.arange(float(number))[:, None]
    fitted, _ = NEXT.fit(KEY, x, jnp.full_like(x, 0.1))
    assert fitted.score(x, jnp.full_like(x, 0.1)) == 1
    assert fitted.score(x, jnp.full_like(x, 0.23)) == -jnp.inf


def test_half_precisions_do_not_decide_a_vote():
    # There are 1001 of class 0 and 1003 of class 1, which are the same in bfloat16.
    x, y = jnp.zeros((2004, 1), jnp.bfloat16), (jnp.arange(2004) > 1000).astype(int)
    knn, _ = KNNProbe(2004, **LINE).fit(KEY, x, y)
    clusters, _ = KMeansProbe(1).fit(KEY, x, y)
    for fitted in (knn, clusters):
        assert fitted(x[:1])[0, 0] == fitted(x[:1])[0, 1]
        assert fitted.predict(x[:1]).tolist() == [1]
    assert knn.score(x[:1], y[-1:]) == 1


@pytest.mark.parametrize(
    "options",
    [{}, {"p": 1}, {"p": 3}, {"p": 2.5}, {"metric": "chebyshev"}, {"metric": "cosine"}],
)
def test_gradients_are_finite_where_a_query_is_a_reference(options):
    references = jnp.asarray([[0.0, 0.0], [1.0, 2.0], [3.0, -1.0]])
    fitted, _ = KNNProbe(2, **options).fit(KEY, references, jnp.zeros(3, int))

    @jax.jit
    @jax.value_and_grad
    def total(queries, weights):
        return jnp.sum(weights * fitted.neighbors(queries)[0])

    weights, direction = jr.normal(KEY, (2, 3, 2))
    _, gradient = total(references, jnp.ones((3, 2)))
    assert np.isfinite(gradient).all()
    # Where a query is none, they agree with differences.
    x, step = references + 0.25, direction / 512
    _, gradient = total(x, weights)
    difference = (total(x + step, weights)[0] - total(x - step, weights)[0]) * 256
    expected = jnp.sum(gradient * direction)
    np.testing.assert_allclose(difference, expected, rtol=2e-3, atol=2e-3)


def test_a_score_is_nan_where_a_value_is():
    # This holds for constant targets too, where all else is perfect or hopeless.
    y = jnp.ones_like(X)
    fitted, _ = NEXT.fit(KEY, X, y)
    assert fitted.score(X, y) == 1
    assert jnp.isnan(fitted.score(X.at[0].set(jnp.nan), y))
    assert jnp.isnan(fitted.score(X, y.at[1].set(jnp.nan)))


def test_dtypes(dtype):
    x = jnp.asarray(rows("small integers")[1][:20], dtype)
    fitted, _ = KNNProbe(metric="chebyshev").fit(KEY, x, jnp.zeros(len(x), int))
    distances, _ = fitted.neighbors(x)
    assert jax.eval_shape(fitted, x).dtype == distances.dtype == dtype
    assert (distances == 0).all()


def test_neighbors_of_samples_with_tokens_under_vmap():
    queries, references = rows("normal")
    tokens = references.reshape(REFERENCES, 2, 3)
    probe, _ = KNNProbe(K).fit(KEY, tokens, jnp.zeros(REFERENCES, int))
    two = jnp.asarray(queries).reshape(2, -1, 2, 3)
    _, indices = jax.jit(jax.vmap(probe.neighbors))(two)
    _, expected = neighbors(queries, references)
    np.testing.assert_array_equal(indices.reshape(-1, K), expected)


def blobs(samples=90):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, samples).astype(np.int32)
    centers = 10 * np.eye(3)[y]
    return (centers + rng.normal(size=(samples, 3))).astype(np.float32), y


@pytest.mark.thorough
def test_clusters_stand_for_the_class_of_most_of_their_samples():
    x, y = blobs()
    noisy = np.where(np.arange(90) % 5 == 0, (y + 1) % 3, y).astype(np.int32)
    rows = np.eye(3, dtype=np.float32)
    fitted, result = KMeansProbe(3).fit(KEY, x, rows[noisy])
    assert fitted.predict(x).tolist() == y.tolist()
    labels = fitted.clusters(x)
    assert result.score == fitted.score(x, noisy)
    assert result.score == adjusted_rand_index(jnp.asarray(noisy), labels) < 1
    assert fitted.score(x, y) == 1
    spread = np.sum((x - np.asarray(fitted.centers)[labels]) ** 2)
    np.testing.assert_allclose(result.inertia, spread, rtol=1e-4)
    np.testing.assert_allclose(fitted(x).sum(-1), 1, rtol=1e-6)
    members = np.asarray(labels) == np.arange(3)[:, None]
    expected = [rows[noisy[each]].mean(0) for each in members]
    np.testing.assert_allclose(fitted.frequencies, expected, rtol=1e-6)


def test_a_cluster_without_samples_has_the_frequencies_of_all():
    # The shapes are those of the test above, so that its programs serve here too.
    x, y = np.ones((90, 3), np.float32), np.arange(90) % 5 // 2
    fitted, _ = KMeansProbe(3).fit(KEY, x, np.eye(3, dtype=np.float32)[y])
    np.testing.assert_allclose(fitted.frequencies, [[0.4, 0.4, 0.2]] * 3)
    assert np.isfinite(fitted(10 * x)).all()


def test_class_indices_stand_for_one_hot_rows():
    y = jnp.array([1, 1, 0, 2, 0, 1, 2])
    fitted, _ = KNNProbe().fit(KEY, X, y)
    same, _ = KNNProbe().fit(KEY, X, jax.nn.one_hot(y, 3))
    assert eqx.tree_equal(fitted, same)
