"""The loop that trains the linear and the attentive probe, and both probes."""

import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx.analysis import (
    AttentiveProbe,
    FittedKMeans,
    FittedKNN,
    KMeansProbe,
    KNNProbe,
    LinearProbe,
)


pytestmark = [pytest.mark.usefixtures("standard_promotion"), pytest.mark.in_turn(5)]
KEY = jr.key(0)
FAST = optax.adam(0.1)
STEEP = optax.sgd(100.0)  # so fast that the score goes up and down


def data(samples=60, features=4, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, features)).astype(dtype)
    y = np.argmax(x[:, :3] + 0.5 * rng.normal(size=(samples, 3)), -1).astype(np.int32)
    return x, y


def test_memorises_every_sample_of_a_last_batch_that_is_not_full():
    # The 5 samples come in batches of 4. Every label belongs to its row, and no row is
    # left out.
    x, y = jnp.eye(5), jnp.arange(5)
    options: Any = dict(epochs=50, optimizer=FAST)
    probe, result = LinearProbe().fit(KEY, x, y, batch_size=4, **options)
    assert result.score is None and result.epochs == 50 and result.best_epoch == 49
    assert probe.predict(x).tolist() == y.tolist()
    assert probe.score(x, y) == 1
    # A batch that is larger than the data is all of the data.
    one, _ = LinearProbe().fit(KEY, x, y, batch_size=5, **options)
    more, _ = LinearProbe().fit(KEY, x, y, batch_size=8, **options)
    assert eqx.tree_equal(one, more)


def test_ridge_regression_is_that_in_closed_form_and_the_elastic_net_is_not_dead():
    x, _ = data()
    rng = np.random.default_rng(1)
    y = (x @ rng.normal(size=(4, 2)) + rng.normal(size=(60, 2))).astype(np.float32)

    @eqx.filter_jit
    @eqx.filter_vmap
    def fitted(l1, l2):
        probe = LinearProbe("regression", l1=l1, l2=l2)
        probe, result = probe.fit(KEY, x, y)
        return probe.network.linear, probe.score(x, y), result.converged

    l2 = jnp.array([0.0, 1.0, 30.0, 0.0])
    linear, score, converged = fitted(jnp.array([0.0, 0.0, 0.0, 100.0]), l2)
    assert converged.all()
    rows, values = x.astype(float), y.astype(float)
    rows, values = ((each - each.mean(0)) / each.std(0) for each in (rows, values))
    for weight, bias, strength in zip(
        linear.weight[:3], linear.bias[:3], np.asarray(l2[:3]), strict=True
    ):
        # This is where the mean of Σ(Wx + b - y)² + l2/2 ‖W‖² is smallest, in units of
        # the deviations.
        gram = 2 * rows.T @ rows / 60 + strength * np.eye(4)
        expected = np.linalg.solve(gram, 2 * rows.T @ values / 60).T
        expected *= y.std(0)[:, None] / x.std(0)
        np.testing.assert_allclose(weight, expected, atol=2e-3)
        np.testing.assert_allclose(bias, y.mean(0) - expected @ x.mean(0), atol=2e-3)
    assert np.abs(linear.weight[3]).max() < 0.1 < np.abs(linear.weight[0]).max()
    assert score[0] > score[2] > score[3]


def test_the_best_parameters_are_kept_and_training_stops_in_time():
    x, y = data()
    held_out = data(40, seed=1)
    options: Any = dict(validation=held_out, patience=3, optimizer=STEEP)
    probe, result = LinearProbe().fit(KEY, x, y, batch_size=10, **options)
    run = int(result.epochs)
    scores = np.asarray(result.score)
    assert (
        run < 50 and np.isnan(scores[run:]).all() and np.isnan(result.loss[run:]).all()
    )
    assert np.isfinite(result.loss[:run]).all()
    best = int(np.argmax(scores[:run]))
    assert result.best_epoch == best < run - 1 == best + 3
    later = scores[best + 1 : run]
    assert later.max() <= scores[best] and later.min() < scores[best]
    assert probe.score(*held_out) == scores[best]


def test_a_share_of_the_samples_is_held_back():
    x, y = data()
    options: Any = dict(validation=0.1, patience=3, optimizer=STEEP, batch_size=10)
    probe, result = LinearProbe().fit(KEY, x, y, **options)
    run, held = int(result.epochs), round(0.1 * len(y))
    scores = np.asarray(result.score)[:run]
    assert run < 50 and result.best_epoch == np.argmax(scores)
    np.testing.assert_allclose(held * scores, np.round(held * scores), atol=1e-4)
    again, _ = LinearProbe().fit(KEY, x, y, **options)
    assert eqx.tree_equal(probe, again)


@pytest.mark.thorough
def test_a_score_of_nan_is_worse_than_any():
    def update(updates, state, params=None):
        # The first epoch ends with parameters that overflow, the next ones at 0.
        def step(parameter):
            return jnp.where(state == 0, 3e38, -parameter)

        return jax.tree.map(step, params), state + 1

    optimizer = optax.GradientTransformation(lambda params: jnp.zeros((), int), update)
    # Weights that overflow, times a mean of 0, are NaN.
    x, y = jnp.array([[1.0, -1.0], [-1.0, 1.0]]), jnp.array([[1.0], [2.0]])
    probe, result = LinearProbe(task="regression").fit(
        KEY, x, y, validation=(x, y), epochs=3, optimizer=optimizer
    )
    assert result.score is not None
    assert jnp.isnan(result.score[0]) and result.best_epoch == 1
    assert probe(x).tolist() == [[1.5], [1.5]]


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_predictions_and_scores_are_those_before_rounding(half):
    x = jnp.ones((1, 1), half)
    probe, _ = LinearProbe(num_classes=2).fit(KEY, x, jnp.ones(1, int), epochs=1)
    bias = jnp.asarray([0.0, 1e-4])
    probe = eqx.tree_at(
        lambda probe: (probe.network.linear.weight, probe.network.linear.bias),
        probe,
        (jnp.zeros((2, 1)), bias),
    )
    assert probe(x).tolist() == [[0.5, 0.5]]
    assert probe.predict(x).tolist() == [1] and probe.score(x, jnp.ones(1, int)) == 1
    # A sample whose probabilities are NaN belongs to no class.
    probe = eqx.tree_at(
        lambda probe: probe.network.linear.bias, probe, jnp.array([0, jnp.inf])
    )
    assert jnp.isnan(probe(x)).all()
    assert probe.predict(x).tolist() == [-1] and probe.score(x, jnp.ones(1, int)) == 0


def test_progress_shows_a_bar_and_changes_nothing(capsys, monkeypatch):
    x, y = data()
    options: Any = dict(validation=data(40, seed=1), patience=3, batch_size=10)
    silent = LinearProbe().fit(KEY, x, y, optimizer=STEEP, **options)
    assert capsys.readouterr() == ("", "")
    shown = LinearProbe().fit(KEY, x, y, optimizer=STEEP, progress=True, **options)
    out, err = capsys.readouterr()
    assert out == "" and "score=" in err and "50" in err
    # NaN, where no epoch was run, is equal to itself here.
    jax.tree.map(np.testing.assert_array_equal, silent, shown)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"ngcx\[examples\]"):
        LinearProbe().fit(KEY, x, y, progress=True)


def test_one_hot_rows_train_as_indices_do_and_extreme_logits_stay_finite():
    x, y = data()
    hot = np.eye(3, dtype=np.float32)[y]
    fast = optax.sgd(300.0)  # the softmax of such logits vanishes
    one, result = LinearProbe().fit(KEY, x, y, epochs=5, optimizer=fast)
    two, _ = LinearProbe().fit(KEY, x, hot, epochs=5, optimizer=fast)
    assert np.isfinite(result.loss).all() and result.loss.max() > 20
    # Rounding errors grow in such steps.
    assert eqx.tree_equal(one.network, two.network, rtol=1e-4, atol=1e-3)
    assert one.score(x, y) == one.score(x, hot) > 0.6


def test_dtypes(dtype):
    x, y = data()
    x = jnp.asarray(x, dtype)
    probe, _ = LinearProbe(layer_norm=True).fit(KEY, x, y, epochs=1)
    wide = jnp.promote_types(dtype, jnp.float32)
    assert probe.network.linear.weight.dtype == wide
    assert jax.eval_shape(probe, x).dtype == dtype
    assert jax.eval_shape(probe.predict, x).shape == (60,)


@pytest.mark.thorough
def test_every_row_is_predicted_also_on_many_devices():
    x, y = data(600)
    probe, _ = LinearProbe().fit(KEY, x, y, epochs=2)
    linear = probe.network.linear
    logits = x @ np.asarray(linear.weight).T + np.asarray(linear.bias)
    np.testing.assert_allclose(probe(x), jax.nn.softmax(logits), rtol=1e-5)
    assert probe.predict(x).tolist() == np.argmax(logits, -1).tolist()
    mesh = Mesh(jax.devices(), "data")
    rows = NamedSharding(mesh, PartitionSpec("data"))
    sharded = jax.device_put(x, rows)
    np.testing.assert_allclose(probe(sharded), probe(x), rtol=1e-6)
    again, _ = LinearProbe().fit(KEY, sharded, jax.device_put(y, rows), epochs=2)
    np.testing.assert_allclose(again.network.linear.weight, linear.weight, rtol=1e-4)


@pytest.mark.thorough
def test_a_traced_fit_needs_the_number_of_classes():
    x, y = (jnp.asarray(each) for each in data())

    @jax.jit
    @jax.vmap
    def scores(key):
        probe, result = LinearProbe(num_classes=3).fit(key, x, y, epochs=3)
        return probe.score(x, y), result.loss

    score, loss = scores(jr.split(KEY, 2))
    assert score.shape == (2,) and loss.shape == (2, 3)
    _, result = LinearProbe(num_classes=3).fit(jr.split(KEY, 2)[1], x, y, epochs=3)
    np.testing.assert_allclose(loss[1], result.loss, rtol=1e-5)
    with pytest.raises(ValueError, match="`num_classes` must be given"):
        jax.jit(lambda y: LinearProbe().fit(KEY, x, y)[1].loss)(y)


@pytest.fixture(scope="module")
def attentive():
    """A probe of samples whose class is decided by the mean of the tokens that count;
    the other tokens are NaN.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(90, 4, 3)).astype(np.float32)
        mask = rng.random((90, 4)) < 0.7
        mask[:3] = False
        y = (np.where(mask, x[..., 0], 0).sum(-1) > 0).astype(np.int32)
        x[~mask] = np.nan
        probe = AttentiveProbe(
            num_heads=2,
            attention_size=16,
            query_size=16,
            num_queries=2,
            dropout=0.1,
        )
        probe, result = probe.fit(
            KEY,
            (x, mask),
            y,
            validation=((x, mask), y),
            epochs=30,
            batch_size=30,
            optimizer=optax.adam(1e-2),
        )
        return probe, result, x, mask, y


@pytest.mark.thorough
def test_attentive_probe_learns(attentive):
    probe, result, x, mask, y = attentive
    assert probe.score((x, mask), y) == np.nanmax(result.score) > 0.85
    assert np.isfinite(result.loss[: int(result.epochs)]).all()


@pytest.mark.thorough
def test_masked_tokens_do_not_count_and_rows_without_any_are_finite(attentive):
    probe, _, x, mask, _ = attentive
    outputs = probe((x, mask))
    assert np.isfinite(outputs).all()
    assert (outputs[1:3] == outputs[0]).all()
    other = np.where(mask[..., None], x, 1e9).astype(np.float32)
    assert (probe((other, mask)) == outputs).all()
    # Their order does not count either, but the others do.
    flipped = probe((x[:, ::-1], mask[:, ::-1]))
    np.testing.assert_allclose(flipped, outputs, atol=1e-5)
    moved = np.where(mask[..., None], -x, 0).astype(np.float32)
    assert np.abs(probe((moved, mask)) - outputs)[mask.any(-1)].max() > 0.1


def test_tokens_may_have_several_axes_or_none(attentive):
    probe, _, x, *_ = attentive
    clean = np.nan_to_num(x)
    # What the network takes says it all, and need not be compiled.
    tokens, mask = probe.recipe._prepare(clean, clean.dtype)
    several, no_mask = probe.recipe._prepare(clean.reshape(90, 2, 2, 3), clean.dtype)
    np.testing.assert_array_equal(several, tokens)
    assert mask is no_mask is None
    one = probe((clean, np.arange(4) == np.zeros((90, 1))))
    np.testing.assert_allclose(probe(clean[:, 0]), one, rtol=1e-4)


X, Y = np.ones((6, 2), np.float32), np.array([0, 1, 2, 0, 1, 2])
FITS: list[Any] = [
    (LinearProbe(), X, Y - 1, {}, "`y` must be 0 or more; got -1 to 1"),
    (LinearProbe(num_classes=2), X, Y, {}, "below the 2 classes; got 0 to 2"),
    (LinearProbe(num_classes=2), X, np.eye(3)[Y], {}, "each of 2 outputs; got 3"),
    (LinearProbe("regression"), X, Y, {}, "must be floats of shape"),
    (
        LinearProbe(),
        X[:0],
        Y[:0],
        {},
        "must not be empty; got shape",
    ),
    (LinearProbe(), (X, X[:, 0] > 0), Y, {}, "must be an array for `LinearProbe`"),
    (LinearProbe(), X, Y, {"batch_size": 0}, "`batch_size` must be 1 or more"),
    (LinearProbe(), X, Y, {"epochs": 0}, "`epochs` must be 1 or more; got 0"),
    (LinearProbe(), X, Y, {"validation": 1.0}, "between 0 and 1 .*; got 1.0, of 6"),
    (LinearProbe(), X, Y, {"patience": 0}, "`patience` must be 1 or more"),
    (
        LinearProbe(),
        X,
        Y,
        {"validation": (X, Y + 1)},
        "below the 3 classes; got 1 to 3",
    ),
    (KNNProbe(7), X, Y, {}, "`k` must be at most the number of samples, 6; got 7"),
    (KMeansProbe(7), X, Y, {}, "`num_clusters` must be at most"),
]


@pytest.mark.parametrize(("probe", "x", "y", "options", "message"), FITS)
def test_what_cannot_be_fitted(probe, x, y, options, message):
    y = y.astype(np.float32) if y.dtype == np.float64 else y.astype(np.int32)
    with pytest.raises(ValueError, match=message):
        probe.fit(KEY, x, y, **options)


@pytest.mark.parametrize(
    ("probe", "options", "message"),
    [
        (LinearProbe, {"l1": -1.0}, "`l1` must be 0 or more; got -1.0"),
        (LinearProbe, {"l2": -1.0}, "`l2` must be 0 or more; got -1.0"),
        (AttentiveProbe, {"attention_size": 12}, "multiple of `num_heads`=8; got 12"),
        (AttentiveProbe, {"query_size": 0}, "`query_size` must be 1 or more"),
        (AttentiveProbe, {"dropout": 1.0}, "`dropout` must be 0 or more and below 1"),
        (KNNProbe, {"k": 0}, "`k` must be 1 or more; got 0"),
        (KNNProbe, {"p": 0.5}, "`p` must be 1 or more; got 0.5"),
        (KMeansProbe, {"num_clusters": 0}, "`num_clusters` must be 1 or more"),
    ],
)
def test_what_no_probe_can_be_made_of(probe, options, message):
    with pytest.raises(ValueError, match=message):
        probe(**options)


def test_an_unknown_metric_is_refused():
    with pytest.raises(TypeError):
        KNNProbe(metric="hamming")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "probe", [LinearProbe(), AttentiveProbe(), KNNProbe(), KMeansProbe()]
)
def test_a_recipe_holds_nothing_that_a_fit_makes(probe):
    assert not hasattr(probe, "predict")
    arrays = jax.tree.leaves(eqx.filter(probe, eqx.is_array))
    assert not arrays


@pytest.mark.parametrize(
    "fitted",
    [
        FittedKNN(KNNProbe(), jnp.ones((6, 2)), jnp.ones((6, 3))),
        FittedKMeans(jnp.ones((2, 2)), jnp.ones((2, 3))),
    ],
)
def test_other_features_than_those_of_the_fit(fitted):
    with pytest.raises(ValueError, match="the 2 features of the fit; got 3"):
        fitted.predict(jnp.ones((3, 3)))


def test_other_features_than_those_of_the_training(attentive):
    with pytest.raises(ValueError, match="the 3 features of the fit; got 4"):
        attentive[0].predict(jnp.ones((5, 4, 4)))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("size", [1e21, 3e38])
def test_samples_beyond_all_others_have_probabilities(norm, size):
    x, y = data(samples=8, features=3)
    signs = jnp.asarray(size * np.sign(x), jnp.float32)
    options: Any = {"num_heads": 1, "query_size": 2, "attention_size": 2}
    for recipe in (
        LinearProbe(layer_norm=norm),
        AttentiveProbe(layer_norm=norm, input_layer_norm=norm, **options),
    ):
        probe, _ = recipe.fit(KEY, x, y, epochs=1)
        np.testing.assert_allclose(jnp.sum(probe(signs), 1), 1, rtol=1e-6)
        assert np.min(probe.predict(signs)) >= 0
