import jax
import jax.numpy as jnp
import numpy as np

from ngcx import surrogate

from ._entries import differs, equal, f16, f32, ref, x64


estimators = ref.surrogate_fx
V = f32(np.linspace(-7.3, 7.7, 64))  # No kink is among them.
THRESHOLD = 0.25


# The reference's derivative is π times lower than that of its own primitive.
ARCTAN = surrogate.Arctan(gain=1 / np.pi)


def spike(name):
    return lambda v: getattr(estimators, name)()[0](v, THRESHOLD)


def derivative(name, threshold=THRESHOLD, **keywords):
    return lambda v: getattr(estimators, name)()[-1](v, threshold, **keywords)


for name, ours in {
    "straight_through_estimator": surrogate.StraightThrough(),
    "triangular_estimator": surrogate.Triangular(),
    "explicit_triangular_estimator": surrogate.Triangular(alpha=1 / 5, gain=5.0),
    "arctan_estimator": ARCTAN,
    "boxcar_estimator": surrogate.Rectangular(alpha=1 / 10, gain=10.0),
    "secant_lif_estimator": surrogate.SecantLIF(),
}.items():
    equal(spike(name), lambda v, ours=ours: ours(v, THRESHOLD), V)
    if name != "secant_lif_estimator":
        equal(
            derivative(name),
            lambda v, ours=ours: ours.derivative(v - THRESHOLD),
            V,
        )

DTYPES = ["float16", "bfloat16", "float64"]
differs(
    "spikes for float16, bfloat16 and float64 potentials",
    x64(
        lambda: [
            spike("arctan_estimator")(jnp.ones(2, dtype)).dtype.name for dtype in DTYPES
        ]
    ),
    x64(
        lambda: [surrogate.Arctan()(jnp.ones(2, dtype)).dtype.name for dtype in DTYPES]
    ),
    DTYPES,
)
differs(
    "arctan: autodiff of the spike",
    lambda: jax.grad(spike("arctan_estimator"))(f32(0.5)),
    lambda: jax.grad(ARCTAN)(f32(0.5), THRESHOLD),
    1 / np.pi / (1 + (np.pi * 0.25) ** 2),
)
differs(
    "arctan derivative with `alpha=4` at 0.3",
    lambda: derivative("arctan_estimator", 0.0, alpha=4.0)(f32(0.3)),
    lambda: surrogate.Arctan(alpha=4.0).derivative(f32(0.3)),
    # This is the derivative of arctan(2 π x) / π.
    2 / (1 + (2 * np.pi * 0.3) ** 2),
)
differs(
    "secant derivative at 10",
    lambda: derivative("secant_lif_estimator", 0.0)(f32(10)),
    lambda: surrogate.SecantLIF().derivative(f32(10)),
    0.82 * 0.08 / np.cosh(0.8) ** 2,
)
differs(
    "gradient of the secant derivative at 1e4",
    lambda: jax.grad(derivative("secant_lif_estimator", 0.0))(f32(1e4)),
    lambda: jax.grad(surrogate.SecantLIF().derivative)(f32(1e4)),
    0,
)
differs(
    "boxcar derivative at its edges, ±5",
    lambda: derivative("boxcar_estimator", 0.0)(f32([-5, 5])),
    lambda: surrogate.Rectangular(alpha=0.1, gain=10.0).derivative(f32([-5, 5])),
    [0, 0],
)
differs(
    "arctan derivative at 200, float16",
    lambda: derivative("arctan_estimator", 0.0)(f16(200)),
    lambda: ARCTAN.derivative(f16(200)),
    1 / np.pi / (1 + (200 * np.pi) ** 2),
    ulps=1,
)
