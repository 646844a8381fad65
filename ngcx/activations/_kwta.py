import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .._closed_form import closed_form
from .._compiled import compiled
from .._typing import Count
from ._base import AbstractActivation


class BinaryKWTA(AbstractActivation):
    r"""k winners take all: $f(x)_i = 1$ if $x_i$ is one of the $k$ largest entries
    along `axis`, else $0$. Its derivative is $f$ itself: gradients reach the winners.

    Exactly `k` win; among equals the first.

    **Arguments:**

    - `k`: how many win; at most the size of the axis.
    - `axis`: the axis along which the entries compete.

    **See also:** [`ngcx.activations.KWTA`][], which keeps the values.

    ??? cite "Reference"
        Majani, Erlanson and Abu-Mostafa, *On the k-winners-take-all network*, NIPS
        1988.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import BinaryKWTA
        >>> print(BinaryKWTA(k=2)(jnp.array([0.1, 3.0, -2.0, 1.0])))
        [0. 1. 0. 1.]

        ```
    """

    k: Count = eqx.field(static=True)
    axis: int = eqx.field(static=True, default=-1)
    equation = r"1[x_i \text{ is one of the } k \text{ largest}]"

    @compiled
    def __call__(
        self,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
        where: Bool[Array, "..."] | None = None,
    ) -> Float[Array, "*shape"]:
        """Computes 1 for the winners and 0 for the others, in the dtype of `x`.

        `where`, of a shape that broadcasts to that of `x`, says which entries compete.
        The others lose and may hold anything, even NaN. If fewer than `k` compete, all
        of them win.
        """
        return _straight_through(winners(x, self.k, self.axis, where), x)

    @compiled
    def derivative(
        self, x: Float[Array, "*shape"], *, where: Bool[Array, "..."] | None = None
    ) -> Float[Array, "*shape"]:
        """Computes 1 for the winners and 0 for the others, in the dtype of `x`."""
        return winners(x, self.k, self.axis, where).astype(x.dtype)


class KWTA(AbstractActivation):
    r"""k winners take all: $f(x)_i = x_i$ if $x_i$ is one of the $k$ largest entries
    along `axis`, else $0$, with $f'(x)_i = 1$ for the winners and $0$ elsewhere.

    Exactly `k` win; among equals the first. With `groups`, `k` win in each group (or
    all, in a smaller group), and entries that are in no group lose.

    **Arguments:**

    - `k`: how many win, in each group if there are groups.
    - `axis`: the axis along which the entries compete.
    - `groups`: which entries along `axis` belong to each group. If it is not given, all
        entries are one group, and `k` is at most the size of the axis.

    **See also:** [`ngcx.activations.BinaryKWTA`][], which gives ones.

    ??? cite "Reference"
        Majani, Erlanson and Abu-Mostafa, *On the k-winners-take-all network*, NIPS
        1988; Makhzani and Frey, *k-Sparse autoencoders*, ICLR 2014.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import KWTA
        >>> print(KWTA(k=2)(jnp.array([0.1, 3.0, -2.0, 1.0])))
        [0. 3. 0. 1.]

        ```
    """

    k: Count = eqx.field(static=True)
    axis: int = eqx.field(static=True, default=-1)
    groups: Bool[Array, "groups size"] | None = None
    equation = r"x_i \, 1[x_i \text{ is one of the } k \text{ largest}]"

    @compiled
    def __call__(
        self,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
        where: Bool[Array, "..."] | None = None,
    ) -> Float[Array, "*shape"]:
        """Computes `x` for the winners and 0 for the others.

        `where`, of a shape that broadcasts to that of `x`, says which entries compete.
        The others lose and may hold anything, even NaN. If fewer than `k` compete, all
        of them win.
        """
        return jnp.where(self._winners(x, where), x, 0)

    @compiled
    def derivative(
        self, x: Float[Array, "*shape"], *, where: Bool[Array, "..."] | None = None
    ) -> Float[Array, "*shape"]:
        """Computes 1 for the winners and 0 for the others, in the dtype of `x`."""
        return self._winners(x, where).astype(x.dtype)

    def _winners(self, x, where):
        if self.groups is None:
            return winners(x, self.k, self.axis, where)
        size, columns = x.shape[self.axis], self.groups.shape[-1]
        if columns != size:
            raise ValueError(
                f"`groups` must have a column for each of the {size} entries along the "
                f"axis; got {columns}."
            )
        compete = jnp.broadcast_to(True if where is None else where, x.shape)
        along_axis = [1] * x.ndim
        along_axis[self.axis] = size

        def of_group(group):
            among = compete & group.reshape(along_axis)
            return winners(x, self.k, self.axis, among)

        return jnp.any(jax.vmap(of_group)(self.groups), axis=0)


def _as_numbers(won, x):
    return won.astype(x.dtype)


_straight_through, _ = closed_form(_as_numbers, _as_numbers)


# So few winners are found faster by `lax.top_k`, on the CPU in float32 alone.
_FEW = 64


def winners(x, k, axis, among=None):
    """Which entries are the `k` largest along `axis`, of those that are `among`; all of
    them where they are fewer.
    """
    shape, size = x.shape, x.shape[axis]
    x = jnp.moveaxis(jax.lax.stop_gradient(x), axis, -1)
    wins = k
    if among is not None:
        among = jnp.moveaxis(jnp.broadcast_to(among, shape), axis, -1)
        wins = jnp.minimum(k, jnp.sum(among, -1, keepdims=True, dtype=jnp.int32))
    elif k > size:
        raise ValueError(f"`k` must be at most the axis's {size} entries; got {k}.")

    def keys():
        # They are computed again where they are used, which is faster than to store
        # them. No number has a key as small as that of what does not compete.
        integers = _ordered_integers(x)
        least = jnp.iinfo(integers.dtype).min
        return integers if among is None else jnp.where(among, integers, least)

    if among is None and k <= _FEW and k < size and x.dtype == jnp.float32:
        # The barrier keeps XLA from making a sort of it, which takes 40 times as long.
        largest = jax.lax.optimization_barrier(jax.lax.top_k(x, k + 1)[0])
        least, next_one = jnp.split(_ordered_integers(largest[..., -2:]), 2, -1)
        tied = least == next_one
    else:
        least, tied = _bisect(keys(), wins)

    def all_that_reach():
        return keys() >= least

    def first_of_equals():
        larger, equal = keys() > least, keys() == least
        missing = wins - jnp.sum(larger, axis=-1, keepdims=True, dtype=jnp.int32)
        rank = jnp.cumsum(equal, axis=-1, dtype=jnp.int32)
        return larger | (equal & (rank <= missing))

    if among is None:
        won = jax.lax.cond(jnp.any(tied), first_of_equals, all_that_reach)
    else:
        # A condition that is mapped over the groups would compute both.
        won = first_of_equals() & among
    return jnp.moveaxis(won, -1, axis)


def _bisect(keys, k):
    """The k-th largest of integers, or what as many reach; whether more reach it."""

    # At least k entries reach low (`winning` is how many), and fewer than k reach high.
    # The search is over where exactly k do, or where low is the k-th largest and has
    # equals.
    def unfinished(state):
        low, high, winning = state
        return jnp.any((winning != k) & (low + 1 < high))

    def halve(state):
        low, high, winning = state
        middle = (low & high) + ((low ^ high) >> 1)  # their mean, without overflow
        reached = _count(keys, middle)
        enough = reached >= k
        return (
            jnp.where(enough, middle, low),
            jnp.where(enough, high, middle),
            jnp.where(enough, reached, winning),
        )

    low = jnp.min(keys, axis=-1, keepdims=True)
    high = jnp.max(keys, axis=-1, keepdims=True) + 1
    state = low, high, jnp.full_like(low, keys.shape[-1], "int32")
    low, _, winning = jax.lax.while_loop(unfinished, halve, state)
    return low, winning > k


def _count(keys, threshold):
    """How many reach a threshold."""
    return jnp.sum(keys >= threshold, axis=-1, keepdims=True, dtype=jnp.int32)


def _ordered_integers(x):
    """The bits of floating-point numbers, read as integers of the same order."""
    bits = jax.lax.bitcast_convert_type(x, jnp.dtype(f"int{8 * x.dtype.itemsize}"))
    # -0 equals 0, which `x == 0` cannot tell, as it may hold for subnormal numbers too.
    bits = jnp.where(bits == jnp.iinfo(bits.dtype).min, 0, bits)
    return jnp.where(bits < 0, bits ^ jnp.iinfo(bits.dtype).max, bits)
