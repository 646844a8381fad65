import math

import jax
import jax.numpy as jnp


def in_segments(run, state, inputs):
    """`run(state, inputs)` through time, with the memory of about 2 sqrt(T) steps.

    Time is cut into sqrt(T) segments. Reverse mode stores only the first state of each,
    and runs the segment again when it comes to it.
    """
    steps = jax.tree.leaves(inputs)[0].shape[0]
    length = _segment_length(steps)
    cut = steps - steps % length
    head = jax.tree.map(
        lambda x: x[:cut].reshape(cut // length, length, *x.shape[1:]), inputs
    )
    # A scan keeps the segment and its repetition apart by itself.
    segment = jax.checkpoint(run, prevent_cse=False)
    state, outputs = jax.lax.scan(lambda *carry: segment(*carry), state, head)
    outputs = jax.tree.map(lambda y: y.reshape(cut, *y.shape[2:]), outputs)
    if cut < steps:
        tail = jax.tree.map(lambda x: x[cut:], inputs)
        state, last = jax.checkpoint(run)(state, tail)
        outputs = jax.tree.map(lambda *y: jnp.concatenate(y), outputs, last)
    return state, outputs


def _segment_length(steps: int) -> int:
    # The best length is a divisor of T near sqrt(T): a rest would cost a copy of the
    # inputs.
    root = max(math.isqrt(steps), 1)
    return next((n for n in range(root, root // 2, -1) if steps % n == 0), root)
