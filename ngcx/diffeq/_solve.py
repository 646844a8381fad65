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


def _trace_floats(step, f, t0, y0, dt, steps, args=None, **options):
    """Makes arrays of the floating-point numbers in `args`, so that another value does
    not compile anew. Integers stay constants, because they may be sizes or indices.
    """

    def array(leaf):
        return jnp.asarray(leaf) if isinstance(leaf, float | np.floating) else leaf

    return {"args": jtu.tree_map(array, args)}


@compiled(
    static=("step", "f", "steps", "args", "save_every", "checkpoint"),
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
    checkpoint: bool = False,
) -> tuple[Float[Array, "..."], State]:
    """Integrates over many steps of one length, in one compiled loop.

    The grid of time is exact: step `i` is taken at `t0 + i * dt`, which rounds once,
    not `i` times.

    **Arguments:**

    - `step`: a step of this subpackage, such as `rk4`, or a function of the same
        signature.
    - `f`: the vector field `f(t, y, args)`, as in diffrax: a function, or an Equinox
        module, whose arrays are parameters. It returns the derivative of `y`, in the
        same structure and shapes; the time comes first, as for `scipy`'s `solve_ivp`.
    - `t0`, `y0`: the time at the start, and the state, a pytree of floating-point or
        complex arrays. Between the first step and the last, half precisions are float32
        (also for `f`), and what is returned is rounded; times are never of half
        precision.
    - `dt`: the length of a step; a negative one goes back in time.
    - `steps`: how many steps to take.
    - `args`: is handed on to `f` as it is; another floating-point number in it does not
        compile anew.
    - `save_every`: how many steps lie between the states to return. `None` returns the
        last one alone, and needs memory for one state.
    - `checkpoint`: whether gradients compute each step again, instead of keeping what
        happened within it.

    **Returns:** times and states after every `save_every` steps, with a leading axis;
    or the last time and state without it. The start is not among them.

    **Raises:** `ValueError` if `steps` is no multiple of `save_every`; `TypeError` for
    a derivative of another structure or shape than `y`, for a complex one of a real
    state, or the other way round, and for a step that changes what the state looks
    like.

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
    if save_every is not None and steps % save_every:
        raise ValueError(
            f"`save_every` must divide `steps`, {steps}; got {save_every}."
        )
    time = wide_dtype(jnp.result_type(t0, dt, float))
    t0, dt = jnp.asarray(t0, time), jnp.asarray(dt, time)

    def at(i):
        return t0 + i.astype(time) * dt

    def advance(y, i):
        after = step(f, at(i), y, dt, args)
        if problem := difference(after, y):
            raise TypeError(f"`step` must return what looks like `y`; {problem}.")
        return after

    advance = jax.checkpoint(advance) if checkpoint else advance

    def advance_many(y, first, length):
        return jax.lax.fori_loop(0, length, lambda i, y: advance(y, first + i), y)

    y0, given = varying(widened_tree(y0), t0, dt, args), y0
    if save_every is None:
        return at(jnp.asarray(steps)), rounded_like(advance_many(y0, 0, steps), given)

    def save(y, first):
        many = save_every > 1
        y = advance_many(y, first, save_every) if many else advance(y, first)
        return y, rounded_like(y, given)

    firsts = jnp.arange(0, steps, save_every)
    return at(firsts + save_every), jax.lax.scan(save, y0, firsts)[1]
