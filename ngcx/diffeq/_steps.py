"""One step of time. All steps share a signature, and take pytrees."""

from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Inexact, PyTree

from .._compiled import compiled
from .._module import Module
from .._numerics import rounded_like, widened_tree
from .._registry import lookup
from .._trees import difference
from .._typing import Scalar


# It is called as `f(t, y, args)`, and by `solve` with further keywords.
VectorField: TypeAlias = Callable[..., PyTree]
Step: TypeAlias = Callable[..., PyTree]


# What it takes to be a state of `solve`, and of a step, which is not always traced.
State: TypeAlias = PyTree[Inexact[Array, "..."]]
GivenState: TypeAlias = PyTree[Inexact[Array, "..."] | Inexact[np.ndarray, "..."]]


class RungeKutta(Module):
    r"""An explicit method of Runge and Kutta, given by its Butcher tableau: a step
    evaluates the vector field at $s$ stages and adds up their slopes,

    $$k_i = f\Big(t + c_i \Delta t, \; y + \Delta t \sum_{j < i} a_{ij} k_j\Big),
    \qquad y(t + \Delta t) \approx y + \Delta t \sum_i b_i k_i,$$

    where $c_i = \sum_j a_{ij}$. The tableau is written as

    $$\begin{array}{c|cccc}
        0 \\
        c_2 & a_{21} \\
        c_3 & a_{31} & a_{32} \\
        c_4 & a_{41} & a_{42} & a_{43} \\ \hline
        & b_1 & b_2 & b_3 & b_4
    \end{array}$$

    and the two fields are what is right of the vertical line: `rows` above, `weights`
    below. The usual methods are ready-made:

    | method | order | stages | what it is |
    | --- | --- | --- | --- |
    | `euler` | 1 | 1 | Euler's step (Euler, 1768) |
    | `midpoint` | 2 | 2 | the explicit midpoint rule (Runge, 1895) |
    | `heun` | 2 | 2 | the trapezoidal rule made explicit (Heun, 1900) |
    | `ralston` | 2 | 2 | the method with the least error bound (Ralston, 1962) |
    | `rk4` | 4 | 4 | the classic step of Runge and Kutta (Kutta, 1901) |

    **Arguments:**

    - `rows`: the coefficients $a_{ij}$ of all stages but the first, a row of
        $i - 1$ numbers for stage $i$.
    - `weights`: the weights $b_i$ of the slopes, one for each stage; their sum is 1.

    They are constants of the compiled program.

    !!! example

        Kutta's method of order 3, made by hand:

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import RungeKutta
        >>> kutta3 = RungeKutta(rows=((1 / 2,), (-1, 2)), weights=(1 / 6, 2 / 3, 1 / 6))
        >>> def decay(t, y, args):
        ...     return -y
        >>> print(kutta3(decay, 0.0, jnp.ones(2), 0.1))
        [0.9048333 0.9048333]

        ```
    """

    rows: tuple[tuple[float | int, ...], ...] = eqx.field(static=True)
    weights: tuple[float | int, ...] = eqx.field(static=True)

    def __check_init__(self):
        lengths = [len(row) for row in self.rows]
        if lengths != list(range(1, len(lengths) + 1)):
            raise ValueError(
                "`rows` must have 1, 2, 3 and so on numbers, one row for each stage "
                f"after the first; got rows of {lengths}."
            )
        stages = len(self.rows) + 1
        if len(self.weights) != stages or not abs(sum(self.weights) - 1) < 1e-6:
            raise ValueError(
                f"`weights` must be {stages} numbers, one for each stage, whose sum is "
                f"1; got {self.weights}."
            )

    # A step is not compiled, because it is mostly taken inside a program of `solve` or
    # of the user, and because `args` may hold anything.
    @compiled(jit=False)
    def __call__(
        self,
        f: VectorField,
        t: Scalar,
        y: GivenState,
        dt: Scalar,
        args: PyTree = None,
        *,
        y_scale: Scalar = 1.0,
    ) -> PyTree:
        """Takes one step.

        **Arguments:**

        - `f`: the vector field `f(t, y, args)`, as in diffrax. It returns the
            derivative of `y`, in the same structure and shapes.
        - `t`: the time before the step.
        - `y`: the state, a pytree of floating-point or complex arrays. Half precisions
            are computed in float32, which is what `f` is given, and rounded once.
        - `dt`: the length of the step.
        - `args`: is handed on to `f`.
        - `y_scale`: multiplies the state to which a step adds, at every stage. A value
            below 1 dampens.

        **Returns:** the state at `t + dt`, in the dtypes of `y`.

        **Raises:** `TypeError` for a derivative of another structure or shape than `y`,
        and for a complex one of a real `y`, or the other way round.
        """
        before = y
        t, y, dt = widened_tree((t, y, dt))
        slopes = [_slope(f, t, y, args)]
        if not isinstance(y_scale, float | int) or y_scale != 1:
            y = jtu.tree_map(lambda leaf: jnp.asarray(y_scale, leaf.dtype) * leaf, y)
        for row in self.rows:
            stage = _plus(y, dt, row, slopes)
            slopes.append(_slope(f, t + sum(row) * dt, stage, args))
        return rounded_like(_plus(y, dt, self.weights, slopes), before)


euler = RungeKutta(rows=(), weights=(1,))
r"""Euler's step, $y + \Delta t \, f(t, y)$, of order 1 (Euler, 1768)."""
midpoint = RungeKutta(rows=((1 / 2,),), weights=(0, 1))
"""The explicit midpoint rule, of order 2 (Runge, 1895)."""
heun = RungeKutta(rows=((1,),), weights=(1 / 2, 1 / 2))
"""Heun's step, the trapezoidal rule made explicit, of order 2 (Heun, 1900)."""
ralston = RungeKutta(rows=((2 / 3,),), weights=(1 / 4, 3 / 4))
"""Ralston's step, of order 2 with the least bound of its error (Ralston, 1962)."""
rk4 = RungeKutta(
    rows=((1 / 2,), (0, 1 / 2), (0, 0, 1)), weights=(1 / 6, 1 / 3, 1 / 3, 1 / 6)
)
"""The classic step of Runge and Kutta, of order 4 (Kutta, 1901)."""


# A step is not compiled, for the reasons given above.
@compiled(jit=False)
def leapfrog(
    f: VectorField,
    t: Scalar,
    y: tuple[GivenState, GivenState],
    dt: Scalar,
    args: PyTree = None,
) -> PyTree:
    r"""A step of positions and momenta (kick, drift, kick), of order 2.

    It is symplectic: the energy of a Hamiltonian system stays near its first value for
    all times. The derivative of the positions must depend on the momenta alone, and
    that of the momenta on the positions alone.

    **Arguments:**

    - `f`: the vector field; of `(q, p)` it returns $(\dot q, \dot p)$.
    - `t`, `dt`, `args`: as for [`ngcx.diffeq.RungeKutta`][].
    - `y`: positions and momenta `(q, p)`, pytrees of the same structure, with the
        dtypes that a step of `RungeKutta` takes.

    **Returns:** positions and momenta at `t + dt`.

    **Raises:** what [`ngcx.diffeq.RungeKutta`][] raises.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import leapfrog
        >>> q, p = jnp.array(1.0), jnp.array(0.0)  # a spring
        >>> for _ in range(63):
        ...     q, p = leapfrog(lambda t, y, args: (y[1], -y[0]), 0.0, (q, p), 0.1)
        >>> print(q.round(2), (q**2 + p**2).round(2))
        1.0 1.0

        ```
    """
    t, (q, p), dt = widened_tree((t, y, dt))
    half = dt / 2
    p = _plus(p, half, (1,), [_slope(f, t, (q, p), args)[1]])
    q = _plus(q, dt, (1,), [_slope(f, t + half, (q, p), args)[0]])
    p = _plus(p, half, (1,), [_slope(f, t + dt, (q, p), args)[1]])
    return rounded_like((q, p), y)


def create(name: str) -> Step:
    """Returns the step of the given name: `"euler"` or `"rk1"`, `"midpoint"` or
    `"rk2"`, `"heun"` or `"rk2_heun"`, `"ralston"` or `"rk2_ralston"`, `"rk4"`,
    `"leapfrog"`.

    **Arguments:**

    - `name`: the name of a step: `"euler"` or `"rk1"`, `"midpoint"` or `"rk2"`,
        `"heun"` or `"rk2_heun"`, `"ralston"` or `"rk2_ralston"`, `"rk4"`, `"leapfrog"`.

    **Returns:** the step, a function of `(f, t, y, dt, args)`.

    **Raises:** `ValueError` for any other name; the message says which one is nearest.

    **See also:** [`ngcx.activations.create`][], [`ngcx.surrogate.create`][] and
    [`ngcx.optim.create`][], which know the names of their own subpackages.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.diffeq import create
        >>> step = create("rk4")
        >>> print(step(lambda t, y, args: -y, 0.0, jnp.array(1.0), 0.1))
        0.9048375

        ```
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


def _slope(f: VectorField, t, y, args) -> PyTree:
    """The derivative of `y`, which must look like it."""
    derivative = f(t, y, args)
    if jtu.tree_structure(derivative) == jtu.tree_structure(y):
        derivative = jtu.tree_map(_as_real_as, derivative, y)
    problem = difference(derivative, y)
    if problem is None:
        return derivative
    cure = ""
    if eqx.is_array(y) and isinstance(derivative, list | tuple):
        cure = "\nMake an array of it with `jnp.stack`."
    elif eqx.is_array(derivative) and isinstance(y, list | tuple):
        cure = "\nMake an array of the state at the start, with `jnp.asarray`."
    elif "complex" in problem:
        cure = "\nMake the state complex at the start, or the derivative real."
    raise TypeError(
        "`f` must return a derivative of the structure, shapes and dtypes of `y`; "
        f"{problem}.{cure}"
    )


def _as_real_as(derivative, y):
    """A derivative in the dtype of `y`: it may have another one, such as that of time,
    but no imaginary part may be dropped.
    """
    same = jnp.iscomplexobj(derivative) == jnp.iscomplexobj(y)
    return jnp.asarray(derivative, y.dtype if same else None)


def _plus(y, dt, weights, slopes):
    """`y` and `dt` times the weighted sum of slopes."""
    terms = [(w, k) for w, k in zip(weights, slopes, strict=True) if w]

    def leaf(y, *slopes):
        length = jnp.asarray(dt, y.dtype)
        # Weights times dt are constants of a loop; slopes times weights are not.
        return y + sum(
            (w * length) * k for (w, _), k in zip(terms, slopes, strict=True)
        )

    return jtu.tree_map(leaf, y, *(slope for _, slope in terms))
