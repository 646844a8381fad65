"""Classic systems, vector fields `f(t, y, args)` of states `(..., D)`.

Their coefficients are fields: a Python number is a constant, an array is trained. They
are not compiled (`jit=False`), because `args`, which they ignore, may hold anything.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled
from .._module import Module
from .._typing import Scalar


class Linear2D(Module):
    r"""A spiral into the origin: $\dot x = a x + b y$, $\dot y = -b x + a y$.

    A usual start is (3, -1.5).
    """

    a: Scalar = -0.1
    b: Scalar = 2.0

    @compiled(jit=False)
    def __call__(
        self, t: Any, y: Float[Array, "*batch 2"], args: Any = None
    ) -> Float[Array, "*batch 2"]:
        return _rotated(self.a, self.b, y[..., 0], y[..., 1])


class Cubic2D(Module):
    r"""A damped oscillator that is cubic: $\dot x = a x^3 + b y^3$,
    $\dot y = -b x^3 + a y^3$.

    A usual start is (2, 0).
    """

    a: Scalar = -0.1
    b: Scalar = 2.0

    @compiled(jit=False)
    def __call__(
        self, t: Any, y: Float[Array, "*batch 2"], args: Any = None
    ) -> Float[Array, "*batch 2"]:
        return _rotated(self.a, self.b, y[..., 0] ** 3, y[..., 1] ** 3)


class Linear3D(Module):
    r"""A spiral that shrinks along its axis: $\dot x = a x + b y$,
    $\dot y = -b x + a y$, $\dot z = c z$.

    A usual start is (1, 1, -1).
    """

    a: Scalar = -0.1
    b: Scalar = 2.0
    c: Scalar = -0.3

    @compiled(jit=False)
    def __call__(
        self, t: Any, y: Float[Array, "*batch 3"], args: Any = None
    ) -> Float[Array, "*batch 3"]:
        plane = _rotated(self.a, self.b, y[..., 0], y[..., 1])
        return jnp.concatenate([plane, self.c * y[..., 2:]], -1)


class Lorenz(Module):
    r"""Convection, and chaos (Lorenz, 1963): $\dot x = \sigma (y - x)$,
    $\dot y = x (\rho - z) - y$, $\dot z = x y - \beta z$.

    A usual start is (-8, 7, 27).
    """

    sigma: Scalar = 10.0
    rho: Scalar = 28.0
    beta: Scalar = 8 / 3

    @compiled(jit=False)
    def __call__(
        self, t: Any, y: Float[Array, "*batch 3"], args: Any = None
    ) -> Float[Array, "*batch 3"]:
        x, y, z = y[..., 0], y[..., 1], y[..., 2]
        return jnp.stack(
            [self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z], -1
        )


class Oscillator(Module):
    r"""Two modes that drive a third:
    $\dot x = \mu_1 x + \sigma x y$,
    $\dot y = \mu_2 y + (\omega + \alpha y + \beta z) z - \sigma x^2$,
    $\dot z = \mu_2 z - (\omega + \alpha y + \beta z) y$.

    A usual start is (0.5, 0.05, 0.1).
    """

    mu1: Scalar = 0.05
    mu2: Scalar = -0.01
    omega: Scalar = 3.0
    alpha: Scalar = -2.0
    beta: Scalar = -5.0
    sigma: Scalar = 1.1

    @compiled(jit=False)
    def __call__(
        self, t: Any, y: Float[Array, "*batch 3"], args: Any = None
    ) -> Float[Array, "*batch 3"]:
        x, y, z = y[..., 0], y[..., 1], y[..., 2]
        turn = self.omega + self.alpha * y + self.beta * z
        return jnp.stack(
            [
                self.mu1 * x + self.sigma * x * y,
                self.mu2 * y + turn * z - self.sigma * x * x,
                self.mu2 * z - turn * y,
            ],
            -1,
        )


def _rotated(a, b, x, y):
    return jnp.stack([a * x + b * y, a * y - b * x], -1)


linear_2d = Linear2D()
"""`Linear2D` with its usual coefficients."""
cubic_2d = Cubic2D()
"""`Cubic2D` with its usual coefficients."""
linear_3d = Linear3D()
"""`Linear3D` with its usual coefficients."""
lorenz = Lorenz()
"""`Lorenz` with its usual coefficients."""
oscillator = Oscillator()
"""`Oscillator` with its usual coefficients."""
