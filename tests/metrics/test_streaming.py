"""What is streamed equals what is computed at once."""

import functools as ft

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, strategies as st
from jax.sharding import Mesh, PartitionSpec

from ngcx import metrics
from ngcx.metrics import Streaming
from ngcx.testing import tolerance


pytestmark = pytest.mark.in_turn(3)


def draw(seed, batches):
    rng = np.random.default_rng(seed)
    scores = jnp.asarray(rng.dirichlet(np.ones(4), (batches, 5)), jnp.float32)
    return scores, jnp.asarray(rng.integers(0, 4, (batches, 5)))


STREAMED = {
    "accuracy": (metrics.accuracy, {}),
    "categorical_nll": (metrics.categorical_nll, {}),
    "classification_report": (metrics.classification_report, {"num_classes": 4}),
}


@pytest.fixture(params=STREAMED.values(), ids=list(STREAMED))
def streamed(request):
    return request.param


def assert_equal(got, expected):
    for one, other in zip(*map(jtu.tree_leaves, (got, expected)), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, **tolerance(jnp.float32))


@given(seed=st.integers(0, 10_000), batches=st.integers(1, 6))
def test_equals_the_metric_of_everything(streamed, seed, batches):
    metric, options = streamed
    scores, labels = draw(seed, batches)
    total = Streaming.init(metric, **options)
    for batch in zip(scores, labels, strict=True):
        total = total.update(*batch)
    expected = metric(scores.reshape(-1, 4), labels.reshape(-1), **options)
    assert_equal(total.compute(), expected)
    # Two parts that are merged give the same.
    parts = [Streaming.init(metric, **options) for _ in range(2)]
    for number, batch in enumerate(zip(scores, labels, strict=True)):
        parts[number % 2] = parts[number % 2].update(*batch)
    assert_equal(parts[0].merge(parts[1]).compute(), expected)


def test_masks_and_other_metrics():
    rng = np.random.default_rng(0)
    x, y = jnp.asarray(rng.normal(size=(2, 12, 3)), jnp.float32)
    where = jnp.asarray(rng.random(12) < 0.5)
    halves = (slice(0, 5), slice(5, 12))
    for metric in (
        metrics.root_mean_squared_error,
        metrics.mean_absolute_error,
        ft.partial(metrics.mean_squared_error, feature_reduction="sum"),
    ):
        total = Streaming.init(metric)
        for half in halves:
            total = total.update(x[half], y[half], where=where[half])
        assert_equal(total.compute(), metric(x, y, where=where))
    labels, guesses = jnp.asarray(rng.integers(0, 3, (2, 12)))
    total = Streaming.init(metrics.classification_report, num_classes=3)
    for half in halves:
        total = total.update(guesses[half], labels[half], where=where[half])
    expected = metrics.classification_report(
        guesses, labels, num_classes=3, where=where
    )
    assert_equal(total.compute(), expected)


def test_a_metric_of_ones_own_and_a_partial_one():
    rng = np.random.default_rng(0)
    x, y = jnp.asarray(rng.normal(size=(2, 12, 3)), jnp.float32)

    def largest_error(x, y, scale, reduction):
        assert reduction == "none"
        return scale * jnp.max(jnp.abs(x - y), -1)

    total = Streaming.init(largest_error, scale=2.0)
    for rows in (slice(0, 5), slice(5, 12)):
        total = total.update(x[rows], y[rows])
    expected = 2 * np.mean(np.max(np.abs(x - y), -1), dtype=np.float32)
    assert_equal(total.compute(), expected)
    # What a metric follows from holds of a partial one too.
    root = ft.partial(metrics.root_mean_squared_error, targets=y)
    assert_equal(Streaming.init(root).update(x).compute(), root(x))
    labels, guesses = jnp.asarray(rng.integers(0, 3, (2, 12)))
    report = ft.partial(metrics.classification_report, num_classes=3)
    got = Streaming.init(report).update(guesses, labels).compute()
    assert_equal(got, report(guesses, labels))
    with pytest.raises(ValueError, match="`breadth_of_tuning_curve` is not a mean"):
        Streaming.init(ft.partial(metrics.breadth_of_tuning_curve))


def test_scans_and_compiles_once(streamed):
    metric, options = streamed
    scores, labels = draw(0, 4)
    traces = []

    @jax.jit
    def run(scores, labels):
        traces.append(None)

        def step(total, batch):
            return total.update(*batch), None

        init = Streaming.init(metric, **options)
        return jax.lax.scan(step, init, (scores, labels))[0].compute()

    for seed in (1, 0):
        scores, labels = draw(seed, 4)
        got = run(scores, labels)
    assert len(traces) == 1
    assert_equal(got, metric(scores.reshape(-1, 4), labels.reshape(-1), **options))


def test_sums_over_devices(streamed):
    metric, options = streamed
    scores, labels = draw(0, 8)
    mesh = Mesh(np.asarray(jax.devices()), ("data",))

    def local(scores, labels):
        total = Streaming.init(metric, **options).update(scores[0], labels[0])
        return jax.lax.psum(total, "data").compute()

    by_device = PartitionSpec("data")
    run = jax.jit(
        jax.shard_map(
            local, mesh=mesh, in_specs=(by_device, by_device), out_specs=PartitionSpec()
        )
    )
    expected = metric(scores.reshape(-1, 4), labels.reshape(-1), **options)
    assert_equal(run(scores, labels), expected)


def test_of_nothing_it_is_0_and_counts_stay_exact():
    assert Streaming.init(metrics.accuracy).compute() == 0
    total = Streaming.init(metrics.accuracy, dtype=jnp.bfloat16)
    scores = jnp.tile(jnp.array([[1.0, 0.0]]), (300, 1))
    total = total.update(scores, jnp.zeros(300, int))
    assert total.compute() == 1 and total.compute().dtype == jnp.bfloat16


@pytest.mark.parametrize("size", [1e-4, 1.0, 300.0])
def test_halves_are_rounded_once(size):
    rng = np.random.default_rng(0)
    half = jnp.asarray(size * rng.normal(size=(2, 40, 5)), jnp.float16)
    x, y = half
    for dtype in (jnp.float32, jnp.float16):
        for metric in (metrics.root_mean_squared_error, metrics.mean_absolute_error):
            total = Streaming.init(metric, dtype=dtype)
            for rows in (slice(0, 15), slice(15, 40)):
                total = total.update(x[rows], targets=y[rows])
            got = total.compute()
            assert got.dtype == dtype
            expected = metric(*half.astype(jnp.float32))
            np.testing.assert_allclose(got, expected.astype(dtype), **tolerance(dtype))


@pytest.mark.parametrize(
    "metric",
    [metrics.categorical_nll, metrics.kl_divergence, metrics.binary_cross_entropy],
)
def test_the_worst_prediction_costs_what_it_costs_in_its_dtype(metric, dtype):
    worst, right = jnp.array([[0.0, 1.0]], dtype), jnp.array([[1.0, 0.0]], dtype)
    total = Streaming.init(metric, dtype=dtype).update(worst, right)
    np.testing.assert_allclose(
        np.asarray(total.compute(), float),
        np.asarray(metric(worst, right), float),
        **tolerance(dtype),
    )


def test_sums_exceed_a_half():
    x = jnp.full((1000, 1), 300.0, jnp.float16)
    total = Streaming.init(metrics.mean_absolute_error, dtype=jnp.float16)
    for _ in range(3):
        total = total.update(x, jnp.zeros_like(x))
    assert total.compute() == 300


def test_the_root_learns_at_0_and_hides_no_nan():
    def loss(x):
        total = Streaming.init(metrics.root_mean_squared_error)
        return total.update(x, jnp.ones_like(x)).compute()

    value, gradient = jax.value_and_grad(loss)(jnp.ones((3, 2)))
    assert value == 0 and np.all(gradient == 0)
    assert np.isnan(loss(jnp.full((3, 2), jnp.nan)))


def test_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match="`dtype` must be a floating one; got int32"):
        Streaming.init(metrics.accuracy, dtype=jnp.int32)
    for metric in (
        metrics.average_precision,
        metrics.breadth_of_tuning_curve,
        metrics.roc_auc,
    ):
        with pytest.raises(ValueError, match=f"`{metric.__name__}` is not a mean"):
            Streaming.init(metric)
    with pytest.raises(ValueError, match="`num_classes` must be given"):
        Streaming.init(metrics.classification_report)
    with pytest.raises(ValueError, match="`num_features` must be given"):
        Streaming.init(metrics.r_squared)
    share = Streaming.init(metrics.r_squared, num_features=2)
    with pytest.raises(ValueError, match="`predictions` and `targets` must have 2"):
        share.update(jnp.ones((3, 1)), jnp.ones((3, 1)))
    total = Streaming.init(metrics.adjusted_rand_index)
    with pytest.raises(TypeError, match="`other` of `Streaming.merge` must be a Str"):
        total.merge(None)  # pyright: ignore[reportArgumentType]
    labels = jnp.zeros(4, int)
    with pytest.raises(ValueError, match="`where` must have the shape of the scores"):
        total.update(labels, labels, where=jnp.ones(4, bool))


SHARES = (metrics.r_squared, metrics.explained_variance)


@jax.jit
def streamed_shares(predictions, targets, where):
    """Batches are added one after the other, or in two halves that are merged."""

    def step(totals, batch):
        predictions, targets, where = batch
        return [x.update(predictions, targets, where=where) for x in totals], None

    def scanned(*batches):
        totals = [Streaming.init(x, num_features=targets.shape[-1]) for x in SHARES]
        return jax.lax.scan(step, totals, batches)[0]

    whole = predictions, targets, where
    half = len(predictions) // 2
    merged = [
        one.merge(other)
        for one, other in zip(
            scanned(*(x[:half] for x in whole)),
            scanned(*(x[half:] for x in whole)),
            strict=True,
        )
    ]
    return [[x.compute() for x in totals] for totals in (scanned(*whole), merged)]


def scikit_learn_of(predictions, targets, where):
    rows = [np.asarray(x)[where].astype(float) for x in (targets, predictions)]
    return [
        measure(*rows)
        for measure in (
            sklearn.metrics.r2_score,
            sklearn.metrics.explained_variance_score,
        )
    ]


@given(
    seed=st.integers(0, 10_000),
    offset=st.sampled_from([0.0, 1e4, -3e6]),
    bias=st.sampled_from([0.0, 1.0]),
)
def test_shares_of_variance_are_those_of_scikit_learn(seed, offset, bias):
    rng = np.random.default_rng(seed)
    targets = offset + rng.normal(size=(4, 5, 2)).cumsum(0)
    predictions = targets + 0.5 * rng.normal(size=targets.shape) + bias
    targets[..., 1] = 0.1  # does not vary
    predictions[..., 1] = 0.1 + bias
    predictions, targets = (x.astype(np.float32) for x in (predictions, targets))
    where = rng.random((4, 5)) < 0.7
    where[1], where[2, :2] = False, True
    expected = scikit_learn_of(predictions, targets, where)
    for got in streamed_shares(predictions, targets, where):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4])
def test_shares_of_variance_of_a_million_rows(offset):
    rng = np.random.default_rng(0)
    targets = (offset + rng.normal(size=(1000, 1000, 1))).astype(np.float32)
    predictions = targets + rng.normal(size=targets.shape).astype(np.float32) / 3
    where = np.ones((1000, 1000), bool)
    expected = scikit_learn_of(predictions, targets, where)
    for got in streamed_shares(predictions, targets, where):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("metric", SHARES)
def test_shares_of_variance_at_their_edges(metric):
    none = Streaming.init(metric, num_features=1)
    assert none.compute() == 0 and none.merge(none).compute() == 0
    targets = jnp.array([[-3e38], [3e38]])
    for predictions, share in ((targets, 1), (0 * targets, 0), (-targets, -3)):

        def loss(predictions):
            return none.update(predictions, targets).compute()

        value, gradient = jax.value_and_grad(loss)(predictions)
        assert value == share and jnp.all(jnp.isfinite(gradient))
    # Means are no sums.
    total = none.update(targets, targets)
    assert jnp.isnan(jax.tree.map(lambda x: 2 * x, total).compute())


@pytest.fixture(scope="module")
def doubled():
    return jax.jit(lambda total: total.merge(total))


@pytest.mark.parametrize("doublings", [20, 24, 29, 31, 52])
def test_rows_without_number_change_no_share(streamed, doubled, doublings):
    metric, options = streamed
    scores, labels = draw(0, 1)
    total = Streaming.init(metric, **options).update(scores[0][:2], labels[0][:2])
    expected = metric(scores[0][:2], labels[0][:2], **options)
    for _ in range(doublings):
        total = doubled(total)
    got = total.compute()
    if metric is metrics.classification_report:
        # Integers stop at the largest one.
        largest = np.iinfo(np.int32).max
        counts = np.asarray(expected.confusion, float) * 2.0**doublings
        np.testing.assert_array_equal(got.confusion, np.minimum(counts, largest))
        shares = {"confusion": 0, "misses": 0, "support": 0}
        got, expected = got._replace(**shares), expected._replace(**shares)
        assert_equal(got.f_score(2.0), expected.f_score(2.0))
        got, expected = (jtu.tree_map(jnp.asarray, each) for each in (got, expected))
    assert_equal(got, expected)


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.mean_squared_error])
def test_every_row_counts_however_many_came_before(doubled, metric):
    right, wrong = jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 1.0]])
    targets = right if metric is metrics.accuracy else wrong  # a score of 1
    total = Streaming.init(metric).update(right, targets)
    for _ in range(40):
        total = doubled(total)
    for _ in range(65):
        total = total.update(right, targets)
    for sums in total.sums:
        high, low = (int(word) for word in sums)
        word = 2**22 if jnp.issubdtype(sums.high.dtype, jnp.integer) else 1
        assert high * word + low == 2**40 + 65


def test_counts_that_are_not_kept_are_nan(doubled):
    right = jnp.array([[1.0, 0.0]])
    total = Streaming.init(metrics.accuracy).update(right, right)
    for doublings in range(1, 60):
        total = doubled(total)
        assert total.compute() == 1 if doublings < 54 else jnp.isnan(total.compute())
    assert jnp.isnan(total.update(right, right).compute())


def test_small_scores_add_up_over_many_batches():
    rng = np.random.default_rng(0)
    errors = rng.random(300_000).astype(np.float32) + 1

    @jax.jit
    def run(errors):
        def step(total, error):
            x = error.reshape(1, 1)
            return total.update(x, jnp.zeros_like(x)), None

        init = Streaming.init(metrics.mean_absolute_error)
        return jax.lax.scan(step, init, errors)[0].compute()

    np.testing.assert_allclose(run(errors), errors.mean(dtype=float), rtol=1e-7)


def test_an_infinite_sum_is_infinite():
    total = Streaming.init(metrics.mean_squared_error)
    for _ in range(3):
        total = total.update(jnp.full((1, 1), 1e30), jnp.zeros((1, 1)))
    assert jnp.isinf(total.compute())
