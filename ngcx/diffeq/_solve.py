import functools as ft

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._compiled import split
from .._typing import Scalar, typed
from ._steps import Step, VectorField


def solve(
    step: Step,
    f: VectorField,
    t0: Scalar,
    y0: PyTree[Float[Array, "..."]],
    dt: Scalar,
    steps: int,
    args: PyTree = None,
    *,
    save_every: int | None = 1,
    checkpoint: bool = False,
) -> tuple[Float[Array, "..."], PyTree[Float[Array, "..."]]]:
    """Integrates over many steps of one length, in one compiled loop.

    The grid of time is exact: step `i` is taken at `t0 + i * dt`, which rounds once,
    not `i` times.

    **Arguments:**

    - `step`: one of this room, such as `rk4`, or of that signature.
    - `f`: the vector field `f(t, y, args)`, as in diffrax: a function, or an Equinox
        module, whose arrays are parameters.
    - `t0`, `y0`: the time at the start, and the state, a pytree of floating arrays.
    - `dt`: the length of a step; negative to go back.
    - `steps`: how many.
    - `args`: handed on to `f`, as it is; another floating-point number in it does not
        compile anew.
    - `save_every`: how many steps lie between the states to return. `None` returns the
        last one alone, and needs memory for one state.
    - `checkpoint`: whether gradients compute each step again, instead of keeping what
        happened within it.

    **Returns:** times and states after every `save_every` steps, with a leading axis;
    or the last time and state without it. The start is not among them.

    **Raises:** `ValueError` if `steps` is negative or no multiple of `save_every`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import euler
        >>> def decay(t, y, args):
        ...     return -y
        >>> times, values = solve(euler, decay, 0.0, jnp.ones(()), 0.5, 4)
        >>> print(times, values)
        [0.5 1.  1.5 2. ] [0.5    0.25   0.125  0.0625]

        ```
    """
    # Numbers are traced, so that another value does not compile anew; but integers may
    # be sizes or indices.
    numbers, args = eqx.partition(args, lambda leaf: isinstance(leaf, _NUMBER))
    constants, arrays = split((step, f, args))
    return _run(constants, arrays, numbers, t0, y0, dt, steps, save_every, checkpoint)


_NUMBER = float | np.floating


@ft.partial(jax.jit, static_argnums=(0, 6, 7, 8), inline=True)
def _run(constants, arrays, numbers, t0, y0, dt, steps, save_every, checkpoint):
    step, f, args = constants.combine(arrays)
    args = eqx.combine(numbers, args)
    return _solve(step, f, t0, y0, dt, steps, args, save_every, checkpoint)


# Checked inside, once a signature: outside, that would cost half a millisecond a call.
@typed
def _solve(
    step: Step,
    f: VectorField,
    t0: Scalar,
    y0: PyTree[Float[Array, "..."]],
    dt: Scalar,
    steps: int,
    args: PyTree,
    save_every: int | None,
    checkpoint: bool,
) -> tuple[Float[Array, "..."], PyTree[Float[Array, "..."]]]:
    if steps < 0:
        raise ValueError(f"`steps` must be 0 or more; got {steps}.")
    if save_every is not None and (save_every < 1 or steps % save_every):
        raise ValueError(
            f"`save_every` must divide the {steps} steps; got {save_every}."
        )
    time = jnp.result_type(t0, dt, float)
    t0, dt = jnp.asarray(t0, time), jnp.asarray(dt, time)

    def at(i):
        return t0 + i.astype(time) * dt

    def advance(y, i):
        return step(f, at(i), y, dt, args)

    advance = jax.checkpoint(advance) if checkpoint else advance

    def advance_many(y, first, length):
        return jax.lax.fori_loop(0, length, lambda i, y: advance(y, first + i), y)

    if save_every is None:
        return at(jnp.asarray(steps)), advance_many(y0, 0, steps)

    def save(y, first):
        many = save_every > 1
        y = advance_many(y, first, save_every) if many else advance(y, first)
        return y, y

    firsts = jnp.arange(0, steps, save_every)
    return at(firsts + save_every), jax.lax.scan(save, y0, firsts)[1]
