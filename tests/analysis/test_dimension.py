"""Measures of dimension against numpy in float64, at any scale, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx.analysis import participation_ratio, rankme, stable_rank
from ngcx.testing import tolerance


def eigenvalues(codes):
    values = np.linalg.svd(codes - codes.mean(0), compute_uv=False) ** 2
    return values


def entropy_rank(codes):
    share = np.linalg.svd(codes, compute_uv=False)
    share = share / share.sum()
    return np.exp(-np.sum(share * np.log(share, where=share > 0, out=0 * share)))


ORACLES = {
    participation_ratio: lambda codes: (
        eigenvalues(codes).sum() ** 2 / np.sum(eigenvalues(codes) ** 2)
    ),
    rankme: entropy_rank,
    stable_rank: lambda codes: eigenvalues(codes).sum() / eigenvalues(codes)[0],
}
MEASURES = pytest.mark.parametrize("measure", ORACLES, ids=lambda f: f.__name__)


def codes(dtype, shape=(60, 50), offset=0.0):
    return jnp.asarray(np.random.default_rng(0).normal(offset, size=shape), dtype)


def check_value(measure, x):
    value = measure(x)
    assert value.dtype == x.dtype and value.shape == ()
    exact = np.asarray(x, float)
    expected = ORACLES[measure](exact) if len(x) > 1 else 1
    # Sums over the rows and columns round more often than the entries.
    np.testing.assert_allclose(float(value), expected, **tolerance(x.dtype, 64))


@MEASURES
def test_values(measure, dtype):
    check_value(measure, codes(dtype))


@MEASURES
@pytest.mark.parametrize("shape", [(20, 50), (1, 3)])
def test_values_of_few_samples(measure, shape):
    check_value(measure, codes(jnp.float32, shape))


@pytest.mark.parametrize("measure", [participation_ratio, stable_rank])
def test_a_large_mean_does_not_count(measure):
    x = codes(jnp.float32, offset=1e5)
    np.testing.assert_allclose(
        measure(x), ORACLES[measure](np.asarray(x, float)), rtol=1e-5
    )


@MEASURES
@pytest.mark.parametrize("exponent", [-100, -24, 24, 100])
def test_scale_does_not_count(measure, exponent):
    x = codes(jnp.float32)
    assert measure(jnp.ldexp(x, exponent)) == measure(x)


def test_defects_of_the_reference():
    for scale in (1e-7, 1e-8, 1.0):
        np.testing.assert_allclose(rankme(scale * jnp.eye(4)), 4, rtol=1e-6)
    constant = jnp.ones((5, 3))
    assert participation_ratio(constant) == 1
    assert jnp.isnan(participation_ratio(constant, degenerate=jnp.nan))
    assert stable_rank(constant) == 1 and rankme(jnp.zeros((5, 3))) == 1


@MEASURES
@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_first_and_second_derivatives(measure, dtype):
    x, direction = codes(dtype, (6, 4)), 1e-4 * codes(dtype, (6, 4))[::-1]
    gradient = jax.jit(jax.grad(measure))

    @jax.jit
    def along(x):
        return jax.jvp(jax.grad(measure), (x,), (direction,))

    first = (measure(x + direction) - measure(x - direction)) / 2
    second = (gradient(x + direction) - gradient(x - direction)) / 2
    here, curvature = along(x)
    np.testing.assert_allclose(jnp.sum(here * direction), first, rtol=1e-5)
    np.testing.assert_allclose(curvature, second, rtol=1e-4, atol=1e-9)
    for x in (jnp.zeros((6, 4)), jnp.ones((6, 4)), jnp.eye(6)[:, :4]):
        assert jnp.isfinite(gradient(x)).all()
