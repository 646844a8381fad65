import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from .._typing import typed
from ._base import AbstractElementwise


@typed
class BinaryKWTA(AbstractElementwise):
    r"""k winners take all: $f(x)_i = 1$ if $x_i$ is one of the $k$ largest entries
    along `axis`, else $0$. Its derivative is $f$ itself: gradients reach the winners.

    Exactly `k` win; among equals the first.

    **Raises:** `ValueError` if `k` is not positive, or larger than the axis.

    ??? cite "Reference"
        Majani, Erlanson and Abu-Mostafa, *On the k-winners-take-all network*, NIPS
        1988.
    """

    k: int = eqx.field(static=True)
    axis: int = eqx.field(static=True, default=-1)
    equation = r"1[x_i \text{ is one of the } k \text{ largest}]"

    def __check_init__(self):
        _check_k(self.k)

    def _value(self, x):
        return winners(x, self.k, self.axis).astype(x.dtype)

    def _derivative(self, x):
        return winners(x, self.k, self.axis).astype(x.dtype)


@typed
class KWTA(AbstractElementwise):
    r"""k winners take all: $f(x)_i = x_i$ if $x_i$ is one of the $k$ largest entries
    along `axis`, else $0$, with $f'(x)_i = 1$ for the winners and $0$ elsewhere.

    Exactly `k` win; among equals the first. With `groups`, `k` win in each group (all
    of a group that is smaller), and entries of no group lose.

    **Raises:** `ValueError` if `k` is not positive, or larger than the axis.

    ??? cite "Reference"
        Majani, Erlanson and Abu-Mostafa, *On the k-winners-take-all network*, NIPS
        1988; Makhzani and Frey, *k-Sparse autoencoders*, ICLR 2014.
    """

    k: int = eqx.field(static=True)
    axis: int = eqx.field(static=True, default=-1)
    groups: Bool[Array, "groups size"] | None = None
    """Which entries along `axis` belong to each group."""
    equation = r"x_i \, 1[x_i \text{ is one of the } k \text{ largest}]"

    def __check_init__(self):
        _check_k(self.k)

    def _value(self, x):
        return jnp.where(self._winners(x), x, 0)

    def _derivative(self, x):
        return self._winners(x).astype(x.dtype)

    def _winners(self, x):
        if self.groups is None:
            return winners(x, self.k, self.axis)
        in_group = jax.vmap(lambda group: winners(x, self.k, self.axis, group))
        return jnp.any(in_group(self.groups), axis=0)


def winners(x, k, axis, among=None):
    """Which entries are the `k` largest along `axis`, of those that are `among`.

    Bisects for the k-th largest value, a comparison and a count a step: `lax.top_k`
    sorts, and on the CPU sometimes takes twenty times as long.
    """
    x = jnp.moveaxis(jax.lax.stop_gradient(x), axis, -1)
    size = x.shape[-1]
    lowest = jnp.min(x, axis=-1)
    if among is None:
        if k > size:
            raise ValueError(f"`k` must be at most the axis's {size} entries; got {k}.")
    else:
        among = among.reshape((1,) * (x.ndim - 1) + among.shape)
        x = jnp.where(among, x, -jnp.inf)
        size = jnp.sum(among, dtype=jnp.int32)
        k = jnp.minimum(k, size)

    def count(threshold):
        return jnp.sum(x >= threshold[..., None], axis=-1, dtype=jnp.int32)

    # The k-th largest is in [low, high), or all k are the largest; done where just k
    # are at least low, or where no number is left between low and high.
    def middle(low, high):
        return low / 2 + high / 2  # the sum could overflow

    def unfinished(state):
        low, high, winning = state
        between = (low < middle(low, high)) & (middle(low, high) < high)
        return jnp.any((winning != k) & between)

    def halve(state):
        low, high, winning = state
        threshold = middle(low, high)
        reached = count(threshold)
        enough = reached >= k
        return (
            jnp.where(enough, threshold, low),
            jnp.where(enough, high, threshold),
            jnp.where(enough, reached, winning),
        )

    high = jnp.max(x, axis=-1)
    tied = count(high)
    start = (
        jnp.where(tied >= k, high, lowest),
        high,
        jnp.where(tied >= k, tied, size),
    )
    low, _, winning = jax.lax.while_loop(unfinished, halve, start)
    low = low[..., None]

    def first_of_equals():
        larger, equal = x > low, x == low
        missing = k - jnp.sum(larger, axis=-1, keepdims=True, dtype=jnp.int32)
        rank = jnp.cumsum(equal, axis=-1, dtype=jnp.int32)
        return larger | (equal & (rank <= missing))

    won = jax.lax.cond(jnp.any(winning > k), first_of_equals, lambda: x >= low)
    return jnp.moveaxis(won, -1, axis)


def _check_k(k: int):
    if k < 1:
        raise ValueError(f"`k` must be a positive integer; got {k}.")
