"""Classic systems, vector fields `f(t, y, args)` of states `(..., D)`.

Their coefficients are fields: a Python number is a constant, an array is trained.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._typing import Scalar, typed


@typed
class Linear2D(eqx.Module):
    r"""A spiral into the origin: $\dot x = a x + b y$, $\dot y = -b x + a y$.

    From (3, -1.5), for example.
    """

    a: Scalar = -0.1
    b: Scalar = 2.0

    @typed
    def __call__(
        self, t: Any, y: Float[Array, "*batch 2"], args: Any = None
    ) -> Float[Array, "*batch 2"]:
        return _rotated(self.a, self.b, y[..., 0], y[..., 1])


@typed
class Cubic2D(eqx.Module):
    r"""A damped oscillator that is cubic: $\dot x = a x^3 + b y^3$,
    $\dot y = -b x^3 + a y^3$.

    From (2, 0), for example.
    """

    a: Scalar = -0.1
    b: Scalar = 2.0

    @typed
    def __call__(
        self, t: Any, y: Float[Array, "*batch 2"], args: Any = None
    ) -> Float[Array, "*batch 2"]:
        return _rotated(self.a, self.b, y[..., 0] ** 3, y[..., 1] ** 3)


@typed
class Linear3D(eqx.Module):
    r"""A spiral that shrinks along its axis: $\dot x = a x + b y$,
    $\dot y = -b x + a y$, $\dot z = c z$.

    From (1, 1, -1), for example.
    """

    a: Scalar = -0.1
    b: Scalar = 2.0
    c: Scalar = -0.3

    @typed
    def __call__(
        self, t: Any, y: Float[Array, "*batch 3"], args: Any = None
    ) -> Float[Array, "*batch 3"]:
        plane = _rotated(self.a, self.b, y[..., 0], y[..., 1])
        return jnp.concatenate([plane, self.c * y[..., 2:]], -1)


@typed
class Lorenz(eqx.Module):
    r"""Convection, and chaos (Lorenz, 1963): $\dot x = \sigma (y - x)$,
    $\dot y = x (\rho - z) - y$, $\dot z = x y - \beta z$.

    From (-8, 7, 27), for example.
    """

    sigma: Scalar = 10.0
    rho: Scalar = 28.0
    beta: Scalar = 8 / 3

    @typed
    def __call__(
        self, t: Any, y: Float[Array, "*batch 3"], args: Any = None
    ) -> Float[Array, "*batch 3"]:
        x, y, z = y[..., 0], y[..., 1], y[..., 2]
        return jnp.stack(
            [self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z], -1
        )


@typed
class Oscillator(eqx.Module):
    r"""Two modes that drive a third:
    $\dot x = \mu_1 x + \sigma x y$,
    $\dot y = \mu_2 y + (\omega + \alpha y + \beta z) z - \sigma x^2$,
    $\dot z = \mu_2 z - (\omega + \alpha y + \beta z) y$.

    From (0.5, 0.05, 0.1), for example.
    """

    mu1: Scalar = 0.05
    mu2: Scalar = -0.01
    omega: Scalar = 3.0
    alpha: Scalar = -2.0
    beta: Scalar = -5.0
    sigma: Scalar = 1.1

    @typed
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
