import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._compiled import compiled
from .._typing import Count, Natural, Scalar
from ._steps import Step, VectorField


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
    y0: PyTree[Float[Array, "..."]],
    dt: Scalar,
    steps: Natural,
    args: PyTree = None,
    *,
    save_every: Count | None = 1,
    checkpoint: bool = False,
) -> tuple[Float[Array, "..."], PyTree[Float[Array, "..."]]]:
    """Integrates over many steps of one length, in one compiled loop.

    The grid of time is exact: step `i` is taken at `t0 + i * dt`, which rounds once,
    not `i` times.

    **Arguments:**

    - `step`: a step of this subpackage, such as `rk4`, or a function of the same
        signature.
    - `f`: the vector field `f(t, y, args)`, as in diffrax: a function, or an Equinox
        module, whose arrays are parameters.
    - `t0`, `y0`: the time at the start, and the state, a pytree of floating arrays.
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

    **Raises:** `ValueError` if `steps` is no multiple of `save_every`.

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
