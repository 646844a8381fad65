import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from hypothesis import given, settings, strategies as st
from jax.nn import sigmoid

from ngcx import activations
from ngcx._registry import classes
from ngcx.testing import check_module
from ngcx.testing._strategies import instances


pytestmark = pytest.mark.in_turn(4)


MEMBERS = classes(activations.__name__, activations.AbstractActivation)


def sparsemax_of_the_definition(x):
    """Bisects for the threshold with which the positive parts sum to 1."""
    x = np.asarray(x, np.float64)
    low, high = x.max() - 1, x.max()
    for _ in range(60):
        middle = (low + high) / 2
        enough = np.maximum(x - middle, 0).sum() >= 1
        low, high = (middle, high) if enough else (low, middle)
    return np.maximum(x - low, 0)


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
@settings(max_examples=1)
@given(data=st.data())
def test_composes_with_every_transformation(member, data):
    activation = data.draw(instances(member))
    with jax.enable_x64(True):  # for float64 too
        check_module(activation)


PEERS = [
    (activations.CELU(2.0), lambda x: jax.nn.celu(x, 2.0)),
    (activations.Clip(-0.5, 2.0), lambda x: jnp.clip(x, -0.5, 2.0)),
    (activations.ELU(2.0), lambda x: jax.nn.elu(x, 2.0)),
    (activations.GELU(), lambda x: x * sigmoid(1.702 * x)),
    (activations.GELU("none"), lambda x: jax.nn.gelu(x, approximate=False)),
    (activations.GELU("tanh"), jax.nn.gelu),
    (activations.HardSigmoid(), jax.nn.hard_sigmoid),
    (activations.HardSiLU(), jax.nn.hard_silu),
    (activations.HardTanh(), jax.nn.hard_tanh),
    (activations.Identity(), lambda x: x),
    (activations.LeakyReLU(), jax.nn.leaky_relu),
    (activations.LogSigmoid(), jax.nn.log_sigmoid),
    (activations.LogSoftmax(), jax.nn.log_softmax),
    (activations.Mish(), jax.nn.mish),
    (activations.ReLU(), jax.nn.relu),
    (activations.ReLU6(), jax.nn.relu6),
    (activations.ReLUSquared(), lambda x: jnp.square(jax.nn.relu(x))),
    (activations.SELU(), jax.nn.selu),
    (activations.SiLU(), jax.nn.silu),
    (activations.Sigmoid(), jax.nn.sigmoid),
    (activations.Sine(), lambda x: jnp.sin(30 * x)),
    (activations.SoftThreshold(0.5), lambda x: jnp.sign(x) * jax.nn.relu(abs(x) - 0.5)),
    (activations.Softmax(), jax.nn.softmax),
    (activations.Softplus(), jax.nn.softplus),
    (activations.Softsign(), jax.nn.soft_sign),
    (activations.SparsePlus(), jax.nn.sparse_plus),
    (activations.SparseSigmoid(), jax.nn.sparse_sigmoid),
    (activations.Sparsemax(), sparsemax_of_the_definition),
    (activations.Squareplus(2.0), lambda x: jax.nn.squareplus(x, 2.0)),
    (activations.Swish(2.0), lambda x: x * sigmoid(2 * x)),
    (activations.Tanh(), jnp.tanh),
    (activations.TeLU(), lambda x: x * jnp.tanh(jnp.exp(x))),
]


@pytest.mark.parametrize(
    ("activation", "peer"), PEERS, ids=[type(member).__name__ for member, _ in PEERS]
)
def test_equals_jax_and_its_derivative_at_the_kinks(
    activation, peer, standard_promotion, optimized
):
    x = jnp.array([-6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 6.0])
    np.testing.assert_allclose(activation(x), peer(x), rtol=2e-5, atol=1e-6)
    slopes = activation.derivative(x)
    if slopes.ndim == 1:
        expected = jax.jit(jax.vmap(jax.grad(peer)))(x)
        np.testing.assert_allclose(slopes, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "x", "value", "slope"),
    [
        # The reference is NaN, 0 or imprecise there.
        (activations.ELU(), 89.0, 89.0, 1.0),
        (activations.ELU(), -1e-9, -1e-9, 1.0),
        (activations.ELU(), -1e-6, -9.999995e-7, 0.999999),
        (activations.TeLU(), 1e4, 1e4, 1.0),
        (activations.Sigmoid(), 20.0, 1.0, 2.0611537e-9),
        (activations.Tanh(), 9.0, 1.0, 6.0919968e-8),
        (activations.SiLU(), -1e4, 0.0, 0.0),
        (activations.Sine(), 0.0, 0.0, 30.0),
        (activations.Heaviside(), 0.0, 1.0, 1.0),
        (activations.Threshold(), 1.0, 1.0, 1.0),
        (activations.Threshold(), 0.999, 0.0, 1.0),
        (activations.CauchyThreshold(2.0), 3.0, (3 + 7**0.5) / 2, 0.5 + 1.5 / 7**0.5),
        (activations.CauchyThreshold(2.0), -1.5, 0.0, 0.0),
        (activations.CauchyThreshold(0.5), -0.6, -0.3, 0.5),
        (activations.LogSigmoid(), -1e4, -1e4, 1.0),
        (activations.LogSigmoid(), 20.0, -2.0611537e-9, 2.0611537e-9),
        (activations.Squareplus(), -1e4, 1e-4, 1e-8),
        (activations.Squareplus(), 1e30, 1e30, 1.0),
        (activations.Squareplus(0.0), -2.0, 0.0, 0.0),
        (activations.Squareplus(0.0), 0.0, 0.0, 0.5),
        (activations.SoftThreshold(1.0), -3.0, -2.0, 1.0),
        (activations.SoftThreshold(0.0), 0.0, 0.0, 1.0),
    ],
)
def test_worked_values(activation, x, value, slope):
    x = jnp.array(x)
    np.testing.assert_allclose(activation(x), value, rtol=2e-6)
    np.testing.assert_allclose(activation.derivative(x), slope, rtol=2e-6)
    np.testing.assert_allclose(jax.grad(activation)(x), slope, rtol=2e-6)


INVERTIBLE = pytest.mark.parametrize(
    ("activation", "low", "high"),
    [
        (activations.ELU(0.3), -5.0, 20.0),
        (activations.Identity(), -1e4, 1e4),
        (activations.LeakyReLU(0.1), -1e4, 1e4),
        (activations.Sigmoid(), -3.4, 3.4),
        (activations.Sine(2.0), -0.78, 0.78),
        (activations.Softplus(), -5.0, 50.0),
        (activations.Tanh(), -3.0, 3.0),
    ],
    ids=lambda each: type(each).__name__,
)


@INVERTIBLE
def test_inverse_undoes(activation, low, high, dtype):
    x = jnp.linspace(low, high, 41).astype(dtype)
    y = activation(x)
    back = activation.inverse(y)
    assert back.dtype == dtype
    # One rounding of y, and one of x itself, may move the result by this much.
    y64, x64 = np.asarray(y, np.float64), np.asarray(x, np.float64)
    slope = np.asarray(activation.derivative(x), np.float64)
    eps = float(jnp.finfo(dtype).eps)
    allowed = 16 * eps * (np.abs(y64) / slope + np.abs(x64) + 1)
    assert np.all(np.abs(np.asarray(back, np.float64) - x64) <= allowed)


@pytest.mark.parametrize("half", [jnp.float16, jnp.bfloat16])
@INVERTIBLE
def test_inverse_is_rounded_once(activation, low, high, half):
    y = activation(jnp.linspace(low, high, 301).astype(half))
    once = activation.inverse(y.astype(jnp.float32)).astype(half)
    np.testing.assert_array_equal(activation.inverse(y), once)


def test_a_threshold_near_the_smallest_numbers():
    step = activations.Threshold(1.6e-38)
    np.testing.assert_array_equal(step(jnp.array([1.5e-38, 1.6e-38])), [0, 1])


def test_inverse_of_sigmoid_clips_as_the_reference_documents():
    y = jnp.array([0.0, 0.5, 1.0])
    bound = np.log(0.97 / 0.03)
    inverse = activations.Sigmoid().inverse
    np.testing.assert_allclose(inverse(y), [-bound, 0, bound], rtol=1e-6)
    np.testing.assert_array_equal(inverse(y, clip_bound=0.0), [-np.inf, 0, np.inf])


# Their values are at most as large as their input, so that nothing may overflow.
AT_MOST_AS_LARGE = [
    activations.CELU(),
    activations.CauchyThreshold(2.0),
    activations.Clip(-1.0, 1.0),
    activations.ELU(),
    *(activations.GELU(approximation) for approximation in ("sigmoid", "tanh", "none")),
    activations.HardSigmoid(),
    activations.HardSiLU(),
    activations.HardTanh(),
    activations.Heaviside(),
    activations.Identity(),
    activations.LeakyReLU(),
    activations.LogSigmoid(),
    activations.Mish(),
    activations.ReLU(),
    activations.ReLU6(),
    activations.SiLU(),
    activations.Sigmoid(),
    activations.Sine(),
    activations.SoftThreshold(0.5),
    activations.Softmax(0.1),
    activations.Softplus(),
    activations.Softsign(),
    activations.SparsePlus(),
    activations.SparseSigmoid(),
    activations.Sparsemax(),
    activations.Squareplus(),
    activations.Swish(2.0),
    activations.Tanh(),
    activations.TeLU(),
    activations.Threshold(),
]


@pytest.mark.parametrize(
    "activation", AT_MOST_AS_LARGE, ids=lambda each: type(each).__name__
)
def test_nothing_overflows_at_the_ends_of_the_range(activation, dtype):
    largest = float(jnp.finfo(dtype).max)
    x = jnp.array([-largest, -largest / 2, largest / 2, largest], dtype)

    @jax.jit
    def evaluate(x):
        ones = jnp.ones_like(x)
        return activation(x), *jax.jvp(activation.derivative, (x,), (ones,))

    for result in evaluate(x):
        assert np.all(np.isfinite(np.asarray(result, np.float64)))


def test_leaky_relu_learns_its_slope():
    x = jnp.linspace(-2, 2, 21)
    target = jnp.where(x > 0, x, 0.3 * x)

    @jax.grad
    def gradient(slope):
        return jnp.mean((activations.LeakyReLU(slope)(x) - target) ** 2)

    slope = jnp.array(0.1)
    for _ in range(100):
        slope = slope - 0.5 * gradient(slope)
    np.testing.assert_allclose(slope, 0.3, rtol=1e-4)


def test_a_learnable_threshold_receives_minus_one():
    gradient = jax.grad(lambda t: activations.Threshold(t)(jnp.array(2.0)))(1.0)
    assert gradient == -1


def below(x):
    return jnp.where(x > 0, 0, x)


def falling(x):
    return jnp.square(jnp.exp(x / 2))


def sech(x):
    double = 2 * jnp.exp(-jnp.abs(x))
    return double / (1 + double * (0.25 * double))


def by_one_division(x):
    t = jnp.exp(-jnp.abs(x))
    return t / jnp.square(1 + t)


def by_one_exponential(x):
    t = jnp.exp(-jnp.abs(x))
    upper = 1 / (1 + t)
    lower = t * upper
    return jnp.where(x >= 0, upper, lower) + x * (lower * upper)


HAND_WRITTEN = {
    "relu": (lambda x: jnp.maximum(x, 0), lambda x: jnp.where(x > 0, 1.0, 0.0)),
    "sigmoid": (
        sigmoid,
        by_one_division,
    ),
    "tanh": (
        jnp.tanh,
        lambda x: jnp.square(sech(x)),
    ),
    "silu": (
        lambda x: x * sigmoid(x),
        by_one_exponential,
    ),
    "elu": (
        lambda x: jnp.where(x > 0, x, jnp.expm1(below(x))),
        lambda x: jnp.where(x > 0, 1.0, falling(below(x))),
    ),
    "softplus": (
        lambda x: jnp.logaddexp(x, 0.0),
        sigmoid,
    ),
    "lrelu": (
        lambda x: jnp.where(x >= 0, x, 0.01 * x),
        lambda x: jnp.where(x >= 0, 1.0, 0.01),
    ),
    "softsign": (
        lambda x: x / (1 + jnp.abs(x)),
        lambda x: jnp.square(1 / (1 + jnp.abs(x))),
    ),
}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_compiles_to_what_one_would_write_by_hand(name):
    activation, (value, derivative) = activations.create(name), HAND_WRITTEN[name]

    def operations(function):
        compiled = jax.jit(function).lower(jnp.ones(1000)).compile()
        costs = compiled.cost_analysis()
        assert costs is not None
        return costs.get("flops", 0), costs.get("transcendentals", 0)

    assert operations(lambda x: activation(x)) == operations(value)
    assert operations(lambda x: activation.derivative(x)) == operations(derivative)


def test_a_network_with_an_activation_learns(standard_promotion):
    model = eqx.nn.MLP(1, 1, 16, 2, activation=activations.TeLU(), key=jr.key(0))
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
