"""This integrates the Lorenz system for 100,000 steps of a fixed length, and for a few
steps within a compiled function, beside steps that are written one after the other.

The compiled loop is the same as in a scan by hand. `solve` adds only the dispatch of a
call with a system and its coefficients. diffrax can do much more at each step, and pays
for it.
"""

import importlib.util

import jax
import jax.numpy as jnp

from ngcx import diffeq

from ._measure import compare


STEPS, DT = 100_000, 1e-3


def rk4(y):
    def f(y):
        x, y, z = y[..., 0], y[..., 1], y[..., 2]
        return jnp.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], -1)

    k1 = f(y)
    k2 = f(y + DT / 2 * k1)
    k3 = f(y + DT / 2 * k2)
    k4 = f(y + DT * k3)
    return y + DT * (k1 / 6 + k2 / 3 + k3 / 3 + k4 / 6)


def by_hand(t, y):
    def step(y, i):
        y = rk4(y)
        return y, (t + (i + 1) * DT, y)

    return jax.lax.scan(step, y, jnp.arange(STEPS, dtype=y.dtype))[1]


def short(steps, start):
    @jax.jit
    def unrolled(y):
        states = []
        for _ in range(steps):
            y = rk4(y)
            states.append(y)
        return DT * jnp.arange(1, steps + 1), jnp.stack(states)

    @jax.jit
    def ours(y):
        return diffeq.solve(diffeq.rk4, diffeq.lorenz, 0.0, y, DT, steps)

    return compare(
        f"{steps} steps of rk4, in a compiled function",
        {
            "JAX by hand, unrolled": lambda: jax.block_until_ready(unrolled(start)),
            "ngcx solve": lambda: jax.block_until_ready(ours(start)),
        },
        rounds=30,
        repeats=10,
    )


def with_diffrax(start):
    import diffrax  # pyright: ignore[reportMissingImports]

    @jax.jit
    def run(start):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(diffeq.lorenz),
            diffrax.Heun(),
            t0=0.0,
            t1=STEPS * DT,
            dt0=DT,
            y0=start,
            max_steps=STEPS + 1,
        ).ys

    return lambda: jax.block_until_ready(run(start))


def main():
    start = jnp.asarray([-8.0, 7.0, 27.0])
    compiled = jax.jit(by_hand)

    def ours(step, save_every):
        return lambda: jax.block_until_ready(
            diffeq.solve(
                step,
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
        "ngcx solve": ours(diffeq.rk4, 1),
        "ngcx solve, the last state alone": ours(diffeq.rk4, None),
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
    yield compare("100,000 steps of rk4", contenders, rounds=30)
    # The program of 100 unrolled steps takes a minute to compile.
    for steps in (10, 30):
        yield short(steps, start)
    if importlib.util.find_spec("diffrax"):
        yield compare(
            "100,000 steps of Heun's method, the last state alone",
            {"ngcx solve": ours(diffeq.heun, None), "diffrax": with_diffrax(start)},
            rounds=15,
        )
