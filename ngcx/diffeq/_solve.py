import functools as ft
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import rounded_like, wide_dtype, widened_tree
from .._trees import difference, varying
from .._typing import Count, Natural, Scalar
from ._steps import State, Step, VectorField


def _trace_floats(step, f, t0, y0, dt, steps, args=None, **others):
    """Makes arrays of the floating-point numbers in `args`, so that another value does
    not compile anew. Integers stay constants, because they may be sizes or indices.
    """

    def array(leaf):
        return jnp.asarray(leaf) if isinstance(leaf, float | np.floating) else leaf

    return {"args": jtu.tree_map(array, args)}


@compiled(
    static=("step", "f", "steps", "args", "save_every", "stop", "checkpoint"),
    before=_trace_floats,
)
def solve(
    step: Step,
    f: VectorField,
    t0: Scalar,
    y0: State,
    dt: Scalar,
    steps: Natural,
    args: Any = None,
    *,
    save_every: Count | None = 1,
    save_at: Float[Array, "times"] | None = None,
    stop: Callable[..., Any] | None = None,
    checkpoint: bool = False,
    **keywords: Any,
) -> tuple[Float[Array, "..."], State]:
    """Integrates over many steps of one length, in one compiled loop.

    Times are exact: step `i` is taken at `t0 + i * dt`, which is rounded once, not `i`
    times.

    **Arguments:**

    - `step`: a step of this subpackage, such as `rk4`, or a function of the same
        signature.
    - `f`: the vector field `f(t, y, args)`, as in diffrax: a function, or an Equinox
        module, whose arrays are parameters. It returns the derivative of `y`, in the
        same structure and shapes; the time comes first, as for `scipy`'s `solve_ivp`.
    - `t0`, `y0`: the time at the start, and the state, a pytree of floating-point or
        complex arrays. Half precisions are computed in float32 from the first step to
        the last (also in `f`), and only the returned states are rounded. Times never
        have half precision.
    - `dt`: the length of a step; a negative one goes back in time.
    - `steps`: how many steps to take.
    - `args`: is handed on to `f` as it is. Another floating-point number in it does not
        compile again.
    - `save_every`: how many steps lie between the states to return. `None` returns only
        the last state, and needs memory for only one.
    - `save_at`: instead, the times of the states to return, in any order; `save_every`
        is ignored then. A time between two steps is reached by a shorter step from the
        step before it, so its state is as accurate as the others. The state of every
        step is kept until the end.
    - `stop`: a function `stop(t, y, args)` that returns a Boolean. Once it is true, no
        further step is taken. Shapes stay the same: the remaining entries repeat the
        time and the state at which it became true.
    - `checkpoint`: whether gradients compute each step again, instead of storing its
        intermediate values.
    - `keywords`: further arguments of `f`, by their names: arrays and numbers, all of
        which are traced.

    **Returns:** times and states after every `save_every` steps, with a leading axis,
    or the last time and state without one. The start is not among them. If `save_at`
    asks for a time before the start or after the end, it gets the start or the end.

    **Raises:** `ValueError` if `steps` is not a multiple of `save_every`; `TypeError`
    for a derivative whose structure or shapes differ from those of `y`, or that is
    complex for a real state or the other way round; `TypeError` for a step that changes
    the structure, shapes or dtypes of the state.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import euler, solve
        >>> def decay(t, y, args):
        ...     return -y
        >>> times, values = solve(euler, decay, 0.0, jnp.ones(()), 0.5, 4)
        >>> print(times, values)
        [0.5 1.  1.5 2. ] [0.5    0.25   0.125  0.0625]

        ```
    """
    if save_every is not None and steps % save_every:
        raise ValueError(
            f"`save_every` must divide `steps`, {steps}; got {save_every}."
        )
    time = wide_dtype(jnp.result_type(t0, dt, float))
    t0, dt = jnp.asarray(t0, time), jnp.asarray(dt, time)
    field = ft.partial(f, **keywords)

    def at(i):
        return t0 + i.astype(time) * dt

    def advance(state):
        i, y = state
        after = step(field, at(i), y, dt, args)
        if problem := difference(after, y):
            raise TypeError(
                "`step` must return the structure, shapes and dtypes of `y`; "
                f"{problem}."
            )
        return i + 1, after

    def move(state):
        if stop is None:
            return advance(state)
        return jax.lax.cond(stop(at(state[0]), state[1], args), tuple, advance, state)

    move = jax.checkpoint(move) if checkpoint else move

    def move_many(state, count):
        return jax.lax.fori_loop(0, count, lambda _, state: move(state), state)

    given, start = y0, (jnp.zeros((), jnp.int32), widened_tree(y0))
    # Where a state may differ from device to device, so may the step that stops it.
    start = varying(start, t0, dt, args, keywords, None if stop is None else y0)
    if save_at is not None:
        (end, _), (_, before) = jax.lax.scan(
            lambda state, _: (move(state), state), start, length=max(steps, 1)
        )
        last = at(jnp.minimum(end, steps))
        ends = jnp.minimum(t0, last), jnp.maximum(t0, last)
        times = jnp.clip(save_at.astype(time), *ends)
        places = jnp.floor((times - t0) / dt).astype(jnp.int32)

        def reach(t, i):
            y = jtu.tree_map(lambda leaf: leaf[i], before)
            return rounded_like(step(field, at(i), y, t - at(i), args), given)

        places = jnp.clip(places, 0, max(steps, 1) - 1)
        return times, jax.vmap(reach)(times, places)
    if save_every is None:
        i, y = move_many(start, steps)
        return at(i), rounded_like(y, given)

    def save(state, _):
        state = move_many(state, save_every) if save_every > 1 else move(state)
        return state, (at(state[0]), rounded_like(state[1], given))

    return jax.lax.scan(save, start, length=steps // save_every)[1]
