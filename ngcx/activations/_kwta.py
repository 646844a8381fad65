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
    if among is None:
        if k > size:
            raise ValueError(f"`k` must be at most the axis's {size} entries; got {k}.")
        among = jnp.ones(size, bool)
    among = among.reshape((1,) * (x.ndim - 1) + among.shape)
    members = jnp.sum(among, dtype=jnp.int32)
    k = jnp.minimum(k, members)
    lowest, highest = (
        extreme(x, axis=-1, where=among, initial=none)
        for extreme, none in ((jnp.min, jnp.inf), (jnp.max, -jnp.inf))
    )
    largest = float(jnp.finfo(x.dtype).max)

    def count(threshold):
        reached = (x >= threshold[..., None]) & among
        return jnp.sum(reached, axis=-1, dtype=jnp.int32)

    # At least k reach low (`winning` do) and fewer than k reach high.
    def narrow(state, threshold):
        low, high, winning = state
        reached = count(threshold)
        enough = reached >= k
        higher = enough & (threshold > low)
        return (
            jnp.where(higher, threshold, low),
            jnp.where(enough, high, jnp.minimum(high, threshold)),
            jnp.where(higher, reached, winning),
        )

    def middle(state):
        low, high, _ = state
        # Halved before the sum, which could overflow; infinities have no middle.
        low, high = (jnp.clip(end, -largest, largest) for end in (low, high))
        return low / 2 + high / 2

    # Done where exactly k reach low, or where no number is between low and high.
    def unfinished(state):
        low, high, winning = state
        between = (low < middle(state)) & (middle(state) < high)
        return jnp.any((winning != k) & between)

    state = lowest, jnp.full_like(lowest, jnp.inf), jnp.full_like(lowest, members, "i4")
    # Infinite entries first, because bisection does not reach them.
    for end in (jnp.clip(lowest, -largest), jnp.clip(highest, max=largest), highest):
        state = narrow(state, end)
    low, _, winning = jax.lax.while_loop(
        unfinished, lambda state: narrow(state, middle(state)), state
    )
    low = low[..., None]

    def first_of_equals():
        larger, equal = x > low, (x == low) & among
        missing = k - jnp.sum(larger & among, axis=-1, keepdims=True, dtype=jnp.int32)
        rank = jnp.cumsum(equal, axis=-1, dtype=jnp.int32)
        return larger | (equal & (rank <= missing))

    won = jax.lax.cond(jnp.any(winning > k), first_of_equals, lambda: x >= low)
    return jnp.moveaxis(won & among, -1, axis)


def _check_k(k: int):
    if k < 1:
        raise ValueError(f"`k` must be a positive integer; got {k}.")
