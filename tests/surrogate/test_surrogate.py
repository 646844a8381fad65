import math
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import given

from ngcx import surrogate
from ngcx._registry import classes
from ngcx.testing import arrays, check_module, surrogates, tolerance


pytestmark = pytest.mark.in_turn(5)


CLASSES = classes(surrogate.__name__, surrogate.AbstractSurrogate)
COMPOSED = {
    surrogate.AtThreshold: surrogate.AtThreshold(surrogate.Erf()),
    surrogate.Custom: surrogate.Custom(jnp.cos, jnp.sin),
    surrogate.EscapeNoise: surrogate.EscapeNoise(surrogate.Erf()),
    surrogate.MultiSpike: surrogate.MultiSpike(surrogate.Erf()),
    surrogate.Sparse: surrogate.Sparse(surrogate.Erf()),
    surrogate.Sum: surrogate.Sum((surrogate.Erf(), surrogate.StraightThrough(0.1))),
}
MEMBERS = [
    COMPOSED.get(each) or each()  # pyright: ignore[reportAbstractUsage]
    for each in CLASSES.values()
    if each is not surrogate.EscapeNoise  # which draws, and has tests of its own
]
ARCTAN = surrogate.Arctan()
STEPS = [each for each in MEMBERS if isinstance(each, surrogate.AbstractStep)]


def named(member):
    return type(member).__name__


@pytest.mark.parametrize(
    "member", [*MEMBERS, surrogate.Arctan(jnp.array(5.0))], ids=named
)
def test_composes_with_every_transformation(member):
    with jax.enable_x64(True):  # for float64 too
        check_module(member)


@pytest.mark.parametrize("member", STEPS, ids=named)
@given(v=arrays("float32"), threshold=arrays("float32"))
def test_spikes_above_the_threshold(member, v, threshold):
    spikes = member(v, threshold)
    assert spikes.dtype == v.dtype
    # XLA takes subnormal numbers for 0.
    v, threshold = (np.where(np.abs(a) < 2.0**-126, 0, a) for a in (v, threshold))
    np.testing.assert_array_equal(spikes, v > threshold)


def test_no_spike_at_the_threshold(dtype):
    v = jnp.array([-0.0, 0.0, 1.0], dtype)
    np.testing.assert_array_equal(surrogate.Arctan()(v), [0, 0, 1])
    np.testing.assert_array_equal(surrogate.Arctan()(v, 1.0), [0, 0, 0])


def slope(member, v, threshold):
    return jax.grad(lambda v: jnp.sum(member(v, threshold)))(v)


def test_spikes_at_the_threshold_where_that_is_asked_for(dtype):
    spike = surrogate.AtThreshold(surrogate.Arctan())
    v = jnp.array([-0.5, 0.0, 0.5, 1.0, 1.5], dtype)
    np.testing.assert_array_equal(spike(v), [0, 1, 1, 1, 1])
    np.testing.assert_array_equal(spike(v, 1.0), [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(slope(spike, v, 1.0), slope(ARCTAN, v, 1.0))


def test_a_spike_for_each_whole_threshold(dtype):
    spike = surrogate.MultiSpike(surrogate.Arctan())
    v = jnp.array([-7.0, 0.0, 1.25, 1.5, 2.75, 3.0, 9.0], dtype)
    np.testing.assert_array_equal(spike(v, 1.5), [0, 0, 0, 1, 1, 2, 6])
    np.testing.assert_array_equal(slope(spike, v, 1.5), slope(ARCTAN, v, 1.5))
    # What is finite stays so.
    largest = jnp.asarray(jnp.finfo(dtype).max, dtype)
    few = spike(jnp.stack([largest, 0 * largest, -largest]), 0.0)
    np.testing.assert_array_equal(few, [largest, 0, 0])


@pytest.mark.parametrize("member", MEMBERS, ids=named)
def test_the_sign_of_a_zero_decides_nothing(member, dtype):
    zeros = jnp.broadcast_to(jnp.array([[-0.0], [0.0]], dtype), (2, 4))
    v = jnp.broadcast_to(jnp.array([-2.0, -0.0, 0.0, 1.0], dtype), (2, 4))

    def each(v):
        return member(v, zeros), member(zeros, v), member.derivative(zeros)

    for of_minus, of_plus in (*each(v), *jax.jit(each)(v)):
        np.testing.assert_array_equal(of_minus, of_plus)


def test_a_threshold_for_each_neuron(dtype):
    v = jnp.array([[0.5, 1.5, 2.5], [1.5, 0.5, 3.5]], dtype)
    threshold = jnp.array([1.0, 1.0, 3.0], dtype)
    spikes, gradient = jax.value_and_grad(
        lambda threshold: jnp.sum(surrogate.StraightThrough()(v, threshold))
    )(threshold)
    assert spikes == 3
    np.testing.assert_array_equal(gradient, [-2, -2, -2])


@given(v=arrays("float32"), member=surrogates())
def test_gradients_are_those_of_the_primitive(v, member):
    v = v.clip(-1e4, 1e4)
    threshold = jnp.asarray(0.25)

    def gradients(emit):
        return eqx.filter_grad(lambda args: jnp.sum(emit(*args)))(
            (member, v, threshold)
        )

    spikes = gradients(lambda member, v, threshold: member(v, threshold))
    smooth = gradients(lambda member, v, threshold: member.primitive(v - threshold))
    for got, expected in zip(*map(jax.tree.leaves, (spikes, smooth)), strict=True):
        np.testing.assert_allclose(got, expected, **tolerance("float32"))


LEARNABLE = {
    surrogate.Arctan: {"alpha": 3.0},
    surrogate.Erf: {"alpha": 1.5},
    surrogate.EscapeExponential: {"beta": 2.0, "slope": 3.0, "center": 0.5},
    surrogate.FakeNumericalGradient: {"alpha": 0.7},
    surrogate.FastSigmoid: {"alpha": 5.0},
    surrogate.InverseSquareRoot: {"alpha": 0.6},
    surrogate.LeakyReLU: {"leak": 0.1, "slope": 2.0},
    surrogate.LogTailedReLU: {"alpha": 0.2},
    surrogate.MultiGaussian: {"h": 0.2, "s": 3.0, "sigma": 0.7, "scale": 0.5},
    surrogate.NonzeroSignLog: {"alpha": 2.0},
    surrogate.PiecewiseExponential: {"alpha": 2.0},
    surrogate.PiecewiseLeakyReLU: {"w": 1.1, "c": 0.1},
    surrogate.QPseudoSpike: {"alpha": 2.5},
    surrogate.Rectangular: {"alpha": 0.4},
    surrogate.S2NN: {"alpha": 3.0, "beta": 0.7},
    surrogate.SecantLIF: {"c1": 0.8, "c2": 0.3},
    surrogate.Sigmoid: {"alpha": 4.0},
    surrogate.SparseFastSigmoid: {"alpha": 5.0, "B": 1.1},
    surrogate.SquareWaveFourierSeries: {"period": 7.0},
    surrogate.StochasticSpikeOperator: {"mean": 0.4, "variance": 0.3},
    surrogate.Triangular: {"alpha": 0.7},
}


@pytest.mark.parametrize("member", LEARNABLE, ids=lambda member: member.__name__)
def test_a_learnable_hyperparameter_receives_the_gradient_of_the_primitive(member):
    with jax.enable_x64(True):
        v = jnp.linspace(-2, 2, 10)

        def primitive(values):
            return member(**values, gain=1.5).primitive(v)

        def spikes(values):
            return member(**values, gain=1.5)(v)

        values = {name: jnp.asarray(it) for name, it in LEARNABLE[member].items()}
        gradients = jax.jit(jax.jacrev(spikes))(values)
        primitive = jax.jit(primitive)
        for name in values:
            there, back = (
                primitive(values | {name: values[name] + step})
                for step in (1e-6, -1e-6)
            )
            quotient = (there - back) / 2e-6
            np.testing.assert_allclose(gradients[name], quotient, rtol=1e-6, atol=1e-8)
            assert np.any(np.asarray(gradients[name]) != 0)


# The table of docs/surrogate.md: the derivative at the threshold, or just above it.
HEIGHTS = {
    surrogate.Erf: 2 / math.sqrt(math.pi),
    surrogate.EscapeExponential: 25,
    surrogate.FakeNumericalGradient: 0.3,
    surrogate.MultiGaussian: 0.4391,
    surrogate.PiecewiseExponential: 0.5,
    surrogate.PiecewiseLeakyReLU: 0.5,
    surrogate.SecantLIF: 0.82 * 0.08,
}
DOCUMENTATION = pathlib.Path(__file__).parents[2] / "docs" / "surrogate.md"


@pytest.mark.parametrize(
    "member",
    [each for each in CLASSES.values() if each not in COMPOSED],
    ids=lambda member: member.__name__,
)
def test_the_default_height_is_one_or_what_the_field_agrees_on(member):
    height = HEIGHTS.get(member, 1.0)
    got = float(member().derivative(jnp.asarray(1e-30)))
    np.testing.assert_allclose(got, height, rtol=1e-3)
    rows = [row for row in DOCUMENTATION.read_text().splitlines() if row[:1] == "|"]
    (row,) = [row for row in rows if f"`{member.__name__}`" in row.split("|")[1]]
    assert float(row.split("|")[2]) == pytest.approx(height, rel=5e-3)


def test_defaults_are_those_of_the_reference():
    x = np.array([0.0, 0.25, 1.0, -1.0])
    # They are those of its own primitive, and pi times its derivative.
    expected = 1 / (1 + (math.pi * x) ** 2)
    np.testing.assert_allclose(
        surrogate.Arctan().derivative(jnp.asarray(x, jnp.float32)), expected, rtol=1e-6
    )
    operator = surrogate.StochasticSpikeOperator()
    assert operator == surrogate.StochasticSpikeOperator(mean=0.0, variance=0.2)


def test_gain_scales_both():
    x = jnp.linspace(-1, 1, 5)
    one, two = surrogate.Arctan(gain=1.0), surrogate.Arctan(gain=2.0)
    np.testing.assert_allclose(2 * one.derivative(x), two.derivative(x), rtol=1e-6)
    np.testing.assert_allclose(2 * one.primitive(x), two.primitive(x), rtol=1e-6)


@pytest.mark.parametrize(
    "member",
    [
        surrogate.Arctan,
        surrogate.Erf,
        surrogate.FastSigmoid,
        surrogate.InverseSquareRoot,
        surrogate.PiecewiseExponential,
        surrogate.QPseudoSpike,
        surrogate.Rectangular,
        surrogate.Sigmoid,
        surrogate.Triangular,
    ],
)
def test_a_gain_of_one_means_an_area_of_one(member):
    ends = member(gain=1.0).primitive(jnp.array([-1e8, 0.0, 1e8]))
    np.testing.assert_allclose(ends, [0, 0.5, 1], atol=1e-7)


def test_the_secant_is_evaluated_on_the_current():
    j = np.array([-3.0, 0.0, 0.5, 10.0])
    expected = np.where(j > 0, 0.82 * 0.08 / np.cosh(0.08 * j) ** 2, 0)
    got = surrogate.SecantLIF().derivative(jnp.asarray(j, jnp.float32))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("member", STEPS, ids=named)
def test_the_primitive_is_the_probability_of_escape_noise(member):
    noise = surrogate.EscapeNoise(member)
    x, key = jnp.linspace(-1, 1, 5), jr.key(0)
    v = jnp.tile(x[:, None], 4000)

    @jax.jit
    def evaluate(v, x):
        spikes, pull = jax.vjp(lambda v: noise(v, key=key), v)
        (gradient,) = pull(jnp.ones_like(v))
        return spikes, gradient, member.primitive(x), member.derivative(x)

    spikes, gradient, probability, slope = evaluate(v, x)
    assert set(np.unique(spikes)) <= {0, 1}
    probability = np.clip(probability, 0, 1)
    # Beyond five standard deviations is one comparison in a million.
    deviation = np.sqrt(probability * (1 - probability) / 4000)
    error = np.abs(np.mean(spikes, axis=1) - probability)
    assert np.all(error <= 5 * deviation + 1e-6)
    np.testing.assert_array_equal(spikes, noise(v, key=key))
    # A key alone changes nothing.
    np.testing.assert_array_equal(member(v, key=key), member(v))
    np.testing.assert_allclose(
        gradient, np.broadcast_to(slope[:, None], v.shape), rtol=1e-6
    )


def test_drawn_spikes_of_half_precision_are_not_biased():
    p = jnp.full(200_000, 0.001, jnp.bfloat16)
    spikes = surrogate.EscapeNoise(surrogate.StraightThrough())(p, key=jr.key(1))
    rate = np.mean(np.asarray(spikes, np.float32))
    expected = float(p[0])
    assert abs(rate - expected) < 5 * math.sqrt(expected / 200_000)


def test_escape_noise_needs_a_key():
    noise = surrogate.EscapeNoise(surrogate.Sigmoid())
    with pytest.raises(ValueError, match="`key` must be given"):
        noise(jnp.ones(3))


def test_without_noise_a_probability_gives_the_likelier_outcome():
    spikes = surrogate.BernoulliStraightThrough()(jnp.array([0.1, 0.5, 0.6]))
    np.testing.assert_array_equal(spikes, [0, 0, 1])


def test_a_stochastic_operator_draws_its_slopes():
    member, v = (
        surrogate.StochasticSpikeOperator(0.1, 0.2),
        jr.normal(jr.key(0), (10_000,)),
    )

    def slopes(key):
        return jax.grad(lambda v: jnp.sum(member(v, key=key)))(v)

    np.testing.assert_array_equal(member(v, key=jr.key(1)), v > 0)
    drawn = np.asarray(slopes(jr.key(1)))
    np.testing.assert_array_equal(drawn[v > 0], 1)
    below = drawn[v <= 0]
    assert np.all(np.abs(below - 0.02) <= 0.1 + 1e-6)
    assert scipy.stats.kstest(below, "uniform", (-0.08, 0.2)).pvalue > 1e-6
    assert np.any(drawn != np.asarray(slopes(jr.key(2))))


def test_spike_counts_are_rounded_half_to_even_and_clipped():
    v = jnp.array([-1.0, 0.5, 1.5, 2.5, 3.5, 9.0, 1.2])
    counts = surrogate.MultiLevelSpikeCount(4)
    np.testing.assert_array_equal(counts(v), [0, 0, 2, 2, 4, 4, 1])
    np.testing.assert_array_equal(counts(v, 1.0), [0, 0, 0, 2, 2, 4, 0])


def test_spike_counts_are_drawn_with_the_right_mean(dtype):
    v = jnp.full(100_000, 1.25, dtype)
    counter = surrogate.EscapeNoise(surrogate.MultiLevelSpikeCount(4))
    assert not counter.binary
    counts = counter(v, key=jr.key(0))
    assert counts.dtype == dtype
    counts = np.asarray(counts, np.float64)
    assert set(np.unique(counts)) == {1, 2}
    assert abs(np.mean(counts) - 1.25) < 5 * math.sqrt(0.25 * 0.75 / 100_000)


def test_the_secant_derivative_underflows_only_with_its_value():
    steep = surrogate.SecantLIF(c1=8.0, c2=54.0)
    # XLA flushes a factor of it, which is subnormal, to 0.
    expected = 8 * 54 / np.cosh(54 * 0.8125) ** 2
    got = steep.derivative(jnp.asarray(0.8125, jnp.float32))
    np.testing.assert_allclose(got, expected, rtol=1e-5)
