import jax
import jax.numpy as jnp
import numpy as np

from ngcx import activations as act

from ._entries import differs, equal, f16, f32, ref


model = ref.model_utils
X = f32(np.linspace(-7.3, 7.7, 64))  # No kink is among them.
ROWS = f32(np.random.default_rng(0).normal(size=(5, 7)))


def at(f, x, dtype=f32):
    return lambda: f(dtype(x))


def gradient_at(f, x):
    return lambda: jax.grad(f)(f32(x))


SMOOTH = ("elu", "gelu", "sigmoid", "silu", "softplus", "tanh", "telu")
PIECEWISE_LINEAR = ("lrelu", "relu", "relu6")
for name in ("identity", *SMOOTH, *PIECEWISE_LINEAR):
    f = act.create(name)
    equal(getattr(model, name), f, X)
    equal(getattr(model, f"d_{name}"), f.derivative, X)
equal(lambda x: model.swish(x, 1.5), act.Swish(1.5), X)
equal(lambda x: model.d_swish(x, 1.5), act.Swish(1.5).derivative, X)
equal(lambda x: model.elu(x, 0.7), act.ELU(0.7), X)
# The phase has the rounding error of 30 x.
equal(model.sine, act.Sine(), X, ulps=16 * 30 * 8)
equal(model.d_sine, act.Sine().derivative, X, ulps=16 * 30 * 8)
equal(model.heaviside, act.Heaviside(), X)
equal(model.d_heaviside, act.Heaviside().derivative, X)
equal(model.threshold, act.Threshold(), X)
equal(model.d_threshold, act.Threshold().derivative, X)
equal(lambda x: model.clip(x, -1.0, 2.0), act.Clip(-1.0, 2.0), X)
equal(lambda x: model.d_clip(x, -1.0, 2.0), act.Clip(-1.0, 2.0).derivative, X)
equal(lambda x: model.threshold_soft(x, 0.5), act.SoftThreshold(0.5), X)
equal(model.softmax, act.Softmax(), ROWS)
equal(lambda x: model.softmax(x, 0.3), act.Softmax(0.3), ROWS)
equal(model.d_softmax, act.Softmax().derivative, ROWS)
equal(lambda x: model.d_softmax(x, 2.0), act.Softmax(2.0).derivative, ROWS)
equal(lambda x: model.bkwta(x, 3), act.BinaryKWTA(3), ROWS)
for name in ("sine", *SMOOTH, *PIECEWISE_LINEAR):
    equal(
        lambda x, name=name: [f(x) for f in model.create_function(name)],
        lambda x, f=act.create(name): [f(x), f.derivative(x)],
        X,
        ulps=16 * 30 * 8 if name == "sine" else 16,
    )

WHOLE = jnp.ones((1, 7))
HALVES = jnp.array([[True] * 3 + [False] * 3, [False] * 3 + [True] * 3])
equal(lambda x: model.kwta(x, WHOLE, 3), act.KWTA(3), ROWS[:1])
equal(lambda x: model.d_kwta(x, WHOLE, 3), act.KWTA(3).derivative, ROWS[:1])
equal(lambda x: model.lkwta(x, WHOLE, 2), act.KWTA(2), ROWS[:1])
equal(lambda x: model.d_lkwta(x, WHOLE, 2), act.KWTA(2).derivative, ROWS[:1])
equal(
    lambda x: model.quantile_lkwta(x, HALVES.astype("float32"), 1),
    act.KWTA(1, groups=HALVES),
    f32([[5, 6, 7, 1, 2, 3]]),
)
equal(
    lambda x: model.d_quantile_lkwta(x, HALVES.astype("float32"), 1),
    act.KWTA(1, groups=HALVES).derivative,
    f32([[5, 6, 7, 1, 2, 3]]),
)

differs("`elu` at 89, float32", at(model.elu, 89), at(act.ELU(), 89), 89)
differs(
    "`elu` at -1e-6, float32",
    at(model.elu, -1e-6),
    at(act.ELU(), -1e-6),
    np.expm1(-1e-6),
)
differs(
    "derivative of `telu` at 1e4",
    at(model.d_telu, 1e4),
    at(act.TeLU().derivative, 1e4),
    1.0,
)
differs(
    "gradient of `silu` at -89, float32",
    gradient_at(model.silu, -89),
    gradient_at(act.SiLU(), -89),
    (1 - 89) * np.exp(-89.0),
)
differs(
    "derivative of `relu6` at 0 and at 6",
    at(model.d_relu6, [0, 6]),
    at(act.ReLU6().derivative, [0, 6]),
    [0, 0],
)
differs(
    "derivative of `clip` at a bound",
    lambda: model.d_clip(f32([0, 1]), 0.0, 1.0),
    lambda: act.Clip(0.0, 1.0).derivative(f32([0, 1])),
    [0.5, 0.5],
)
differs(
    "`sine` at 3000, float16",
    at(model.sine, 3000, f16),
    at(act.Sine(), 3000, f16),
    np.sin(90000),
)
differs(
    "`bkwta` of [1, 1, 1, 0] with one winner",
    lambda: model.bkwta(f32([[1, 1, 1, 0]]), 1)[0],
    lambda: act.BinaryKWTA(1)(f32([1, 1, 1, 0])),
    [1, 0, 0, 0],
)
differs(
    "`lkwta` of [5, 6, 7, 1, 2, 3], two groups of three, one winner each",
    lambda: model.lkwta(f32([[5, 6, 7, 1, 2, 3]]), HALVES.astype("float32"), 1)[0],
    lambda: act.KWTA(1, groups=HALVES)(f32([5, 6, 7, 1, 2, 3])),
    [0, 0, 7, 0, 0, 3],
)
differs(
    "`threshold_cauchy`",
    lambda: model.threshold_cauchy(f32([-3, 0.5, 3]), 1.0),
    lambda: act.CauchyThreshold(1.0)(f32([-3, 0.5, 3])),
    [-(3 + np.sqrt(8)) / 2, 0, (3 + np.sqrt(8)) / 2],
)
TEMPERATE = np.exp([0, 0.5]) / np.exp([0, 0.5]).sum()
differs(
    '`create_function("softmax", args=(2.,))`',
    lambda: model.create_function("softmax", args=(2.0,))[0](f32([[0, 1]]))[0],
    lambda: act.create("softmax", temperature=2.0)(f32([0, 1])),
    TEMPERATE,
)
differs(
    'unknown name that holds "heaviside"',
    lambda: model.create_function("not_heaviside_at_all")[0](f32(1)),
    lambda: act.create("not_heaviside_at_all"),
    ValueError,
)
differs(
    "derivative of `relu` at 0", at(model.d_relu, 0), at(act.ReLU().derivative, 0), 0
)
differs(
    "derivative of `tanh` at 9, float32",
    at(model.d_tanh, 9),
    at(act.Tanh().derivative, 9),
    1 / np.cosh(9) ** 2,
)
differs(
    "derivative of `sigmoid` at 20, float32",
    at(model.d_sigmoid, 20),
    at(act.Sigmoid().derivative, 20),
    np.exp(-20) / (1 + np.exp(-20)) ** 2,
)
differs(
    "gradient of `sigmoid` at -100, float32",
    gradient_at(model.sigmoid, -100),
    gradient_at(act.Sigmoid(), -100),
    np.exp(-100) / (1 + np.exp(-100)) ** 2,
)
differs(
    "`softmax` of [[0, 1e4]] at temperature 1e-36",
    lambda: model.softmax(f32([[0, 1e4]]), 1e-36),
    lambda: act.Softmax(1e-36)(f32([[0, 1e4]])),
    [[0, 1]],
)
differs(
    "`softmax` at temperature 0",
    lambda: model.softmax(f32([[0, 1]]), 0.0),
    lambda: act.Softmax(0.0)(f32([[0, 1]])),
    [[0, 1]],
)
CUBE = np.random.default_rng(0).normal(size=(2, 3, 4))
differs(
    "`softmax` of (2, 3, 4)",
    at(model.softmax, CUBE),
    at(act.Softmax(), CUBE),
    np.exp(CUBE) / np.exp(CUBE).sum(-1, keepdims=True),
)
