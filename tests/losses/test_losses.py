"""Every loss beside its formula in float64 of numpy, alone and in a padded batch."""

import functools as ft

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.special
from hypothesis import given, strategies as st

from ngcx import losses, metrics


pytestmark = pytest.mark.in_turn(4)


T, B, N = 5, 4, 6
seeds = st.integers(0, 2**31 - 1)
some_lengths = st.lists(st.integers(0, T), min_size=B, max_size=B).map(np.asarray)

READOUTS = {
    "spike_count": losses.spike_count,
    "spike_rate": ft.partial(losses.spike_rate, population=2),
    "mean_over_time": losses.mean_over_time,
    "maximum": losses.maximum,
    "last_step": losses.last_step,
    "first_spike_time": losses.first_spike_time,
}


def trains(seed, shape=(T, B, N)):
    return np.random.default_rng(seed).random(shape).round()


def first_spikes(spikes):
    fires = spikes > 0
    return np.where(fires.any(0), np.argmax(fires, 0), len(spikes))


ORACLES = {
    "spike_count": lambda x: x.sum(0),
    "spike_rate": lambda x: x.mean(0).reshape(*x.shape[1:-1], N // 2, 2).mean(-1),
    "mean_over_time": lambda x: x.mean(0),
    "maximum": lambda x: x.max(0),
    "last_step": lambda x: x[-1],
    "first_spike_time": first_spikes,
}


def close(actual, expected, dtype, scale=1.0):
    tolerance = 4 * float(jnp.finfo(dtype).eps)
    assert actual.dtype == dtype
    np.testing.assert_allclose(
        np.asarray(actual, np.float64), expected, tolerance, tolerance * scale
    )


@pytest.mark.parametrize("name", READOUTS)
def test_readouts_are_their_formulas(name, dtype):
    x = jnp.asarray(trains(0), dtype)
    close(READOUTS[name](x), ORACLES[name](np.asarray(x, np.float64)), dtype)


@pytest.mark.parametrize("name", READOUTS)
def test_a_readout_of_a_padded_batch_is_that_of_each_sample_alone(name):
    readout, classes = READOUTS[name], len(ORACLES[name](np.zeros((T, N))))
    weights = jr.normal(jr.key(0), (B, classes))

    def total(x, lengths=None):
        outs = readout(x, lengths=lengths)
        return jnp.sum(weights * outs), outs

    ran = jax.jit(jax.grad(total, has_aux=True))

    @given(seeds, some_lengths)
    def check(seed, lengths):
        x = jnp.asarray(trains(seed), jnp.float32)
        padding = np.arange(T)[:, None] >= lengths
        padded = jnp.where(padding[..., None], jnp.nan, x)
        gradient, outs = ran(padded, jnp.asarray(lengths))
        assert not np.asarray(gradient)[padding].any()
        assert np.isfinite(outs).all()
        for length in set(lengths) - {0}:
            # Samples do not mix, so one call gives what each of that length is alone.
            chosen = lengths == length
            own_gradient, own = ran(x[:length])
            np.testing.assert_allclose(outs[chosen], own[chosen], 1e-6)
            expected = ORACLES[name](np.asarray(x[:length, chosen], np.float64))
            np.testing.assert_allclose(outs[chosen], expected, 1e-6)
            np.testing.assert_allclose(
                gradient[:length, chosen], own_gradient[:, chosen], 1e-5, 1e-6
            )

    check()


@given(seeds, some_lengths.filter(lambda lengths: lengths.any()))
def test_penalties_and_membrane_loss_take_the_steps_that_there_are(seed, lengths):
    x = trains(seed)
    x[np.arange(T)[:, None] >= lengths] = np.nan
    pieces = np.concatenate([x[:length, b] for b, length in enumerate(lengths)])
    rates = pieces.mean(0)
    padded, sizes = jnp.asarray(x, jnp.float32), jnp.asarray(lengths)
    bounds = np.maximum(0.3 - rates, 0) ** 2 + np.maximum(rates - 0.6, 0) ** 2
    penalty = losses.rate_penalty(padded, 0.3, 0.6, lengths=sizes)
    np.testing.assert_allclose(penalty, bounds.mean(), 1e-5, 1e-7)
    for power in (1, 2):
        cost = losses.activity_penalty(padded, power, lengths=sizes)
        np.testing.assert_allclose(cost, np.mean(rates**power), 1e-5)
    labels = np.arange(B)
    targets = np.concatenate(
        [np.tile(np.eye(N)[b], (n, 1)) for b, n in enumerate(lengths)]
    )
    loss, gradient = jax.value_and_grad(losses.membrane_loss)(
        padded, jnp.asarray(labels), lengths=sizes
    )
    np.testing.assert_allclose(loss, np.mean((pieces - targets) ** 2), 1e-5)
    assert np.isfinite(gradient).all()


def test_what_is_counted_is_not_rounded_on_the_way():
    spikes = jnp.full((70_000, 1, 1), 2.0, jnp.float16)
    assert losses.spike_rate(spikes) == 2
    assert losses.activity_penalty(spikes) == 2
    large = jnp.full((9, 1), 2.0**127)
    assert losses.mean_over_time(large) == 2.0**127


def test_lengths_beyond_the_steps_are_all_of_them():
    x = jnp.asarray(trains(1), jnp.float32)
    for name, readout in READOUTS.items():
        beyond = readout(x, lengths=jnp.full(B, 99))
        np.testing.assert_array_equal(beyond, readout(x), name)


def test_time_mask_of_narrow_lengths():
    mask = losses.time_mask(jnp.array([255, 0], jnp.uint8), 300)
    np.testing.assert_array_equal(mask.sum(0), [255, 0])


def test_the_gradient_of_the_first_spike_is_that_of_one_spike_more_or_less(dtype):
    spikes = np.array([[0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 2]]).T
    gradient = np.asarray(
        jax.grad(lambda s: jnp.sum(losses.first_spike_time(s)))(
            jnp.asarray(spikes, dtype)
        )
    )
    for step, neuron in np.ndindex(spikes.shape):
        if spikes[step, neuron] > 1:
            assert gradient[step, neuron] == 0
            continue
        with_one, without = spikes.copy(), spikes.copy()
        with_one[step, neuron], without[step, neuron] = 1, 0
        change = first_spikes(with_one) - first_spikes(without)
        assert gradient[step, neuron] == change[neuron]


def softened(labels, smoothing):
    return (1 - smoothing) * labels + smoothing / labels.shape[-1]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_cross_entropy_is_its_formula(smoothing, weighted, soft, dtype):
    rng = np.random.default_rng(0)
    logits = jnp.asarray(3 * rng.normal(size=(8, 4)), dtype)
    classes = np.array([0, 1, 2, 3, 3, -1, 9, 1])
    rows = rng.random((8, 4))
    rows = np.asarray(jnp.asarray(rows / rows.sum(-1, keepdims=True), dtype), float)
    one_hot = (classes[:, None] == np.arange(4)).astype(float)
    labels = softened(rows if soft else one_hot, smoothing)
    weights = np.asarray(jnp.asarray([1.0, 2.0, 0.0, 0.5], dtype), float)
    if weighted:
        labels = labels * weights
    where = np.arange(8) != 3
    counts = where & (soft | one_hot.any(-1))
    log = scipy.special.log_softmax(np.asarray(logits, np.float64), axis=-1)
    each = np.where(counts, -np.sum(labels * log, -1), 0)
    divisor = labels[counts].sum() if weighted else counts.sum()
    loss = ft.partial(
        losses.cross_entropy,
        logits,
        jnp.asarray(rows, dtype) if soft else jnp.asarray(classes),
        label_smoothing=smoothing,
        class_weights=jnp.asarray(weights, dtype) if weighted else None,
        where=jnp.asarray(where),
    )
    close(loss(), each.sum() / divisor, dtype)
    close(loss(reduction="sum"), each.sum(), dtype)
    close(loss(reduction="none"), each, dtype)


@pytest.mark.parametrize("unit", [2.0**-120, 2.0**120])
def test_the_unit_of_class_weights_does_not_matter(unit):
    loss = jax.jit(losses.cross_entropy)
    logits = jnp.array([[1e31, -8e30, 3.0], [-7e30, 5e30, 2e30], [0.0, 1.0, -2.0]])
    labels, weights = jnp.array([1, 2, 0]), jnp.array([0.25, 1.0, 6.0])
    expected = loss(logits, labels, class_weights=weights)
    assert jnp.isfinite(expected)
    got = loss(logits, labels, class_weights=weights * unit)
    np.testing.assert_array_equal(got, expected)


def test_binary_cross_entropy_is_its_formula(dtype):
    logits = jnp.asarray([[-5.0, 0.0, 2.0], [1.0, -1.0, 30.0]], dtype)
    targets = jnp.asarray([[0.0, 0.5, 1.0], [0.25, 0.0, 0.0]], dtype)
    where = np.array([[True, True, False], [True, True, True]])
    z, p = np.asarray(logits, np.float64), np.asarray(targets, np.float64)
    each = p * np.logaddexp(0, -z) + (1 - p) * np.logaddexp(0, z)
    close(losses.binary_cross_entropy(logits, targets), each.mean(), dtype)
    masked = losses.binary_cross_entropy(logits, targets, where=jnp.asarray(where))
    close(masked, each[where].mean(), dtype)


def test_squared_error_is_its_formula(dtype):
    values = jnp.asarray([[0.5, 2.0, 1.0], [4.0, 0.0, 1.0]], dtype)
    targets = np.array([[0.25, 0.25, 3.0], [3.0, 0.25, 0.25]])
    each = np.mean((np.asarray(values, np.float64) - targets) ** 2, axis=-1)
    loss = ft.partial(
        losses.squared_error_to_targets, values, jnp.array([2, 0]), 3.0, 0.25
    )
    close(loss(reduction="none"), each, dtype)
    close(loss(), each.mean(), dtype)
    close(loss(where=jnp.array([True, False])), each[0], dtype)


def is_finite(tree):
    return all(np.isfinite(np.asarray(x, float)).all() for x in jax.tree.leaves(tree))


@pytest.mark.parametrize("size", [1e4, 6e4])
def test_large_logits_have_the_true_gradient(size, dtype):
    logits = size * jnp.asarray([[1, -1, -1], [-1, 1, -1]], dtype)
    wrong = jnp.array([1, 2])
    loss = jax.grad(ft.partial(losses.cross_entropy, labels=wrong))
    expected = np.array([[1, -1, 0], [0, 1, -1]]) / 2
    close(loss(logits), expected, dtype)
    targets = (logits < 0).astype(dtype)
    binary = jax.grad(ft.partial(losses.binary_cross_entropy, targets=targets))
    close(binary(logits), np.sign(np.asarray(logits, float)) / 6, dtype)


def test_the_largest_and_masked_classes_have_finite_gradients(dtype):
    largest = float(jnp.finfo(dtype).max)
    logits = jnp.asarray([[largest, -largest, 0.0], [0.0, 1.0, -jnp.inf]], dtype)
    gradient = jax.grad(losses.cross_entropy)(logits, jnp.array([1, 0]))
    assert is_finite(gradient)
    assert is_finite(losses.cross_entropy(logits, jnp.array([0, 1])))


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_silent_and_saturated_outputs_have_finite_gradients(fill, dtype):
    spikes = jnp.full((T, B, N), fill, dtype)
    labels = jnp.arange(B)
    zeros = jnp.zeros(B, int)

    def total(spikes, lengths):
        values = [
            losses.cross_entropy(readout(spikes, lengths=lengths), labels % 3)
            for readout in READOUTS.values()
        ]
        counts = losses.spike_count(spikes, lengths=lengths)
        values.append(losses.squared_error_to_targets(counts, labels, float(T)))
        values.append(losses.membrane_loss(spikes, labels, lengths=lengths))
        values.append(losses.rate_penalty(spikes, 0.1, 0.5, lengths=lengths))
        values.append(losses.activity_penalty(spikes, 2, lengths=lengths))
        return jnp.stack(values).sum()

    for lengths in (None, zeros, labels + 1):
        assert is_finite(jax.jit(jax.value_and_grad(total))(spikes, lengths))
    silent = jax.grad(lambda s: losses.rate_penalty(s, 0.1))(
        jnp.zeros((T, B, N), dtype)
    )
    assert (silent < 0).all()  # more spikes cost less


def test_van_rossum_of_trains_with_time_first_is_a_loss():
    a, b = (jnp.asarray(trains(seed), jnp.float32) for seed in (0, 1))

    def loss(a):
        return metrics.van_rossum_distance(
            jnp.moveaxis(a, 0, -2), jnp.moveaxis(b, 0, -2), tau=3.0
        )

    assert loss(a) > 0 and is_finite(jax.grad(loss)(a))
    assert is_finite(jax.grad(loss)(b))


def test_losses_compose_with_transforms():
    x = jnp.asarray(trains(2), jnp.float32)
    labels, lengths = jnp.arange(B) % 3, jnp.arange(B) + 1

    def loss(x, label, length):
        scores = losses.spike_count(x, lengths=length, population=2)
        return losses.cross_entropy(scores, label)

    each = jax.vmap(loss, (1, 0, 0))(x, labels, lengths)
    np.testing.assert_allclose(loss(x, labels, lengths), each.mean(), 1e-6)
    np.testing.assert_allclose(
        jax.jit(loss)(x, labels, lengths), loss(x, labels, lengths), 1e-6
    )


def test_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match="`population` must divide the 6 neurons"):
        losses.spike_count(jnp.ones((3, 6)), population=4)
    with pytest.raises(
        ValueError, match="`logits` must hold one number for each class"
    ):
        losses.cross_entropy(jnp.ones((3, 1)), jnp.zeros(3, int))
    with pytest.raises(TypeError, match="`lengths`"):
        losses.maximum(jnp.ones((3, 2, 6)), lengths=jnp.ones(3, int))
