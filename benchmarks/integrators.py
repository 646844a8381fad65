"""The Lorenz system for 100,000 steps of the classic Runge-Kutta method."""

import jax
import jax.numpy as jnp

from ngcx import diffeq

from ._measure import compare


STEPS, DT = 100_000, 1e-3


def by_hand(t, y):
    def f(y):
        x, y, z = y[..., 0], y[..., 1], y[..., 2]
        return jnp.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], -1)

    def step(y, i):
        k1 = f(y)
        k2 = f(y + DT / 2 * k1)
        k3 = f(y + DT / 2 * k2)
        k4 = f(y + DT * k3)
        y = y + DT * (k1 / 6 + k2 / 3 + k3 / 3 + k4 / 6)
        return y, (t + (i + 1) * DT, y)

    return jax.lax.scan(step, y, jnp.arange(STEPS, dtype=y.dtype))[1]


def main():
    start = jnp.asarray([-8.0, 7.0, 27.0])
    compiled = jax.jit(by_hand)

    def ours(save_every):
        return lambda: jax.block_until_ready(
            diffeq.solve(
                diffeq.rk4,
                diffeq.lorenz,
                0.0,
                start,
                DT,
                STEPS,
                save_every=save_every,
            )
        )

    contenders = {
        "JAX by hand": lambda: jax.block_until_ready(compiled(0.0, start)),
        "ngcx solve": ours(1),
        "ngcx solve, the last state alone": ours(None),
    }
    try:
        from ngclearn.utils.diffeq.ode_utils import (  # pyright: ignore[reportMissingImports]
            solve_ode,
        )
        from ngclearn.utils.diffeq.odes import (  # pyright: ignore[reportMissingImports]
            lorenz,
        )
    except ImportError:
        pass
    else:
        contenders["ngclearn"] = lambda: jax.block_until_ready(
            solve_ode("rk4", 0.0, start, STEPS, lorenz, DT)
        )
    compare(contenders, rounds=30)
