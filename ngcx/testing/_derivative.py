import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import wide_dtype
from ..surrogate import AbstractSurrogate
from ._tolerance import check_close


def check_derivative(
    module,
    x: Float[Array, "*shape"],
    *,
    finite_differences: bool = True,
    ulps: float | int = 16,
) -> None:
    """Checks that the `derivative` of an activation or a surrogate is its derivative.

    At every entry of `x`:

    - `derivative(x)` is what reverse and forward mode give (for a surrogate through
      the spike and through `primitive`);
    - it and the value are those of a float64 evaluation, rounded to the dtype of `x`:
      never NaN, and infinite only where the true value is beyond the dtype's range
      (for float64, which is its own measure, only NaN is found);
    - the second derivative is finite likewise, in forward and in reverse mode;
    - in float64, the derivative lies between the difference quotients of both sides.

    **Arguments:**

    - `module`: has `derivative(x)`, an array of the shape of `x`, or the Jacobian over
      its last axis.
    - `x`: where to look.
    - `finite_differences`: switch off for straight-through derivatives, which are not
      the slope of the function by intention.
    - `ulps`: the error allowed, in units in the last place of the result and of `x`.

    **Raises:** `AssertionError` that shows the input, both values and the dtype.
    """
    name, dtype = type(module).__name__, x.dtype
    got = jax.tree.map(np.asarray, _evaluate(module, x))
    wide = np.asarray(x, np.float64)
    # XLA takes subnormal numbers for 0, on either side of a kink.
    wide = np.where(np.abs(wide) < jnp.finfo(wide_dtype(dtype)).tiny, 0, wide)
    with jax.enable_x64(True):
        exact = jax.tree.map(np.asarray, _evaluate(_widened(module), jnp.asarray(wide)))

    jacobian = exact["derivative"].ndim > x.ndim
    slack = _moved(exact["derivative"], wide, jacobian)
    check_close(
        f"{name}: the value", got["value"], exact["value"], slack, dtype, x, ulps
    )
    slack = _moved(exact["second derivative"], wide, jacobian)
    # A product with the Jacobian sums terms as large as its largest entry.
    products = slack + (max(1, np.max(np.abs(exact["derivative"]))) if jacobian else 0)
    for mode in _MODES:
        if mode in got:
            allowed = slack if mode == "derivative" else products
            check_close(
                f"{name}: {mode}",
                got[mode],
                exact["derivative"],
                allowed,
                dtype,
                x,
                ulps,
            )
    for mode in ("second derivative", "second derivative in reverse mode"):
        beyond = np.abs(exact[mode]) > jnp.finfo(dtype).max
        finite = np.isfinite(got[mode]) | beyond
        true = np.ones_like(finite)
        check_close(f"{name}: is the {mode} finite", finite, true, 0, dtype, x, 1)
    if finite_differences:
        _check_between(name, module, exact, wide)


_MODES = (
    "derivative",
    "reverse mode",
    "forward mode",
    "reverse mode through the spike",
    "forward mode through the spike",
)


@compiled(static=("module",))
def _evaluate(module, x):
    function, closed = _function(module), module.derivative(x)
    jacobian = closed.ndim > x.ndim
    results = {
        "value": function(x),
        "derivative": closed,
        "reverse mode": _reverse(function, x, jacobian),
        "forward mode": _forward(function, x, jacobian),
        "second derivative": _forward(module.derivative, x, jacobian),
        "second derivative in reverse mode": _sum_of_gradients(module.derivative, x),
    }
    if function is not module:
        results["reverse mode through the spike"] = _reverse(module, x, jacobian)
        results["forward mode through the spike"] = _forward(module, x, jacobian)
    return results


def _reverse(function, x, jacobian):
    if jacobian:
        return _by_row(jax.jacrev(function), x)
    return _sum_of_gradients(function, x)


def _sum_of_gradients(function, x):
    out, pull = jax.vjp(function, x)
    return pull(jnp.ones_like(out))[0]


def _forward(function, x, jacobian):
    if jacobian:
        return _by_row(jax.jacfwd(function), x)
    return jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


def _by_row(function, x):
    rows = jax.vmap(function)(x.reshape(-1, x.shape[-1]))
    return rows.reshape(*x.shape[:-1], *rows.shape[1:])


@compiled(static=("module",))
def _values_and_derivatives(module, places):
    return jax.vmap(lambda x: (_function(module)(x), module.derivative(x)))(places)


def _function(module):
    return module.primitive if isinstance(module, AbstractSurrogate) else module


def _check_between(name, module, exact, x):
    """Checks that the derivative is a difference quotient, up to what is allowed."""
    derivative = exact["derivative"]
    jacobian = derivative.ndim > x.ndim
    with np.errstate(over="ignore", invalid="ignore"):
        mean, allowed = _difference_quotients(module, exact, x, jacobian)
        allowed = allowed + 1e-6 * np.abs(derivative) + 1e-9
        far = np.abs(derivative - mean) > allowed
    wrong = np.argwhere(far & np.isfinite(mean))
    if len(wrong):
        at = tuple(wrong[0])
        # The input that is moved is the last axis of a Jacobian.
        moved = at[:-2] + at[-1:] if jacobian else at
        raise AssertionError(
            f"{name}: the derivative at x = {float(x[moved])!r} (float64): got "
            f"{derivative[at]!r}, expected the finite difference {mean[at]!r}."
        )


def _difference_quotients(module, exact, x, jacobian):
    """The mean of the quotients to the right and to the left, and how far from it the
    derivative may be.
    """
    # One entry of the input of a Jacobian is moved at a time.
    directions = np.eye(x.shape[-1]) if jacobian else [1.0]
    step, parts = 1e-6 * np.maximum(np.abs(x), 1), np.linspace(-1, 1, 5)
    places = [x + part * each * step for each in directions for part in parts]
    with jax.enable_x64(True):
        results = _values_and_derivatives(_widened(module), jnp.asarray(places))
    values, slopes = (np.asarray(each) for each in results)
    means, allowances = [], []
    for i in range(len(directions)):
        five = slice(5 * i, 5 * i + 5)
        moved, slope = np.asarray(places[five]), slopes[five]
        curvature, size = exact["second derivative"], step
        if jacobian:
            moved, slope = moved[..., i : i + 1], slope[..., i]
            curvature, size = curvature[..., i, i], step[..., i : i + 1]
        before, _, value, _, after = values[five]
        # Rounding has changed the steps a little.
        right = (after - value) / (moved[4] - moved[2])
        left = (value - before) / (moved[2] - moved[0])
        means.append((right + left) / 2)
        # Both sides are far apart at a kink; the derivative varies within a step; and
        # the value is rounded.
        varies = np.ptp(slope, axis=0) + np.abs(curvature * size)
        rounding = 16 * np.finfo(float).eps * np.abs(value) / (moved[2] - moved[0])
        allowances.append(np.abs(right - left) + 2 * varies + rounding)
    if jacobian:
        return np.stack(means, -1), np.stack(allowances, -1)
    return means[0], allowances[0]


def _moved(slope, x, jacobian):
    """How far a result moves when `x` moves by its own magnitude."""
    with np.errstate(over="ignore"):
        if not jacobian:
            return np.abs(slope * x)
        batch = x.shape[:-1] + (1,) * (slope.ndim - x.ndim) + x.shape[-1:]
        return np.sum(np.abs(slope * x.reshape(batch)), axis=-1)


def _widened(module):
    return jax.tree.map(
        lambda leaf: leaf.astype(jnp.float64) if eqx.is_inexact_array(leaf) else leaf,
        module,
    )
