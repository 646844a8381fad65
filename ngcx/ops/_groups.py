import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Real

from .._compiled import compiled
from .._numerics import mean, widened
from .._typing import Count


@compiled(static=("groups",))
def sample_values_by_group(
    key: PRNGKeyArray, values: Float[Array, "*batch D"], groups: Count
) -> Float[Array, "*batch D"]:
    """Draws one positive entry of each group, with equal chances, and sets it to 1.

    The last axis is split into groups of equal size, one after the other. All other
    entries become 0, and a group without a positive entry is all zeros. The gradient is
    0.

    **Arguments:**

    - `key`: a key of `jax.random`; the same key draws the same entries.
    - `values`: activities.
    - `groups`: how many groups there are.

    **Returns:** an array of the shape and dtype of `values`.

    **Raises:** `ValueError` for a number of groups that does not divide `D`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.ops import sample_values_by_group
        >>> print(sample_values_by_group(jr.key(0), jnp.array([0.0, 2.0, 0.0, 0.0]), 2))
        [0. 1. 0. 0.]

        ```
    """
    size = values.shape[-1]
    if size % groups:
        raise ValueError(
            f"`groups` must divide the {size} entries of the last axis of `values`; "
            f"got {groups}."
        )
    if size == 0:
        return values
    grouped = values.reshape(*values.shape[:-1], groups, size // groups)
    positive = grouped > 0
    # The largest of equally distributed numbers is anywhere with equal chances.
    draws = jnp.where(positive, jr.uniform(key, grouped.shape, jnp.float32), -1)
    winner = jnp.argmax(draws, axis=-1, keepdims=True)
    position = jnp.arange(grouped.shape[-1]).reshape((1,) * values.ndim + (-1,))
    chosen = (position == winner) & positive
    return chosen.reshape(values.shape).astype(values.dtype)


@compiled
def group_mean(
    x: Float[Array, "*batch D"],
    masks: Real[Array, "groups D"] | Bool[Array, "groups D"],
) -> Float[Array, "*batch D"]:
    r"""Replaces each entry by its group's mean, $\frac{1}{|G|} \sum_{j \in G} x_j$.

    An entry that is in no group keeps its value, and an empty group changes nothing.

    **Arguments:**

    - `x`: an array, its last axis divided into groups.
    - `masks`: one row per group, true (or not 0) where an entry belongs to the group.
        Groups should be disjoint: an entry of several groups takes the mean of the
        first one.

    **Returns:** an array of the shape and dtype of `x`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.ops import group_mean
    >>> group_mean(jnp.array([1.0, 3.0, 5.0]), jnp.array([[True, True, False]]))
    Array([2., 2., 5.], dtype=float32)

    ```
    """
    if masks.size == 0:
        return x
    members = masks.astype(bool)
    rows = members.reshape((1,) * (x.ndim - 1) + masks.shape)
    # `where` selects and does not multiply: a NaN is no business of other groups.
    means = mean(widened(x)[..., None, :], -1, where=rows)
    own = jnp.take(means.astype(x.dtype), jnp.argmax(members, axis=0), axis=-1)
    return jnp.where(jnp.broadcast_to(jnp.any(members, axis=0), x.shape), own, x)
