import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import wide_dtype
from ..surrogate import AbstractSurrogate
from ._tolerance import check_close, tolerance


def check_derivative(
    module,
    x: Float[Array, "*shape"],
    *,
    finite_differences: bool = True,
    ulps: float | int = 16,
) -> None:
    """Checks that the `derivative` of an activation or a surrogate is its derivative.

    It checks the following at every entry of `x`, and at 0, the smallest and the
    largest numbers of its dtype:

    - `derivative(x)` equals the result of reverse and of forward mode (for a surrogate,
        through the spike and through `primitive`);
    - the derivative and the value are those of a float64 evaluation, rounded to the
        dtype of `x`: never NaN, and infinite only where the true value is beyond the
        range of the dtype (float64 cannot be compared with itself, so only NaN is found
        there);
    - so is the second derivative, in forward and in reverse mode (for a Jacobian, only
        NaN and infinity are found; at the numbers other than `x`, errors are also
        relative to the largest first derivative);
    - so are the gradients of the sum of the values, and of the sum of the derivatives,
        with respect to the arrays that the module holds;
    - in float64, the derivative lies between the difference quotients of both sides;
        this is checked only at the entries of `x`.

    **Arguments:**

    - `module`: an activation or surrogate, whose `derivative(x)` is an array of the
        shape of `x`, or the Jacobian over its last axis.
    - `x`: the inputs to check.
    - `finite_differences`: switch this off for straight-through derivatives, which
        intentionally are not the slope of the function.
    - `ulps`: the error allowed, in units in the last place of the result and of `x`.

    **Raises:** `AssertionError` that shows the input, both values and the dtype.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import Tanh
        >>> from ngcx.testing import check_derivative
        >>> check_derivative(Tanh(), jnp.linspace(-3.0, 3.0, 7))

        ```
    """
    places = np.resize(_extremes(x.dtype), (-(-_FEW // max(x.size, 1)), *x.shape))
    for place in (x, *(jnp.asarray(each, x.dtype) for each in places)):
        _check_at(module, place, finite_differences, ulps, extreme=place is not x)
        # A product with a large parameter would overflow beyond this.
        bound = float(jnp.finfo(x.dtype).max) ** 0.5
        _check_parameters(module, jnp.clip(place, -bound, bound), ulps)


_FEW = 9


def _extremes(dtype):
    info = jnp.finfo(dtype)
    # What is divided by a number of usual size is still normal.
    tiny, largest = 64 * float(info.tiny), float(info.max)
    sizes = [0, tiny, largest**0.5, largest / 2, largest]
    return np.array([*sizes, *(-size for size in sizes[1:])])


def _check_at(module, x, finite_differences, ulps, extreme):
    name, dtype = type(module).__name__, x.dtype
    got = jax.tree.map(np.asarray, _evaluate(module, x))
    wide = np.asarray(x, np.float64)
    # XLA takes subnormal numbers for 0, on either side of a kink.
    wide = np.where(np.abs(wide) < jnp.finfo(wide_dtype(dtype)).tiny, 0, wide)
    with jax.enable_x64(True):
        exact = jax.tree.map(np.asarray, _evaluate(_widened(module), jnp.asarray(wide)))
    for quantity, values in exact.items():
        _check_finite(f"{name}: the {quantity}", values, np.isinf(values), wide)

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
        _check_finite(f"{name}: the {mode}", got[mode], beyond, x)
        if not jacobian:
            with jax.enable_x64(True):
                third = _third(_widened(module), jnp.asarray(wide))
            # Where the third derivative is not known, the accuracy is not judged.
            # A subnormal number on the way, which is flushed to 0, moves `x` too.
            info = jnp.finfo(wide_dtype(dtype))
            size = np.maximum(np.abs(wide), 64 * float(info.tiny) / float(info.eps))
            slack = np.nan_to_num(_moved(np.asarray(third), size, False), nan=np.inf)
            if extreme:
                slack = slack + np.max(np.abs(exact["derivative"]))
            check_close(
                f"{name}: the {mode}", got[mode], exact[mode], slack, dtype, x, ulps
            )
    if finite_differences and not extreme:
        _check_between(name, module, exact, wide)


def _check_finite(name, values, allowed, x):
    """Checks that values are finite, or allowed not to be."""
    wrong = np.argwhere(~(np.isfinite(values) | allowed))
    if len(wrong):
        at = tuple(wrong[0])
        raise AssertionError(
            f"{name} at x = {float(x[at[: x.ndim]])!r} ({x.dtype.name}): got "
            f"{values[at]!r}, expected a finite number. {len(wrong)} of {values.size} "
            "entries are not."
        )


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


@compiled(static=("module",))
def _third(module, x):
    return _forward(lambda x: _forward(module.derivative, x, False), x, False)


def _check_parameters(module, x, ulps):
    """Checks the gradients in the arrays of the module beside those of float64."""
    if not jax.tree.leaves(eqx.filter(module, eqx.is_inexact_array)):
        return
    name, got = type(module).__name__, _gradients(module, x)
    wide = np.asarray(x, np.float64)
    wide = np.where(np.abs(wide) < jnp.finfo(wide_dtype(x.dtype)).tiny, 0, wide)
    with jax.enable_x64(True):
        exact = _shares(_widened(module), jnp.asarray(wide))
    for order, gradients, shares in zip(_ORDERS, got, exact, strict=True):
        for i, (gradient, (each, moved)) in enumerate(
            zip(gradients, shares, strict=True)
        ):
            each = np.asarray(each)
            with np.errstate(all="ignore"):
                slack = np.sum(np.abs(each) + np.abs(np.asarray(moved)))
            # Beyond the largest number nothing is known, and what float64 does not know
            # is not judged.
            largest = min(
                float(jnp.finfo(each).max) for each in (x.dtype, gradient.dtype)
            )
            if not slack < largest / 2:
                continue
            coarser = max(x.dtype, gradient.dtype, key=lambda each: jnp.finfo(each).eps)
            limits = tolerance(coarser, ulps)
            allowed = limits["rtol"] * slack + limits["atol"] * x.size
            got_sum, expected = np.sum(np.asarray(gradient, float)), np.sum(each)
            if not abs(got_sum - expected) <= allowed:
                raise AssertionError(
                    f"{name}: the gradient of {order} in its array {i}, at x = {x}: "
                    f"got {got_sum!r}, expected {expected!r}."
                )


_ORDERS = ("the value", "the derivative")


def _share(x):
    """A factor with which the largest numbers can be summed."""
    return jnp.asarray(0.25 / max(x.size, 1), x.dtype)


@compiled(static=("module",))
def _gradients(module, x):
    """Gradients of shares of the sums of values and of derivatives, in every array."""
    arrays, rest = eqx.partition(module, eqx.is_inexact_array)

    def of(function):
        def total(arrays):
            return jnp.sum(function(eqx.combine(arrays, rest)) * _share(x))

        return jax.tree.leaves(jax.grad(total)(arrays))

    return (
        of(lambda module: _function(module)(x)),
        of(lambda module: module.derivative(x)),
    )


@compiled(static=("module",))
def _shares(module, x):
    """What each entry adds to those gradients, and how far that moves with `x`."""
    arrays, rest = eqx.partition(module, eqx.is_inexact_array)
    leaves, treedef = jax.tree.flatten(arrays)

    def of(function):
        results = []
        for i, leaf in enumerate(leaves):

            def with_leaf(leaf, x, i=i):
                changed = [*leaves[:i], leaf, *leaves[i + 1 :]]
                arrays = jax.tree.unflatten(treedef, changed)
                return function(eqx.combine(arrays, rest), x)

            def by_leaf(x, of=with_leaf, leaf=leaf):
                one = jnp.ones_like(leaf)
                return jax.jvp(lambda leaf: of(leaf, x), (leaf,), (one,))[1]

            share, moved = jax.jvp(by_leaf, (x,), (x,))
            results.append((share * _share(x), moved * _share(x)))
        return results

    return (
        of(lambda module, x: _function(module)(x)),
        of(lambda module, x: module.derivative(x)),
    )


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
