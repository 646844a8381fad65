"""One step of time. All share a signature, and take pytrees."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, Float, PyTree

from .._registry import lookup
from .._typing import Scalar, typed


VectorField: TypeAlias = Callable[[Any, PyTree, PyTree], PyTree]
Step: TypeAlias = Callable[..., PyTree]


@typed
def euler(
    f: VectorField,
    t: Scalar,
    y: PyTree[Float[Array, "..."]],
    dt: Scalar,
    args: PyTree = None,
    *,
    y_scale: Scalar = 1.0,
) -> PyTree:
    r"""Euler's step, $y + \Delta t \, f(t, y)$, of order 1.

    **Arguments:**

    - `f`: the vector field `f(t, y, args)`, as in diffrax.
    - `t`: the time before the step.
    - `y`: the state, a pytree of arrays.
    - `dt`: the length of the step.
    - `args`: handed on to `f`.
    - `y_scale`: multiplies what a step adds to, at every stage: below 1 it dampens.

    **Returns:** the state at `t + dt`.
    """
    return _runge_kutta((), (1,), f, t, y, dt, args, y_scale)


@typed
def midpoint(
    f: VectorField,
    t: Scalar,
    y: PyTree[Float[Array, "..."]],
    dt: Scalar,
    args: PyTree = None,
    *,
    y_scale: Scalar = 1.0,
) -> PyTree:
    """The explicit midpoint rule, of order 2; see [`ngcx.diffeq.euler`][]."""
    return _runge_kutta(((1 / 2,),), (0, 1), f, t, y, dt, args, y_scale)


@typed
def heun(
    f: VectorField,
    t: Scalar,
    y: PyTree[Float[Array, "..."]],
    dt: Scalar,
    args: PyTree = None,
    *,
    y_scale: Scalar = 1.0,
) -> PyTree:
    """Heun's step, the trapezoidal rule made explicit, of order 2; see
    [`ngcx.diffeq.euler`][].
    """
    return _runge_kutta(((1,),), (1 / 2, 1 / 2), f, t, y, dt, args, y_scale)


@typed
def ralston(
    f: VectorField,
    t: Scalar,
    y: PyTree[Float[Array, "..."]],
    dt: Scalar,
    args: PyTree = None,
    *,
    y_scale: Scalar = 1.0,
) -> PyTree:
    """Ralston's step, of order 2 with the least bound of its error (Ralston, 1962); see
    [`ngcx.diffeq.euler`][].
    """
    return _runge_kutta(((2 / 3,),), (1 / 4, 3 / 4), f, t, y, dt, args, y_scale)


@typed
def rk4(
    f: VectorField,
    t: Scalar,
    y: PyTree[Float[Array, "..."]],
    dt: Scalar,
    args: PyTree = None,
    *,
    y_scale: Scalar = 1.0,
) -> PyTree:
    """The classic step of Runge and Kutta, of order 4; see [`ngcx.diffeq.euler`][]."""
    rows, weights = ((1 / 2,), (0, 1 / 2), (0, 0, 1)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    return _runge_kutta(rows, weights, f, t, y, dt, args, y_scale)


@typed
def leapfrog(
    f: VectorField,
    t: Scalar,
    y: tuple[PyTree[Float[Array, "..."]], PyTree[Float[Array, "..."]]],
    dt: Scalar,
    args: PyTree = None,
) -> PyTree:
    r"""A step of positions and momenta (kick, drift, kick), of order 2.

    It is symplectic: the energy of a Hamiltonian system stays near its first value for
    all times. The derivative of the positions must depend on the momenta alone, and
    that of the momenta on the positions alone.

    **Arguments:**

    - `f`: the vector field; of `(q, p)` it returns $(\dot q, \dot p)$.
    - `t`, `dt`, `args`: as for [`ngcx.diffeq.euler`][].
    - `y`: positions and momenta `(q, p)`, pytrees of one structure.

    **Returns:** positions and momenta at `t + dt`.
    """
    q, p = y
    half = dt / 2
    p = _plus(p, half, [(1, f(t, (q, p), args)[1])])
    q = _plus(q, dt, [(1, f(t + half, (q, p), args)[0])])
    p = _plus(p, half, [(1, f(t + dt, (q, p), args)[1])])
    return q, p


def create(name: str) -> Step:
    """The step of that name: `"euler"` or `"rk1"`, `"midpoint"` or `"rk2"`, `"heun"` or
    `"rk2_heun"`, `"ralston"` or `"rk2_ralston"`, `"rk4"`, `"leapfrog"`.

    **Raises:** `ValueError` for another name, with the nearest one.
    """
    return lookup("integrators", _STEPS, name)


_STEPS: dict[str, Step] = {
    "euler": euler,
    "rk1": euler,
    "midpoint": midpoint,
    "rk2": midpoint,
    "heun": heun,
    "rk2_heun": heun,
    "ralston": ralston,
    "rk2_ralston": ralston,
    "rk4": rk4,
    "leapfrog": leapfrog,
}


def _runge_kutta(rows, weights, f, t, y, dt, args, y_scale):
    """An explicit method, by its tableau."""
    slopes = [f(t, y, args)]
    if not isinstance(y_scale, float | int) or y_scale != 1:
        y = jtu.tree_map(lambda leaf: jnp.asarray(y_scale, leaf.dtype) * leaf, y)
    for row in rows:
        stage = _plus(y, dt, zip(row, slopes, strict=True))
        slopes.append(f(t + sum(row) * dt, stage, args))
    return _plus(y, dt, zip(weights, slopes, strict=True))


def _plus(y, dt, terms):
    """`y` and `dt` times the weighted sum of slopes."""
    weights, slopes = zip(*((w, k) for w, k in terms if w), strict=True)

    def leaf(y, *slopes):
        length = jnp.asarray(dt, y.dtype)
        # Weights times dt are constants of a loop; slopes times weights are not.
        total = sum((w * length) * k for w, k in zip(weights, slopes, strict=True))
        # The slopes may be wider than the state: time and arguments often are.
        return (y + total).astype(y.dtype)

    return jtu.tree_map(leaf, y, *slopes)
