import jax.numpy as jnp
import numpy as np

from ngcx import diffeq

from ._entries import differs, equal, f32, ref


steps = ref.diffeq.ode_utils
systems = ref.diffeq.odes
Y = f32([0.5, -1.5])
CODES = [diffeq.euler, diffeq.midpoint, diffeq.heun, diffeq.ralston, diffeq.rk4]
METHODS = {
    "euler": "step_euler",
    "midpoint": "step_rk2",
    "heun": "step_heun",
    "rk4": "step_rk4",
}
# The second slope of a method of order 2: where in the step it is, and its weight.
SECOND_SLOPES = {
    "rk1": (0, 0),
    "midpoint": (1 / 2, 1),
    "rk2_heun": (1, 1 / 2),
    "rk2_ralston": (2 / 3, 3 / 4),
}


def decay(t, y, args):
    return jnp.cos(t) - args * y


def in_float64(method, y, dt=0.1, args=2.0):
    """A step from 0 in the field above."""
    place, weight = SECOND_SLOPES[method]
    first = 1 - args * y
    second = np.cos(place * dt) - args * (y + place * dt * first)
    return y + dt * ((1 - weight) * first + weight * second)


for ours, theirs in METHODS.items():
    equal(
        lambda y, f=getattr(steps, theirs): f(0.5, y, decay, 0.1, 2.0, 0.9)[1],
        lambda y, f=getattr(diffeq, ours): f(decay, 0.5, y, 0.1, 2.0, y_scale=0.9),
        Y,
    )
for ours, theirs in {"euler": "euler", "rk4": "rk4", "heun": "heun"}.items():
    equal(
        lambda y, name=theirs: steps.solve_ode(name, 0.0, y, 20, decay, 0.1, 2.0),
        lambda y, f=getattr(diffeq, ours): diffeq.solve(f, decay, 0.0, y, 0.1, 20, 2.0),
        Y,
        ulps=16 * 20,
    )
for name, size in {
    "linear_2D": 2,
    "cubic_2D": 2,
    "linear_3D": 3,
    "lorenz": 3,
    "oscillator": 3,
}.items():
    equal(
        lambda y, f=getattr(systems, name): f(0.0, y, None),
        lambda y, f=getattr(diffeq, name.lower()): f(0.0, y),
        f32(np.random.default_rng(0).normal(size=(4, size))),
    )
NAMES = ("euler", "rk2", "midpoint", "heun", "rk4")
equal(
    lambda: [steps.get_integrator_code(name) for name in NAMES],
    lambda: [CODES.index(diffeq.create(name)) for name in NAMES],
)


def spring(t, y, args):
    position, momentum = y
    return momentum, -position


def energy(position, momentum):
    return jnp.ravel(position**2 + momentum**2)[-1]


differs(
    "`leapfrog` of a spring, 1,000 steps of 0.1",
    lambda: energy(
        *steps.leapfrog(0.0, f32(1), f32(0), lambda t, q, p: -q, 1000, 0.1, None)[1:]
    ),
    lambda: energy(
        *diffeq.solve(diffeq.leapfrog, spring, 0.0, (f32(1), f32(0)), 0.1, 1000)[1]
    ),
    1,
    within=0.0025,
)
differs(
    '`solve_ode` with `"rk1"`, `"midpoint"`, `"rk2_heun"`, `"rk2_ralston"`',
    tuple(
        lambda name=name: steps.solve_ode(name, 0.0, Y, 1, decay, 0.1, 2.0)[1][-1]
        for name in SECOND_SLOPES
    ),
    tuple(
        lambda name=name: diffeq.create(name)(decay, 0.0, Y, 0.1, 2.0)
        for name in SECOND_SLOPES
    ),
    tuple(in_float64(name, np.asarray(Y, float)) for name in SECOND_SLOPES),
)
differs(
    "the second slope of `ralston`",
    lambda: steps.step_ralston(0.0, Y, decay, 0.1, 2.0)[1],
    lambda: diffeq.ralston(decay, 0.0, Y, 0.1, 2.0),
    in_float64("rk2_ralston", np.asarray(Y, float)),
)
differs(
    "100,000 Euler steps of 1e-3, float32",
    lambda: steps.solve_ode(
        "euler", 0.0, f32([0]), 100_000, lambda t, y, p: 0 * y, 1e-3
    )[0][-1],
    lambda: diffeq.solve(
        diffeq.euler, lambda t, y, p: 0 * y, 0.0, f32([0]), 1e-3, 100_000
    )[0][-1],
    100,
)
