"""Classic systems, vector fields `f(t, y, args)` of states `(..., D)`.

Their coefficients are fields: a Python number is a constant, an array is trained. They
are not compiled (`jit=False`), because `args`, which they ignore, may hold anything.
Half precisions are computed in float32 and rounded once.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._typing import Scalar


Plane = Float[Array, "*batch 2"] | Float[np.ndarray, "*batch 2"]
Space = Float[Array, "*batch 3"] | Float[np.ndarray, "*batch 3"]


class Linear2D(Module):
    r"""A spiral into the origin: $\dot x = a x + b y$, $\dot y = -b x + a y$.

    A usual start is (3, -1.5).

    **Arguments:**

    - `a`: $a$, the damping where negative.
    - `b`: $b$, how fast it turns.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import Linear2D
        >>> print(Linear2D()(0.0, jnp.array([3.0, -1.5]), None).round(2))
        [-3.3  -5.85]

        ```
    """

    a: Scalar = -0.1
    b: Scalar = 2.0

    @compiled(jit=False)
    def __call__(self, t: Any, y: Plane, args: Any = None) -> Float[Array, "*batch 2"]:
        return _rounded(_rotated, self, y)


class Cubic2D(Module):
    r"""A damped oscillator that is cubic: $\dot x = a x^3 + b y^3$,
    $\dot y = -b x^3 + a y^3$.

    A usual start is (2, 0).

    **Arguments:**

    - `a`: $a$, the damping where negative.
    - `b`: $b$, how fast it turns.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.diffeq import Cubic2D
        >>> print(np.asarray(Cubic2D()(0.0, jnp.array([2.0, 0.0]), None)).round(2))
        [ -0.8 -16. ]

        ```
    """

    a: Scalar = -0.1
    b: Scalar = 2.0

    @compiled(jit=False)
    def __call__(self, t: Any, y: Plane, args: Any = None) -> Float[Array, "*batch 2"]:
        def field(c, x, y):
            return _rotated(c, x**3, y**3)

        return _rounded(field, self, y)


class Linear3D(Module):
    r"""A spiral that shrinks along its axis: $\dot x = a x + b y$,
    $\dot y = -b x + a y$, $\dot z = c z$.

    A usual start is (1, 1, -1).

    **Arguments:**

    - `a`: $a$, the damping in the plane where negative.
    - `b`: $b$, how fast it turns.
    - `c`: $c$, the damping along the axis where negative.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.diffeq import Linear3D
        >>> y = jnp.array([1.0, 1.0, -1.0])
        >>> print(np.asarray(Linear3D()(0.0, y, None)).round(2))
        [ 1.9 -2.1  0.3]

        ```
    """

    a: Scalar = -0.1
    b: Scalar = 2.0
    c: Scalar = -0.3

    @compiled(jit=False)
    def __call__(self, t: Any, y: Space, args: Any = None) -> Float[Array, "*batch 3"]:
        def field(c, x, y, z):
            return *_rotated(c, x, y), c.c * z

        return _rounded(field, self, y)


class Lorenz(Module):
    r"""The chaotic convection of Lorenz (1963): $\dot x = \sigma (y - x)$, $\dot y = x
    (\rho - z) - y$, $\dot z = x y - \beta z$.

    A usual start is (-8, 7, 27).

    **Arguments:**

    - `sigma`: $\sigma$, the Prandtl number.
    - `rho`: $\rho$, the Rayleigh number over its critical value; 28 is chaotic.
    - `beta`: $\beta$, the shape of the convection cells.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import Lorenz
        >>> print(Lorenz()(0.0, jnp.array([-8.0, 7.0, 27.0]), None).round(2))
        [ 150.  -15. -128.]

        ```
    """

    sigma: Scalar = 10.0
    rho: Scalar = 28.0
    beta: Scalar = 8 / 3

    @compiled(jit=False)
    def __call__(self, t: Any, y: Space, args: Any = None) -> Float[Array, "*batch 3"]:
        def field(c, x, y, z):
            return c.sigma * (y - x), x * (c.rho - z) - y, x * y - c.beta * z

        return _rounded(field, self, y)


class Oscillator(Module):
    r"""Two modes that drive a third:
    $\dot x = \mu_1 x + \sigma x y$,
    $\dot y = \mu_2 y + (\omega + \alpha y + \beta z) z - \sigma x^2$,
    $\dot z = \mu_2 z - (\omega + \alpha y + \beta z) y$.

    A usual start is (0.5, 0.05, 0.1).

    **Arguments:**

    - `mu1`: $\mu_1$, the growth of the slow mode.
    - `mu2`: $\mu_2$, the growth of the oscillation.
    - `omega`: $\omega$, its frequency where it is small.
    - `alpha`, `beta`: $\alpha$ and $\beta$, how the frequency depends on $y$ and on
        $z$.
    - `sigma`: $\sigma$, how strongly the modes are coupled.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import Oscillator
        >>> print(Oscillator()(0.0, jnp.array([0.5, 0.05, 0.1]), None).round(2))
        [ 0.05 -0.04 -0.12]

        ```
    """

    mu1: Scalar = 0.05
    mu2: Scalar = -0.01
    omega: Scalar = 3.0
    alpha: Scalar = -2.0
    beta: Scalar = -5.0
    sigma: Scalar = 1.1

    @compiled(jit=False)
    def __call__(self, t: Any, y: Space, args: Any = None) -> Float[Array, "*batch 3"]:
        def field(c, x, y, z):
            turn = c.omega + c.alpha * y + c.beta * z
            return (
                c.mu1 * x + c.sigma * x * y,
                c.mu2 * y + turn * z - c.sigma * x * x,
                c.mu2 * z - turn * y,
            )

        return _rounded(field, self, y)


# What follows gets the coefficients as fields of `c`, and the coordinates.
def _rotated(c, x, y):
    return c.a * x + c.b * y, c.a * y - c.b * x


def _rounded(field, system, y):
    """What the field says of the coefficients and coordinates, computed in a dtype that
    holds it.
    """
    dtype = wide_dtype(jnp.result_type(y))
    coefficients = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), system)
    coordinates = jnp.moveaxis(jnp.asarray(y, dtype), -1, 0)
    return jnp.stack(field(coefficients, *coordinates), -1).astype(jnp.result_type(y))


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
