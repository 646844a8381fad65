import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, Float, Int

from .._compiled import compiled_function
from .._precision import wide_dtype, widened
from ._reduction import Reduction, reduce


@compiled_function(static=("reduction",))
def accuracy(
    scores: Float[Array, "*batch classes"],
    targets: Float[Array, "*batch classes"] | Int[Array, "*batch"],
    *,
    reduction: Reduction = "mean",
) -> Float[Array, "..."]:
    """The fraction of rows whose largest score is at the target class.

    A row in which no score stands out (all equal, or any NaN) predicts nothing, and
    counts as wrong.

    **Arguments:**

    - `scores`: logits, probabilities or spike counts.
    - `targets`: one-hot rows (or any scores: the largest counts), or class indices.
    - `reduction`: `"mean"`, `"sum"` (the number of right rows) or `"none"` (1 for a
        right row, 0 for a wrong one).

    **Returns:** a scalar, or with `"none"` one value a row, in the dtype of `scores`.
    """
    if jnp.issubdtype(targets.dtype, jnp.floating):
        targets = jnp.argmax(targets, axis=-1)
    # Any comparison with NaN is false, so a row that holds one predicts nothing.
    stands_out = jnp.max(scores, -1) > jnp.min(scores, -1)
    right = (jnp.argmax(scores, -1) == targets) & stands_out
    # float16 counts to 2,048 only.
    right = right.astype(wide_dtype(scores.dtype))
    return reduce(right, reduction).astype(scores.dtype)


@compiled_function(static=("reduction",))
def categorical_nll(
    probabilities: Float[Array, "*batch classes"],
    targets: Float[Array, "*batch classes"] | Int[Array, "*batch"],
    *,
    reduction: Reduction = "mean",
) -> Float[Array, "..."]:
    r"""The negative log-likelihood $-\sum_c t_c \ln p_c$ of each row, in nats.

    A probability of 0 counts as the smallest normal number of the dtype, so that the
    worst prediction costs a finite amount (87 in float32) and keeps its gradient.

    **Arguments:**

    - `probabilities`: $p$, each row a distribution; see `ngcx.activations.Softmax`.
    - `targets`: $t$, one-hot or soft rows, or class indices.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.

    **Returns:** a scalar, or with `"none"` one value a row, in the dtype of
    `probabilities`.
    """
    dtype = probabilities.dtype
    probabilities = widened(probabilities)
    tiny = jnp.finfo(probabilities.dtype).tiny
    if jnp.issubdtype(targets.dtype, jnp.floating):
        # xlogy: a class of weight 0 adds 0, whatever its probability.
        targets = targets.astype(probabilities.dtype)
        rows = -jnp.sum(xlogy(targets, jnp.maximum(probabilities, tiny)), axis=-1)
    else:
        chosen = jnp.take_along_axis(probabilities, targets[..., None], axis=-1)[..., 0]
        rows = -jnp.log(jnp.maximum(chosen, tiny))
    return reduce(rows, reduction).astype(dtype)
