from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.init import (
    ColumnMask,
    Constant,
    FanInGaussian,
    FanInUniform,
    FromJax,
    Gaussian,
    GlorotUniform,
    HeNormal,
    Orthogonal,
    RowMask,
    WeightLayout,
    reinitialize,
)
from ngcx.neurons import LIF, Recurrent
from ngcx.testing import tolerance


pytestmark = pytest.mark.in_turn(4)


def is_bias(path, leaf):
    return path.endswith("bias")


def test_weights_are_drawn_and_biases_kept():
    mlp = eqx.nn.MLP(4, 2, width_size=300, depth=2, key=jr.key(0))
    new = reinitialize(mlp, HeNormal(), jr.key(1))
    for old_layer, layer in zip(mlp.layers, new.layers, strict=True):
        assert np.all(layer.weight != old_layer.weight)
        np.testing.assert_array_equal(layer.bias, old_layer.bias)
    variance = np.var(new.layers[1].weight)
    # The variance may be off by five standard errors.
    np.testing.assert_allclose(variance, 2 / 300, rtol=5 * (2 / 300**2) ** 0.5)
    assert new(jnp.ones(4)).shape == (2,)


def bound(weight):
    return float(np.max(np.abs(weight)))


@pytest.mark.parametrize(
    ("layer", "weights"),
    [
        (lambda key: eqx.nn.Linear(400, 9, key=key), {"weight": 400}),
        (lambda key: eqx.nn.Conv2d(8, 50, 3, key=key), {"weight": 72}),
        (lambda key: eqx.nn.Conv1d(8, 50, 3, groups=2, key=key), {"weight": 12}),
        (lambda key: eqx.nn.ConvTranspose2d(8, 50, 3, key=key), {"weight": 72}),
        (
            lambda key: eqx.nn.GRUCell(200, 20, key=key),
            {"weight_ih": 200, "weight_hh": 20},
        ),
        (
            lambda key: eqx.nn.LSTMCell(200, 20, key=key),
            {"weight_ih": 200, "weight_hh": 20},
        ),
        (lambda key: Recurrent(LIF(), jnp.zeros((90, 90))), {"feedback": 90}),
    ],
)
def test_fan_in_is_that_of_the_layer(layer, weights):
    new = reinitialize([layer(jr.key(0))], FanInUniform(), jr.key(1))[0]
    for name, fan_in in weights.items():
        # The largest of hundreds of draws is close to the limit, and below.
        assert 0.97 < bound(getattr(new, name)) * fan_in**0.5 <= 1


JNI = jax.nn.initializers
FROM_JAX = {
    "he_normal": JNI.he_normal(),
    "orthogonal": JNI.orthogonal(),
    "zeros": JNI.zeros,
    "constant": JNI.constant(0.5),
    "truncated_normal": JNI.truncated_normal(0.1),
    "variance_scaling": JNI.variance_scaling(2.0, "fan_avg", "uniform"),
    "a function": lambda key, shape, dtype: jnp.full(shape, 2, dtype),
}


@pytest.mark.parametrize("name", FROM_JAX)
def test_initializers_of_jax_stand_in_for_ours(name):
    theirs = FROM_JAX[name]
    model = [eqx.nn.Linear(4, 3, key=jr.key(0)), eqx.nn.LSTMCell(3, 3, key=jr.key(1))]
    got = reinitialize(model, theirs, jr.key(2))
    expected = reinitialize(model, FromJax(theirs), jr.key(2))
    jax.tree.map(np.testing.assert_array_equal, got, expected)
    is_linear: dict = {lambda path, leaf: path == "[0].weight": theirs}
    only = reinitialize(model, None, jr.key(2), is_linear)
    weight = reinitialize(model, theirs, jr.key(2), next(iter(is_linear)))[0].weight
    np.testing.assert_array_equal(only[0].weight, weight)
    np.testing.assert_array_equal(only[1].weight_ih, model[1].weight_ih)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), model[0])
    assert reinitialize(half, theirs, jr.key(2)).weight.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (JNI.he_normal, r"(?s)`initializer` must be a function of .*`he_normal\(\)`"),
        (HeNormal, r"(?s)`initializer` .* got the class HeNormal.*`HeNormal\(\)`"),
        (lambda key, shape, dtype: jnp.zeros(3, dtype), r"of shape \(4, 3\)"),
        (lambda key, shape, dtype: None, "`initializer` must be a function of"),
        ("he_normal", "`initializer` of `reinitialize` must be a function"),
    ],
)
def test_what_draws_no_array_is_an_error(wrong, match):
    with pytest.raises(TypeError, match=match):
        reinitialize(eqx.nn.Linear(4, 3, key=jr.key(0)), wrong, jr.key(1))
    if callable(wrong):
        with pytest.raises(TypeError, match="`initializer` must be a function"):
            FromJax(wrong)(jr.key(0), (4, 3))
        with pytest.raises(TypeError, match="`initializer` must be a function"):
            FromJax(wrong).numpy(0, (4, 3))


def weight_of(normed):
    """The weight that a layer of Equinox computes with: what it does to a basis."""
    return jax.vmap(normed, in_axes=1, out_axes=1)(jnp.eye(4, dtype=normed.g.dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_the_weight_of_weight_norm_follows_the_law(axis, dtype):
    def make(key):
        linear = eqx.nn.Linear(4, 3, use_bias=False, dtype=dtype, key=key)
        return eqx.nn.WeightNorm(linear, axis=axis)

    with jax.numpy_rank_promotion("allow"):
        model = {"layer": make(jr.key(0))}
        for initializer in (
            HeNormal(),
            Constant(0.0),
            Constant(1.0).constrain(RowMask(1)),
        ):
            new = reinitialize(model, initializer, jr.key(1))["layer"]
            got = np.asarray(weight_of(new), "f4")
            expected = np.asarray(new.layer.weight, "f4")
            expected = np.where(np.asarray(new.g, "f4") == 0, 0, expected)
            assert np.isfinite(got).all() and got.shape == (3, 4)
            np.testing.assert_allclose(got, expected, **tolerance(jnp.dtype(dtype), 4))
            assert new.g.dtype == new.layer.weight.dtype == jnp.dtype(dtype)
        ensemble = eqx.filter_vmap(make)(jr.split(jr.key(0), 5))
        new = reinitialize(ensemble, FanInUniform(), jr.key(1))
        assert new.g.shape == ensemble.g.shape
        weights = np.asarray(eqx.filter_vmap(weight_of)(new), "f4")
        np.testing.assert_allclose(
            weights,
            np.asarray(new.layer.weight, "f4"),
            **tolerance(jnp.dtype(dtype), 4),
        )


def test_norms_are_kept_where_no_weight_is_drawn():
    normed = eqx.nn.WeightNorm(eqx.nn.Linear(4, 3, key=jr.key(0)))
    new = reinitialize(normed, Constant(0.0), jr.key(1), is_bias)
    np.testing.assert_array_equal(new.g, normed.g)
    new = reinitialize(normed, Constant(2.0), jr.key(1), lambda path, leaf: True)
    assert np.all(new.g == 2)


def test_attention_is_made_of_linear_layers():
    attention = eqx.nn.MultiheadAttention(2, 6, key=jr.key(0))
    new = reinitialize(attention, Constant(0.5), jr.key(1))
    for name in ("query_proj", "key_proj", "value_proj", "output_proj"):
        assert np.all(getattr(new, name).weight == 0.5)


def test_gates_are_drawn_one_by_one():
    cell = eqx.nn.LSTMCell(5, 5, key=jr.key(0))
    cell = reinitialize(cell, Orthogonal(), jr.key(1))
    gates = np.reshape(cell.weight_hh, (4, 5, 5))
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-5)
    assert np.all(gates[0] != gates[1])


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda key: eqx.nn.Linear(400, 9, key=key), 400),
        (lambda key: eqx.nn.Conv1d(8, 50, 3, key=key), 24),
        (lambda key: Recurrent(LIF(), jr.normal(key, (90, 90))), 90),
    ],
)
def test_members_of_an_ensemble_are_drawn_one_by_one(make, fan_in):
    ensemble = eqx.filter_vmap(eqx.filter_vmap(make))(jr.split(jr.key(0), (2, 3)))
    name = "feedback" if hasattr(ensemble, "feedback") else "weight"
    weight = getattr(reinitialize(ensemble, FanInUniform(), jr.key(1)), name)
    assert weight.shape == getattr(ensemble, name).shape
    members = weight.reshape(6, -1)
    assert np.unique(members, axis=0).shape == members.shape
    for member in members:
        assert 0.97 < bound(member) * fan_in**0.5 <= 1


def test_layers_are_found_in_any_container():
    class Box:
        def __init__(self, content):
            self.content = content

    jax.tree_util.register_pytree_node(
        Box, lambda box: ((box.content,), None), lambda _, children: Box(*children)
    )
    linear = eqx.nn.Linear(2, 2, key=jr.key(0))
    new = reinitialize({1: (Box([linear]),)}, Constant(0.5), jr.key(1))
    assert np.all(new[1][0].content[0].weight == 0.5)


def test_constraints_are_those_of_x_at_weight():
    linear = eqx.nn.Linear(3, 4, key=jr.key(0))
    ones = Constant(1.0).constrain(ColumnMask([2]))
    new = reinitialize(linear, ones, jr.key(1))
    # A column is an output, and so a row of the layer's (out, in).
    np.testing.assert_array_equal(new.weight, np.eye(4)[:, [2]] * np.ones((1, 3)))


def test_a_further_layer_changes_no_other():
    def model(layers):
        return [eqx.nn.Linear(3, 3, key=jr.key(0)) for _ in range(layers)]

    two, three = (reinitialize(model(n), FanInGaussian(), jr.key(1)) for n in (2, 3))
    for one, other in zip(two, three, strict=False):
        np.testing.assert_array_equal(one.weight, other.weight)
    assert np.any(two[0].weight != two[1].weight)


def test_where_chooses():
    mlp = eqx.nn.MLP(4, 2, width_size=3, depth=1, key=jr.key(0))
    only = reinitialize(mlp, Constant(1.0), jr.key(1), is_bias)
    both = reinitialize(mlp, Constant(2.0), jr.key(1), {is_bias: Constant(1.0)})
    some = reinitialize(mlp, None, jr.key(1), {is_bias: Constant(1.0)})
    for old, a, b, c in zip(*(m.layers for m in (mlp, only, both, some)), strict=True):
        assert np.all(a.bias == 1) and np.all(b.bias == 1) and np.all(c.bias == 1)
        np.testing.assert_array_equal(a.weight, old.weight)
        assert np.all(b.weight == 2)
        np.testing.assert_array_equal(c.weight, old.weight)


def test_rules_by_path_and_by_type():
    conv = eqx.nn.Conv2d(1, 2, 3, key=jr.key(0))
    mlp = eqx.nn.MLP(4, 2, width_size=3, depth=1, key=jr.key(0))
    rules = {
        "*.bias": Constant(1.0),
        "[1].layers[0].*": Constant(2.0),
        eqx.nn.Conv: Constant(3.0),
        eqx.nn.MLP: Constant(4.0),
    }
    new_conv, new_mlp = reinitialize([conv, mlp], None, jr.key(1), rules)
    assert np.all(new_conv.weight == 3) and np.all(new_conv.bias == 1)
    for layer, expected in zip(new_mlp.layers, (2, 4), strict=True):
        assert np.all(layer.weight == expected) and np.all(layer.bias == 1)
    # A type names weights alone, and what no rule fits is kept.
    (only,) = reinitialize([conv], None, jr.key(1), {eqx.nn.Conv2d: Constant(3.0)})
    np.testing.assert_array_equal(only.bias, conv.bias)
    with pytest.raises(ValueError, match="`where` must choose"):
        reinitialize(mlp, None, jr.key(1), {eqx.nn.Conv2d: Constant(3.0)})


class Own(eqx.Module):
    """A layer of a user, with weights in each of the layouts that there are."""

    plain: jax.Array
    gated: jax.Array
    kernel: jax.Array
    flax_kernel: jax.Array
    bias: jax.Array
    rank: int = eqx.field(static=True, default=2)
    weight_fields: ClassVar = {
        "plain": WeightLayout(),
        "gated": WeightLayout(gates=3),
        "kernel": WeightLayout(out_first=True, field_axes="rank"),
        "flax_kernel": WeightLayout(field_axes=2),
    }


def is_gated(path, leaf):
    return path.endswith("gated")


def own(shape=()):
    """Weights with 500 inputs and 9 outputs, and further axes in front."""
    return Own(
        jnp.zeros((*shape, 500, 9)),
        jnp.zeros((*shape, 500, 27)),
        jnp.zeros((*shape, 9, 20, 5, 5)),
        jnp.zeros((*shape, 5, 5, 20, 9)),
        jnp.zeros((*shape, 9)),
    )


def test_a_layer_of_a_user_says_how_it_stores_its_weights():
    new = reinitialize(own(), FanInUniform(), jr.key(1))
    for name in Own.weight_fields:
        assert 0.97 < bound(getattr(new, name)) * 500**0.5 <= 1
    assert not new.bias.any()
    orthogonal = reinitialize(own(), Orthogonal(), jr.key(1), is_gated)
    for gate in np.split(np.asarray(orthogonal.gated), 3, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(9), atol=1e-5)
    member = reinitialize(own((4,)), FanInUniform(), jr.key(1), is_gated)
    assert 0.97 < bound(member.gated) * 500**0.5 <= 1
    assert np.unique(np.asarray(member.gated).reshape(4, -1), axis=0).shape[0] == 4


def test_names_alone_mean_that_the_axes_are_in_and_out():
    class Two(eqx.Module):
        left: jax.Array
        right: jax.Array
        weight_fields: ClassVar[tuple[str, ...]] = ("left",)

    new = reinitialize(Two(jnp.zeros((3, 2)), jnp.zeros(2)), Constant(1.0), jr.key(0))
    assert new.left.all() and not new.right.any()


def test_what_a_layer_says_goes_before_what_its_base_is():
    class Frozen(eqx.nn.Linear):
        weight_fields: ClassVar[tuple[str, ...]] = ()

    model = {"frozen": Frozen(2, 2, key=jr.key(0)), "rest": own()}  # pyright: ignore[reportCallIssue]
    new = reinitialize(model, Constant(1.0), jr.key(0))
    np.testing.assert_array_equal(new["frozen"].weight, model["frozen"].weight)


def test_any_pytree_dtype_and_transformation():
    model = {"a": (eqx.nn.Linear(3, 2, dtype=jnp.bfloat16, key=jr.key(0)), LIF())}
    new = reinitialize(model, GlorotUniform(), jr.key(1))
    assert jax.tree.structure(new) == jax.tree.structure(model)
    assert new["a"][0].weight.dtype == jnp.bfloat16
    compiled = eqx.filter_jit(reinitialize)(model, GlorotUniform(), jr.key(1))
    np.testing.assert_array_equal(compiled["a"][0].weight, new["a"][0].weight)
    ensemble = eqx.filter_vmap(
        lambda key: reinitialize(model, GlorotUniform(), key)["a"][0].weight
    )(jr.split(jr.key(1), 5))
    assert ensemble.shape == (5, 2, 3)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="`where` must choose some .*; it chose none"):
        reinitialize(LIF(), Constant(0.0), jr.key(0))
    linear = eqx.nn.Linear(2, 2, key=jr.key(0))
    wrong: Any = object
    with pytest.raises(TypeError, match="`where` must be a function or a mapping"):
        reinitialize(linear, Gaussian(), jr.key(0), wrong)
    with pytest.raises(ValueError, match="it chose none"):
        reinitialize(jnp.ones(3), Gaussian(), jr.key(0))
    with pytest.raises(ValueError, match="it chose none"):
        reinitialize(linear, Constant(0.0), jr.key(0), lambda path, leaf: False)
    with pytest.raises(TypeError, match="`key` of `"):
        reinitialize(linear, Constant(0.0), 0)  # pyright: ignore[reportArgumentType]
