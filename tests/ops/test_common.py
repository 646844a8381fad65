"""What holds of every function that maps an array to one of its shape."""

import functools as ft
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given

from ngcx import ops
from ngcx.testing import arrays, tolerance


pytestmark = pytest.mark.in_turn(2)


MASKS = jnp.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
FUNCTIONS = {
    "binarize": ops.binarize,
    "clamp_min": ft.partial(ops.clamp_min, minimum=-0.5),
    "clamp_max": ft.partial(ops.clamp_max, maximum=0.5),
    "one_hot_argmax": ops.one_hot_argmax,
    "normalize_matrix_1": ops.normalize_matrix,
    "normalize_matrix_3": ft.partial(ops.normalize_matrix, norm=2, order=3, axis=1),
    "normalize_matrix_inf": ft.partial(ops.normalize_matrix, order=math.inf),
    "normalize_block_matrix": ft.partial(
        ops.normalize_block_matrix, block_shape=(3, 2)
    ),
    "layer_normalize": ops.layer_normalize,
    "inverse_logistic": ops.inverse_logistic,
    "inverse_tanh": ft.partial(ops.inverse_tanh, clip_bound=0.01),
    "group_mean": lambda x: ops.group_mean(x, MASKS),
    "dropout": lambda x: ops.dropout(jr.key(0), x, 0.5)[0],
    "dropout_mask": lambda x: ops.dropout(jr.key(0), x, 0.5)[1],
    "sample_values_by_group": lambda x: ops.sample_values_by_group(jr.key(0), x, 2),
}
RANDOM = {"dropout", "dropout_mask", "sample_values_by_group"}

functions = pytest.mark.parametrize("name", FUNCTIONS)


@functions
def test_dtype_and_shape_are_kept(name, dtype):
    shapes = [(3, 4), (2, 3, 4), (0, 3, 4)]
    if name not in ("normalize_block_matrix", "group_mean"):
        shapes.append((2, 3, 0))
    for shape in shapes:
        result = jax.eval_shape(FUNCTIONS[name], jax.ShapeDtypeStruct(shape, dtype))
        assert (result.shape, result.dtype) == (shape, dtype)


def test_results_are_the_same_within_a_program():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)), jnp.float32)
    program = jax.jit(lambda x: {name: FUNCTIONS[name](x) for name in FUNCTIONS})
    for name, result in program(x).items():
        expected = FUNCTIONS[name](x)
        np.testing.assert_allclose(
            result, expected, err_msg=name, **tolerance("float32", 4)
        )


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - RANDOM))
@given(x=arrays("float32", (2, 3, 4)))
def test_a_batch_is_its_samples(name, x):
    function = FUNCTIONS[name]
    alone, *together = _alone_and_together(function, x)
    for results in together:
        np.testing.assert_allclose(results, alone, **tolerance("float32", 4))


@ft.partial(jax.jit, static_argnums=0)
def _alone_and_together(function, x):
    alone = jnp.stack([function(sample) for sample in x])
    return alone, function(x), jax.vmap(function)(x)


WEIGHT = np.random.default_rng(0).normal(size=(2, 3, 4))


@jax.jit
def _gradients_and_values(xs):
    def loss(xs):
        values = {name: FUNCTIONS[name](x) for name, x in xs.items()}
        return sum(
            jnp.sum(y * jnp.asarray(WEIGHT, y.dtype)) for y in values.values()
        ), values

    return jax.grad(loss, has_aux=True)(xs)


@given(x=arrays("float32", (2, 3, 4)))
def test_values_and_gradients_are_finite(x):
    # What is left has reciprocals and differences that are normal numbers.
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= 1e-30))
    # What dropout keeps is doubled.
    xs = {name: x / 2 if name == "dropout" else x for name in FUNCTIONS}
    gradients, values = _gradients_and_values(xs)
    for name in FUNCTIONS:
        assert np.all(np.isfinite(values[name])), name
        assert np.all(np.isfinite(gradients[name])), name


SMOOTH = [name for name in FUNCTIONS if name.startswith(("normalize", "l", "i", "g"))]


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_derivatives_are_those_of_finite_differences(name, dtype, check_derivatives):
    x = np.random.default_rng(1).uniform(0.1, 0.9, (2, 3, 4))
    check_derivatives(FUNCTIONS[name], x)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"clamp_min", "clamp_max"}))
def test_integers_are_refused(name):
    with pytest.raises(TypeError, match="`(x|values|matrix)` of"):
        FUNCTIONS[name](jnp.ones((3, 4), jnp.int32))
