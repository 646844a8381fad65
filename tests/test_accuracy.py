"""The formulas of extended precision cover every class, and what docs/accuracy.md says
holds.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.accuracy import _page
from benchmarks.accuracy._formulas import ACTIVATIONS, SURROGATES
from benchmarks.accuracy._measure import ORDERS, cases, measure
from ngcx import activations, surrogate
from ngcx._registry import classes


# These act on rows, give their steps another slope by intention, or are made of others.
OTHERS = {
    *("BinaryKWTA", "KWTA", "LogSoftmax", "Softmax", "Sparsemax"),
    *("Heaviside", "Threshold"),
    *("AtThreshold", "Custom", "EscapeNoise", "MultiSpike", "Sparse", "Sum"),
}
CASES = {f"{case.title}-{case.name}": case for case in cases()}
# One of each kind of formula; `nox -s thorough` measures all.
QUICK = (
    *("CELU-alpha", "CauchyThreshold-None", "Mish-None", "Swish-None"),
    *("surrogate.Arctan-alpha", "surrogate.FakeNumericalGradient-alpha"),
    *("surrogate.EscapeExponential-None", "surrogate.InverseSquareRoot-None"),
)


def test_every_class_has_a_formula():
    for subpackage, base, formulas in (
        (activations, activations.AbstractActivation, ACTIVATIONS),
        (surrogate, surrogate.AbstractSurrogate, SURROGATES),
    ):
        members = {
            each.__name__ for each in classes(subpackage.__name__, base).values()
        }
        assert {*formulas} == members - OTHERS


def test_the_page_shows_what_was_measured():
    results = _page.read()
    assert _page.PAGE.read_text() == _page.page(results)
    titles = {case.title for case in CASES.values()}
    assert {"float32", "float64", "float16", "bfloat16"} == {*results}
    assert all({*rows} == titles for rows in results.values())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"], indirect=True)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.thorough)
        for name in CASES
    ],
)
def test_no_error_is_larger_than_the_page_says(name, dtype):
    case = CASES[name]
    limits = _page.read()[dtype.name][case.title]
    for (order, mode), (error, where) in measure(case, dtype, few=True).items():
        # Other places may be nearer to a zero crossing, and compilers differ.
        assert error <= max(10, 2 * limits[order]), (order, mode, where)


@pytest.mark.parametrize("name", CASES)
def test_every_formula_at_ordinary_numbers(name):
    """Nothing is compiled, so that the quick suite, too, looks at every class."""
    case = CASES[name]
    # One that is 1 might as well be left out.
    number = 1.25 * float(case.numbers[case.name]) if case.name else 1.0

    def value(x, p):
        module = case.make(p)
        return module(x) if case.kind == "activations" else module.primitive(x)

    def slope(x, p):
        return case.make(p).derivative(x)

    def along(function, place):
        return jax.jvp(function, (place,), (jnp.ones_like(place),))[1]

    with jax.disable_jit(), jax.enable_x64(True):
        x = jnp.array([-7.3, -2.7, -0.6, -0.3, 0.2, 0.45, 1.7, 7.3])
        p = jnp.full_like(x, number)
        got = {"value": value(x, p), "x": slope(x, p)}
        got["xx"] = along(lambda x: slope(x, p), x)
        if case.name:
            got["p"] = along(lambda p: value(x, p), p)
            got["xp"] = along(lambda p: slope(x, p), p)
        truths = [case.at(place, number) for place in x.tolist()]
    for part, results in got.items():
        exact = [float(getattr(truth, part)) for truth in truths]
        np.testing.assert_allclose(results, exact, rtol=1e-12, atol=1e-14)


# The exponent of a tail, the hyper-parameter, and the derivative that is looked at.
TAILS = {
    "Swish-beta": (170.0, 1e-30, "p"),
    "surrogate.Erf-alpha": (14.0, 1e30, "xx"),
    "surrogate.EscapeExponential-beta": (-170.0, 1e-30, "p"),
    "surrogate.PiecewiseExponential-alpha": (200.0, 1e30, "xx"),
    "surrogate.QPseudoSpike-alpha": (2000.0, 40.0, "xp"),
    "surrogate.SecantLIF-c2": (100.0, 1e30, "xx"),
    "surrogate.Sigmoid-alpha": (200.0, 1e30, "xx"),
}


@pytest.mark.parametrize("name", TAILS)
def test_a_small_exponential_meets_large_factors(name):
    """They would be flushed to 0 in float32, but their product is not."""
    case, (exponent, number, part) = CASES[name], TAILS[name]
    p, x = jnp.float32(number), jnp.float32(exponent / number)

    def value(x, p):
        module = case.make(p)
        return module(x) if case.kind == "activations" else module.primitive(x)

    def slope(x, p):
        return case.make(p).derivative(x)

    function, by = {"p": (value, 1), "xx": (slope, 0), "xp": (slope, 1)}[part]
    with jax.disable_jit():
        got = float(
            jax.jvp(
                lambda z: function(*((z, p), (x, z))[by]),
                ((x, p)[by],),
                (jnp.float32(1),),
            )[1]
        )
    exact = getattr(case.at(float(x), float(p)), part)
    # What a rounding of x changes is as many times as large as the exponent.
    assert exact != 0 and abs(got / float(exact) - 1) < 1e-4


def test_all_is_within_four_units():
    rows = [row for results in _page.read().values() for row in results.values()]
    assert max(row[order] for row in rows for order in ORDERS if order in row) <= 4


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 1.0, 1e30])
def test_a_softmax_has_two_derivatives_at_any_temperature(temperature, dtype):
    unit = temperature if dtype.itemsize > 2 else 1.0
    rows = [[0.0, -1.0, 2.0], [0.0, -unit, unit / 2], [1.0, 1.0, 1.0]]
    rows += [[float(jnp.finfo(dtype).max), 0.0, -float(jnp.finfo(dtype).max)]]
    x = jnp.asarray(rows, dtype)

    def both(t, x):
        return activations.Softmax(t)(x)

    def derivatives(t, x):
        return {
            "by the temperature": jax.jacfwd(both)(t, x),
            "mixed": jax.jacfwd(jax.jacrev(both, 1))(t, x),
            "mixed, reverse": jax.jacrev(jax.jacrev(both), 1)(t, x),
            "second": jax.jacfwd(jax.jacrev(both, 1), 1)(t, x),
        }

    wide = jnp.float64 if dtype == jnp.float64 else jnp.float32
    t = jnp.asarray(temperature, wide)
    if temperature < 1e-3:
        # Those of entries that are nearly equal are larger than any number.
        x = x[jnp.array([0, 3])]
    got = jax.jit(jax.vmap(derivatives, (None, 0)))(t, x)
    for order, result in got.items():
        assert not np.any(np.isnan(np.asarray(result, float))), order


@pytest.mark.parametrize("member", [surrogate.Arctan, surrogate.Sigmoid])
def test_a_difference_beyond_a_half_precision_has_a_gradient(member, dtype):
    largest = float(jnp.finfo(dtype).max)
    v, threshold = jnp.asarray([largest, 1.0, 0.0], dtype), jnp.asarray(-largest, dtype)

    def total(parameters, v, threshold):
        alpha, gain = parameters
        spikes = member(alpha, gain=gain)(v, threshold)
        return jnp.sum(spikes.astype(jnp.float32))

    parameters = jnp.asarray(2.0, dtype), jnp.asarray(1.0, dtype)
    gradients = jax.grad(total, (0, 1, 2))(parameters, v, threshold)
    for gradient in jax.tree.leaves(gradients):
        assert gradient.dtype == dtype and np.all(
            np.isfinite(np.asarray(gradient, float))
        )
