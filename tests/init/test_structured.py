"""Weights of which most are 0, and the laws that VarianceScaling has as cases."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.init import (
    DeltaOrthogonal,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LeCunNormal,
    LeCunUniform,
    Sparse,
    VarianceScaling,
)
from ngcx.testing import tolerance


pytestmark = pytest.mark.in_turn(3)


CASES = [
    (HeNormal, 2.0, "fan_in", "truncated_normal"),
    (HeUniform, 2.0, "fan_in", "uniform"),
    (GlorotNormal, 1.0, "fan_avg", "truncated_normal"),
    (GlorotUniform, 1.0, "fan_avg", "uniform"),
    (LeCunNormal, 1.0, "fan_in", "truncated_normal"),
    (LeCunUniform, 1.0, "fan_in", "uniform"),
]


@pytest.mark.parametrize(("member", "scale", "mode", "distribution"), CASES)
def test_named_laws_are_cases(member, scale, mode, distribution):
    scaling = VarianceScaling(scale, mode, distribution, in_axis=-1, out_axis=-2)
    named = member(in_axis=-1, out_axis=-2)
    key, shape = jr.key(0), (7, 5)
    np.testing.assert_array_equal(scaling(key, shape), named(key, shape))


@pytest.mark.parametrize("kernel", [Identity(), DeltaOrthogonal(jnp.array(1.0))])
@pytest.mark.parametrize("size", [3, 4])
def test_a_convolution_keeps_what_it_sees(kernel, size):
    weight = kernel(jr.key(0), (size, size, 2, 3))
    x = jr.normal(jr.key(1), (1, 6, 6, 2))
    y = jax.lax.conv_general_dilated(
        x, weight, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    limits = tolerance("float32", 64)
    before, after = (np.linalg.norm(each, axis=-1) for each in (x, y))
    np.testing.assert_allclose(after, before, **limits)
    if isinstance(kernel, Identity):
        np.testing.assert_allclose(y[..., :2], x, **limits)


@pytest.mark.parametrize("shape", [(40, 30), (2, 2, 10, 30), (3, 30)])
def test_each_output_has_its_own_few_inputs(shape):
    sparse = Sparse(5, std=2.0)
    for weight in (sparse(jr.key(0), shape), sparse.numpy(0, shape)):
        flat = np.reshape(np.asarray(weight), (-1, 30))
        np.testing.assert_array_equal((flat != 0).sum(0), min(5, len(flat)))
        if len(flat) > 5:
            assert len({tuple(column) for column in (flat != 0).T}) > 20
            assert 1.5 < flat[flat != 0].std() < 2.5


@pytest.mark.parametrize("kernel", [Identity(), DeltaOrthogonal(), Sparse(2)])
def test_half_precisions_and_empty_shapes(kernel, dtype):
    assert kernel(jr.key(0), (3, 2, 2), dtype).dtype == dtype
    for shape in ((3, 0, 2), (0, 2, 2), (2, 0)):
        assert kernel(jr.key(0), shape, dtype).shape == shape
