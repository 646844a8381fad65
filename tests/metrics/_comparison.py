"""How results are compared with their oracles."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from ngcx.testing import tolerance


SEEDS = st.integers(0, 10_000)
WIDE = pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)


def close(got, expected, dtype, scale=1.0):
    """Errors are relative to the result, or to `scale` where such terms cancel."""
    rtol = tolerance(dtype)["rtol"]
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale)


def rounded(array, dtype):
    """An array of JAX, and the same values in float64."""
    array = np.asarray(array, dtype)
    return jnp.asarray(array), array.astype(np.float64)


def simplex(rng, *shape, dtype):
    return rounded(rng.dirichlet(np.ones(shape[-1]), shape[:-1]) + 1e-3, dtype)
