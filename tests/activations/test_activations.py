import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from ngcx import activations
from ngcx.testing import check_module


MEMBERS = [
    activations.Identity(),
    activations.ReLU(),
    activations.Sigmoid(),
    activations.Softmax(),
    activations.Softmax(jnp.array(0.3)),
    activations.Softplus(),
    activations.Tanh(),
]


@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: type(a).__name__)
def test_composes_with_every_transformation(activation):
    check_module(activation)


@pytest.mark.parametrize(
    ("activation", "peer"),
    [
        (activations.ReLU(), jax.nn.relu),
        (activations.Sigmoid(), jax.nn.sigmoid),
        (activations.Tanh(), jnp.tanh),
        (activations.Softplus(), jax.nn.softplus),
        (activations.Softmax(), jax.nn.softmax),
    ],
)
def test_equals_jax(activation, peer):
    x = jnp.linspace(-20, 20, 81)
    np.testing.assert_allclose(activation(x), peer(x), rtol=1e-6)


def test_kink_is_that_of_jax():
    assert activations.ReLU().derivative(jnp.zeros(())) == jax.grad(jax.nn.relu)(0.0)


def test_softmax_at_temperature_zero_is_the_point_mass():
    x = jnp.array([[1.0, 3.0, 3.0], [-1.0, -2.0, -3.0]])
    for cold in (activations.Softmax(0.0), activations.Softmax(jnp.zeros(()))):
        np.testing.assert_array_equal(cold(x), [[0, 1, 0], [1, 0, 0]])
        np.testing.assert_array_equal(cold.derivative(x), np.zeros((2, 3, 3)))
        np.testing.assert_array_equal(jax.jacrev(cold)(x), np.zeros((2, 3, 2, 3)))


@pytest.mark.parametrize("temperature", [1e-30, 1e-5, 0.5])
def test_softmax_shifts_before_it_divides(temperature, dtype):
    x = jnp.array([[0, 1e4]], dtype)
    np.testing.assert_array_equal(activations.Softmax(temperature)(x), [[0, 1]])


def test_softmax_along_any_axis():
    x = jr.normal(jr.key(0), (2, 3, 4))
    softmax = activations.Softmax(axis=1)
    np.testing.assert_allclose(jnp.sum(softmax(x), axis=1), np.ones((2, 4)), rtol=1e-6)
    last = activations.Softmax()
    np.testing.assert_allclose(
        softmax.derivative(x), last.derivative(jnp.moveaxis(x, 1, -1)), rtol=1e-6
    )


def test_softmax_of_nothing_is_nothing():
    assert activations.Softmax()(jnp.zeros((2, 0))).shape == (2, 0)


def test_a_network_with_an_activation_learns(standard_promotion):
    model = eqx.nn.MLP(1, 1, 16, 2, activation=activations.Tanh(), key=jr.key(0))
    x = jnp.linspace(-2, 2, 64)[:, None]
    optimizer = optax.adam(1e-2)

    @eqx.filter_jit
    def step(model, state):
        loss, gradients = eqx.filter_value_and_grad(
            lambda model: jnp.mean((jax.vmap(model)(x) - jnp.sin(2 * x)) ** 2)
        )(model)
        updates, state = optimizer.update(gradients, state)
        return eqx.apply_updates(model, updates), state, loss

    state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))
    losses = []
    for _ in range(300):
        model, state, loss = step(model, state)
        losses.append(loss)
    assert losses[-1] < 0.01 < losses[0]


def test_a_number_is_a_constant_and_an_array_is_a_parameter():
    def total(softmax):
        return softmax(jnp.arange(3.0))[0]

    assert eqx.filter_grad(total)(activations.Softmax(2.0)).temperature is None
    gradient = eqx.filter_grad(total)(activations.Softmax(jnp.array(2.0)))
    assert gradient.temperature != 0


def test_a_new_array_value_does_not_recompile():
    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def call(softmax, x):
        return softmax(x)

    for temperature in (1.0, 2.0, 3.0):
        call(activations.Softmax(jnp.array(temperature)), jnp.arange(3.0))


def test_a_wrong_dtype_is_an_error_at_every_first_call():
    tanh = activations.Tanh()
    tanh(jnp.ones(3))
    for wrong in (jnp.arange(3), jnp.ones(3, bool), jnp.ones(3, complex), None):
        for _ in range(2):
            with pytest.raises(TypeError, match="'x'"):
                tanh(wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "name", ["identity", "relu", "sigmoid", "softmax", "softplus", "tanh"]
)
def test_create_knows_the_names_of_the_reference(name):
    assert type(activations.create(name)).__name__.lower() == name


def test_create_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="got 'tahn'. Did you mean 'tanh'?"):
        activations.create("tahn")


def test_softmax_refuses_a_negative_temperature():
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=f"`temperature` must be .*; got {wrong}"):
            activations.Softmax(wrong)
