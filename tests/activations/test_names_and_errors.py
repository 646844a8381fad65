"""Names, the errors of wrong arguments, and the place of a layer."""

import inspect
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import activations
from ngcx._registry import classes


MEMBERS = classes(activations.__name__, activations.AbstractActivation)
REQUIRED = {
    activations.BinaryKWTA: {"k": 2},
    activations.CauchyThreshold: {"lmbda": 0.5},
    activations.Clip: {"min": -1.0, "max": 1.0},
    activations.KWTA: {"k": 2},
    activations.SoftThreshold: {"lmbda": 0.5},
    activations.Swish: {"beta": 2.0},
}


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_every_activation_is_a_layer(member):
    activation = member(**REQUIRED.get(member, {}))
    linear = eqx.nn.Linear(3, 4, key=jax.random.key(0))
    layers = eqx.nn.Sequential([linear, activation])
    expected, x = eqx.nn.Lambda(activation), jnp.arange(3.0)
    for key in (None, jax.random.key(1)):
        np.testing.assert_array_equal(
            layers(x, key=key), expected(linear(x)), strict=True
        )


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_nan_is_no_hyperparameter(member):
    required = REQUIRED.get(member, {})
    for name, parameter in inspect.signature(member).parameters.items():
        if "float" in str(parameter.annotation):
            for number in (math.nan, np.float64("nan")):
                with pytest.raises(ValueError, match=f"`{name}` must be .*; got nan"):
                    member(**required | {name: number})


def test_a_wrong_dtype_is_an_error_at_every_first_call():
    tanh = activations.Tanh()
    tanh(jnp.ones(3))
    for wrong in (jnp.arange(3), jnp.ones(3, bool), jnp.ones(3, complex), None):
        for _ in range(2):
            with pytest.raises(TypeError, match="`x` of `Tanh` must be"):
                tanh(wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("name", "hyperparameters", "expected"),
    [
        ("bkwta", {"k": 3}, activations.BinaryKWTA(3)),
        ("elu", {}, activations.ELU()),
        ("gelu", {}, activations.GELU()),
        ("heaviside", {}, activations.Heaviside()),
        ("identity", {}, activations.Identity()),
        ("lrelu", {}, activations.LeakyReLU()),
        ("relu", {}, activations.ReLU()),
        ("relu6", {}, activations.ReLU6()),
        ("sigmoid", {}, activations.Sigmoid()),
        ("silu", {}, activations.SiLU()),
        ("sine", {"omega_0": 2.0}, activations.Sine(2.0)),
        ("softmax", {"temperature": 2.0}, activations.Softmax(2.0)),
        ("softplus", {}, activations.Softplus()),
        ("swish", {"beta": 2.0}, activations.Swish(2.0)),
        ("tanh", {}, activations.Tanh()),
        ("telu", {}, activations.TeLU()),
        ("unit_threshold", {}, activations.Threshold()),
        ("log_softmax", {}, activations.LogSoftmax()),
    ],
)
def test_create_knows_the_names_of_the_reference(name, hyperparameters, expected):
    assert eqx.tree_equal(activations.create(name, **hyperparameters), expected)


NAMES = {
    "binary_kwta": activations.BinaryKWTA,
    "hard_sigmoid": activations.HardSigmoid,
    "hard_silu": activations.HardSiLU,
    "leaky_relu": activations.LeakyReLU,
    "log_sigmoid": activations.LogSigmoid,
    "relu6": activations.ReLU6,
    "relu_squared": activations.ReLUSquared,
    "selu": activations.SELU,
    "silu": activations.SiLU,
    "telu": activations.TeLU,
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_those_of_the_classes_in_snake_case(name):
    members = classes(activations.__name__, activations.AbstractActivation)
    assert members[name] is NAMES[name]


def test_create_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="got 'tahn'. Did you mean 'tanh'?"):
        activations.create("tahn")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (
            lambda: activations.Softmax(-1.0),
            "`temperature` must be 0 or more; got -1.0",
        ),
        (lambda: activations.Softmax(float("nan")), "`temperature` .* got nan"),
        (lambda: activations.CELU(0.0), "`alpha` must be positive; got 0.0"),
        (
            lambda: activations.Clip(1.0, -1.0),
            "`min` must be less .* got min=1",
        ),
        (
            lambda: activations.SoftThreshold(-1.0),
            "`lmbda` must be 0 or more; got -1.0",
        ),
        (lambda: activations.CauchyThreshold(-1.0), "`lmbda` must be 0 or more"),
        (lambda: activations.KWTA(0), "`k` must be 1 or more; got 0"),
        (
            lambda: activations.BinaryKWTA(5)(jnp.ones((2, 3))),
            "`k` .* 3 entries.* 5",
        ),
        (lambda: activations.GELU("erf"), "`approximation` of `GELU`"),  # pyright: ignore
        (
            lambda: activations.LeakyReLU("steep"),  # pyright: ignore
            "`negative_slope` of `LeakyReLU` must be a number",
        ),
    ],
)
def test_wrong_hyperparameters_are_errors(wrong, match):
    with pytest.raises((ValueError, TypeError), match=match):
        wrong()
