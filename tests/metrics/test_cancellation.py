"""Measures that are nearly 0, beside long doubles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import metrics
from ngcx.testing import tolerance

from ._comparison import rounded, simplex


@pytest.mark.parametrize("share", [metrics.r_squared, metrics.explained_variance])
def test_shares_of_variance_at_the_ends_of_float64(share):
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(20, 2))
    near = targets + 0.1 * rng.normal(size=targets.shape)
    with jax.enable_x64(True):
        expected = share(jnp.asarray(near), jnp.asarray(targets))
        for scale in (1e-200, 1e200):
            got = share(jnp.asarray(near * scale), jnp.asarray(targets * scale))
            np.testing.assert_allclose(got, expected, rtol=1e-12)
        wrong = share(jnp.asarray(near * 1e92), jnp.asarray(targets * 1e-250))
        assert wrong < -1e290
        # Streamed, it is the same.
        empty = metrics.Streaming.init(share, dtype=jnp.float64, num_features=2)
        streamed = empty.update(jnp.asarray(near * 1e92), jnp.asarray(targets * 1e-250))
        assert streamed.compute() < -1e290


@pytest.mark.parametrize("spread", [1e-5, 1e-3, 0.1])
@pytest.mark.parametrize("size", [3, 1000])
def test_what_nearly_agrees_is_measured_by_its_differences(size, spread):
    rng = np.random.default_rng(0)
    codes, x = rounded(1 + spread * rng.normal(size=(1, size)), np.float32)
    x = np.sort(x[0].astype(np.longdouble))
    widest, rtol = np.sqrt(np.longdouble(size)), tolerance(np.float32)["rtol"]
    hoyer = (widest - x.sum() / np.sqrt(np.sum(x * x))) / (widest - 1)
    np.testing.assert_allclose(metrics.hoyer_sparsity(codes), float(hoyer), rtol)
    gini = x @ np.arange(1 - size, size, 2) / (size * x.sum())
    np.testing.assert_allclose(metrics.gini_index(codes), float(gini), rtol)

    true, p = simplex(rng, 1, size, dtype=np.float32)
    nearly = np.abs(p * (1 + spread * rng.normal(size=p.shape)))
    predicted, q = rounded(nearly * p.sum() / nearly.sum(), np.float32)
    p, q = p.astype(np.longdouble), q.astype(np.longdouble)
    # The sums of both are rounded, and would add more than the divergence is.
    p, q = p / p.sum(), q / q.sum()
    got = metrics.kl_divergence(predicted, true) / np.sum(np.asarray(true, float))
    np.testing.assert_allclose(got, float(np.sum(p * np.log(p / q))), 10 * rtol)
