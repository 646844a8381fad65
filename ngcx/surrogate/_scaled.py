"""Functions S(a x) of one curve S, to the second derivative in x and in a."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._closed_form import with_partials


Curve = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]
Scaled = Callable[[Float[Array, "*shape"], Any], Float[Array, "*shape"]]


def squared(factor: Curve) -> Callable:
    """The square of a factor, as two factors."""

    def both(u):
        once = factor(u)
        return once, once

    return both


def scaled(
    value: Curve,
    decay: Callable,
    first: Curve,
    second: Curve,
    spread: Curve,
    limit: float | None = None,
    exponent: Curve | None = None,
) -> tuple[Scaled, Scaled]:
    r"""Functions of $(x, a)$: $S(a x)$, and its derivative in $x$, $a S'(a x)$.

    The curve is stated as $S(u)$, with $S'(u) = p q s_1$, $S''(u) = p q s_2$ and $S' +
    u S'' = p q s_3$, where `decay` gives both $p$ and $q$, and the $s$ are `first`,
    `second` and `spread`. The last two are asked for $u \ge 0$ only, as $S'$ is even
    and $a$ is positive. Only $p$ and $q$ become small soon. A large $x$ or $a$ is
    multiplied with each of them before it meets other factors, so that a product is 0
    or infinite only if the true one is.

    Beyond `limit` they are 0, and nothing changes any more. An exponential $p = q$ is
    flushed to 0 where a square of $x$ or $a$ may still meet it: far out, it is $e^{-t}$
    where `exponent` gives $t$, in two halves.
    """

    def parts(x, a):
        bound = float(jnp.finfo(x.dtype).max) / 4 if limit is None else limit
        u = jnp.clip(a * x, -bound, bound)
        return u, *decay(u)

    def weighed(factor, u, p):
        if exponent is None:
            return factor * p
        half = jnp.exp(-exponent(u) / 2)
        return jnp.where(exponent(u) > 32, factor * half * half, factor * p)

    def total(x, a):
        return value(a * x)

    def slope(x, a):
        u, p, q = parts(x, a)
        return (a * p) * (q * first(u))

    def by_a(x, a):
        u, p, q = parts(x, a)
        return (x * p) * (q * first(u))

    def bend(x, a):
        u, p, q = parts(jnp.abs(x), a)
        # The sign is that of x, since a tiny a x is flushed to 0.
        return jnp.sign(x) * (weighed(a, u, p) * second(u)) * weighed(a, u, q)

    def mixed(x, a):
        u, p, q = parts(jnp.abs(x), a)
        return p * (q * spread(u))

    def bend_in_a(x, a):
        u, p, q = parts(jnp.abs(x), a)
        return jnp.sign(x) * (weighed(x, u, p) * second(u)) * weighed(x, u, q)

    by_a = with_partials(by_a, mixed, bend_in_a)
    slope = with_partials(slope, bend, mixed)
    return with_partials(total, slope, by_a), slope
