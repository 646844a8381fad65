"""A pseudo-random permutation, one element at a time.

A keyed Feistel network permutes a grid of a·b cells, where a is about the square root
of n and b the smallest number with which n cells fit. Where it leaves 0..n-1, it is
applied again, which happens to about one index in √n (cycle walking; Black and Rogaway,
*Ciphers with arbitrary finite domains*, 2002).

On a grid of a few cells, the moves of such a network are too few for every order to be
as likely. Fewer than 64 elements are therefore put into the order of their hashes,
which takes no more than 64 words of memory.
"""

import math
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.core import Tracer, eval_context
from jaxtyping import Array, Int, Integer, PRNGKeyArray

from .._compiled import compiled
from .._typing import Must


_ROUNDS = 8
# The network passes tests of pairs and of parity from this length on, a power of 2. For
# the square of an odd number all its moves are even, and so are the orders.
_NETWORK_FROM = 64

Length = Annotated[int, Must("from 1 to 2**62", lambda n: 1 <= n <= 2**62)]


# This is not compiled, since numpy computes what comes from the host.
@compiled(jit=False)
def random_permutation_index(
    key: PRNGKeyArray,
    i: int | np.integer | Integer[np.ndarray, "*shape"] | Integer[Array, "*shape"],
    n: Length,
) -> Int[np.ndarray, "*shape"] | Int[Array, "*shape"]:
    """The element at position `i` of a random permutation of 0, ..., n - 1.

    It takes O(1) time and memory, however large `n` is, because the permutation is
    never stored.

    **Arguments:**

    - `key`: chooses the permutation.
    - `i`: positions, each from 0 to n - 1. In a JAX array, positions beyond count as
        the nearest valid one. A Python number or a numpy array is handled by numpy on
        the host, with the same result.
    - `n`: the length. From 2^31 on, JAX must be in 64-bit mode.

    **Returns:** the elements, of the shape of `i`, in int32 (int64 for `n` from 2^31
    on).

    **Raises:** `ValueError` for an `i` out of range.

    !!! example

        ```python
        >>> import jax
        >>> import numpy as np
        >>> from ngcx.data import random_permutation_index
        >>> order = random_permutation_index(jax.random.key(0), np.arange(5), 5)
        >>> sorted(order.tolist())
        [0, 1, 2, 3, 4]

        ```
    """
    on_host = not isinstance(i, jax.Array) and not isinstance(key, Tracer)
    if on_host:
        i = np.asarray(i)
        if np.any((i < 0) | (i >= n)):
            raise ValueError(f"`i` must be from 0 to {n - 1}; got {i}.")
        # The key may come from outside of a function that is being traced.
        with eval_context():
            words = np.asarray(jr.key_data(key))
        # The indices are made flat, because scalars of numpy warn where they overflow.
        return _permuted(words, i.reshape(-1), n, np).reshape(i.shape)
    check_index_width(n, "`n`")
    return _permuted_on_device(jr.key_data(key), jnp.asarray(i), n)


def check_index_width(n: int, name: str):
    """JAX has no index of more than 32 bits unless it is told to."""
    if n >= 2**31 and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise ValueError(f"{name} must be below 2**31 without jax_enable_x64; got {n}.")


def _permuted(words, i, n: int, xp: Any):
    words = words.astype(xp.uint32)
    if n < _NETWORK_FROM:
        return _sorted(words, i, n, xp)
    dtype, out = (xp.uint64, xp.int64) if n >= 2**31 else (xp.uint32, xp.int32)
    rows = math.isqrt(n - 1) + 1
    columns = -(-n // rows)
    keys = _hashed(xp.arange(_ROUNDS, dtype=xp.uint32), words, xp)

    def shuffle(x):
        high = x // dtype(columns)
        low = x - high * dtype(columns)  # a second division would cost ten times this
        for step in range(0, _ROUNDS, 2):
            high = _shifted(high, low, keys[step], rows, xp)
            low = _shifted(low, high, keys[step + 1], columns, xp)
        return high * dtype(columns) + low

    x = shuffle(i.astype(dtype))
    if rows * columns > n:
        x = _walk(shuffle, x, dtype(n), xp)
    return x.astype(out)


@compiled(static=("n",))
def _permuted_on_device(words, i, n: int):
    # An index out of range would walk for minutes. The dtype in which it is brought
    # into the range holds the length as well as the index.
    wide = n >= 2**31 or i.dtype.itemsize > 4
    i = jnp.maximum(i, 0).astype(jnp.uint64 if wide else jnp.uint32)
    i = jnp.minimum(i, n - 1)
    if i.ndim == 0:
        return _permuted(words, i, n, jnp)
    # XLA does not vectorise over an odd number of elements, so that padding takes a
    # prime number of them to a seventh of the time.
    width = i.shape[-1]
    padded = jnp.pad(i, [(0, 0)] * (i.ndim - 1) + [(0, -width % 8)])
    return _permuted(words, padded, n, jnp)[..., :width]


def _sorted(words, i, n: int, xp):
    """The element at position `i` of 0..n-1 in the order of their hashes."""
    elements = xp.arange(n, dtype=xp.uint32)
    # One pass mixes the last word of a key only once, which relates the orders of
    # neighbouring keys.
    hashes = _hashed(_hashed(elements, words, xp), words, xp)
    # Each hash gives its last six bits to the element. So no two are equal, and a sort
    # of single words, which is several times faster than one of pairs, does.
    element = xp.uint32(_NETWORK_FROM - 1)
    order = (xp.sort(hashes & ~element | elements) & element).astype(xp.int32)
    if xp is np:
        return order[i]
    # The positions are in range by now. On a mesh of explicit axes, JAX asks what
    # sharding the elements have.
    sharding = jax.typeof(i).sharding
    return order.at[i].get(mode="promise_in_bounds", out_sharding=sharding)


def _walk(shuffle, x, n, xp):
    """Shuffles again what lies outside of 0..n-1, until nothing does."""
    if xp is np:
        while (outside := x >= n).any():
            x[outside] = shuffle(x[outside])
        return x
    return jax.lax.while_loop(
        lambda x: jnp.any(x >= n), lambda x: jnp.where(x < n, x, shuffle(x)), x
    )


def _shifted(x, by, key, size: int, xp):
    """`x` plus a hash of `by`, modulo `size`."""
    bits = _mixed(by.astype(xp.uint32) ^ key, xp)
    # The hash has 32 bits. Multiplied by the size and shifted right by 32, it is below
    # the size, and no division is needed.
    if x.dtype == xp.uint64:
        offset = (bits.astype(xp.uint64) * xp.uint64(size)) >> xp.uint64(32)
    else:
        # This is the same product in halves, so that 32 bits suffice; the size is below
        # 2^16.
        size_, half = xp.uint32(size), xp.uint32(16)
        low = (bits & xp.uint32(0xFFFF)) * size_ >> half
        offset = ((bits >> half) * size_ + low) >> half
    total = x + offset
    # Where the total is below the size, the difference wraps around to above it.
    return xp.minimum(total, total - x.dtype.type(size))


def _hashed(x, words, xp):
    """A hash of 32 bits by the words of a key of JAX, one to one in `x`."""
    x = x * xp.uint32(0x9E3779B9)
    for word in words:
        x = _mixed(x ^ word, xp) + xp.uint32(0x7F4A7C15)
    return x


def _mixed(x, xp):
    """The finaliser of MurmurHash3 (Appleby, 2011), a bijection of 32 bits."""
    x = (x ^ (x >> xp.uint32(16))) * xp.uint32(0x85EBCA6B)
    x = (x ^ (x >> xp.uint32(13))) * xp.uint32(0xC2B2AE35)
    return x ^ (x >> xp.uint32(16))
