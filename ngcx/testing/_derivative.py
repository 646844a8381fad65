import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._precision import wide_dtype
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
        quotients = jax.tree.map(
            np.asarray, _difference_quotients(_widened(module), jnp.asarray(wide))
        )

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
        _check_between(name, exact["derivative"], quotients, wide)


_MODES = (
    "derivative",
    "reverse mode",
    "forward mode",
    "reverse mode through the spike",
    "forward mode through the spike",
)


@eqx.filter_jit
def _evaluate(module, x):
    spikes = isinstance(module, AbstractSurrogate)
    function = module.primitive if spikes else module
    closed = module.derivative(x)
    jacobian = closed.ndim > x.ndim
    results = {
        "value": function(x),
        "derivative": closed,
        "reverse mode": _reverse(function, x, jacobian),
        "forward mode": _forward(function, x, jacobian),
        "second derivative": _forward(module.derivative, x, jacobian),
        "second derivative in reverse mode": _sum_of_gradients(module.derivative, x),
    }
    if spikes:
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


@eqx.filter_jit
def _difference_quotients(module, x):
    """The difference quotients to the right and to the left, how much the derivative
    varies within a step, and the magnitude of a quotient.
    """
    function = module.primitive if isinstance(module, AbstractSurrogate) else module
    jacobian = jax.eval_shape(module.derivative, x).ndim > x.ndim

    def along(direction):
        direction = jnp.broadcast_to(direction, x.shape)
        value, step = function(x), 1e-6 * jnp.maximum(jnp.abs(x), 1) * direction
        right, left = x + step, x - step

        def width(there, here):
            """The step that was really made, after rounding."""
            moved = there - here
            return jnp.sum(moved, -1, keepdims=True) if jacobian else moved

        def slope(x):
            slope = module.derivative(x)
            return (
                jnp.einsum("...ij,...j->...i", slope, direction) if jacobian else slope
            )

        slopes = [slope(x + part * step) for part in (-1, -0.5, 0, 0.5, 1)]
        _, curvature = jax.jvp(slope, (x,), (step,))
        return (
            (function(right) - value) / width(right, x),
            (value - function(left)) / width(x, left),
            jnp.ptp(jnp.stack(slopes), axis=0) + jnp.abs(curvature),
            jnp.abs(value) / width(x, left),
        )

    if not jacobian:
        return along(jnp.ones_like(x))
    # One entry of the input at a time.
    return jax.vmap(along, out_axes=-1)(jnp.eye(x.shape[-1], dtype=x.dtype))


def _check_between(name, derivative, quotients, x):
    right, left, variation, scale = quotients
    # Between the quotients of both sides, which are far apart at a kink; up to how much
    # the derivative varies within the step; and up to rounding errors.
    with np.errstate(over="ignore", invalid="ignore"):
        rounding = 16 * np.finfo(float).eps * scale
        allowed = np.abs(right - left) + 2 * variation + rounding
        allowed += 1e-6 * np.abs(derivative) + 1e-9
        far = np.abs(derivative - (right + left) / 2) > allowed
    wrong = np.argwhere(far & np.isfinite(right - left))
    if len(wrong):
        at = tuple(wrong[0])
        # The input that is moved is the last axis of a Jacobian.
        moved = at if derivative.ndim == x.ndim else at[:-2] + at[-1:]
        raise AssertionError(
            f"{name}: the derivative at x = {float(x[moved])!r} (float64): got "
            f"{derivative[at]!r}, expected the finite difference "
            f"{(right + left)[at] / 2!r}."
        )


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
