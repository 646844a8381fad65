import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from .._numerics import wide_dtype
from ._tolerance import tolerance


def check_module(
    module, x: Float[Array, "batch *shape"] | None = None, *, ulps: float | int = 64
) -> None:
    """Checks that a module `f(x)` behaves like a pure function in JAX.

    - It is immutable. Flattened and unflattened, it is an equal module. It has a hash
        if it holds no array.
    - The result has the dtype of the input for float16, bfloat16 and float32, and in
        64-bit mode for float64.
    - Compiled, mapped over the leading axis, scanned, and with a donated input, it
        gives the same as eagerly, so no sample depends on another. In the dtype of `x`,
        this also holds with a sharded input, and without `jax.jit`.
    - Its gradients with respect to `x` and to its arrays are finite and have their
        dtypes.

    **Arguments:**

    - `module`: an Equinox module that maps an array to an array of the same shape, and
        treats each sample along the leading axis by itself.
    - `x`: an input; normally distributed numbers of shape (8, 6) if not given. Its
      leading axis is sharded over all devices if their number divides it.
    - `ulps`: the error allowed, in units in the last place. Programs differ in how they
        fuse and round, and a function such as the exponential magnifies that.

    **Raises:** `AssertionError` that names the property and shows the values.

    !!! example

        ```python
        >>> from ngcx.activations import Tanh
        >>> from ngcx.testing import check_module
        >>> check_module(Tanh())

        ```
    """
    if x is None:
        x = 3 * jr.normal(jr.key(0), (8, 6))
    _check_pytree(module)
    for dtype in _dtypes():
        _check_transforms(module, x.astype(dtype), ulps)
    name, eager = f"{type(module).__name__} ({x.dtype})", module(x)
    _check_same(f"{name}: sharded", module(_sharded(x)), eager, ulps)
    _check_same(f"{name}: without jit", _without_jit(module, x), eager, ulps)


def _dtypes():
    x64 = [jnp.float64] if jax.config.jax_enable_x64 else []  # pyright: ignore[reportAttributeAccessIssue]
    return [jnp.float16, jnp.bfloat16, jnp.float32, *x64]


def _check_pytree(module):
    name = type(module).__name__
    try:
        module.equation_of_a_test = ""
    except dataclasses.FrozenInstanceError:
        pass
    else:
        raise AssertionError(f"{name}: is not immutable.")
    leaves, treedef = jax.tree.flatten(module)
    again = jax.tree.unflatten(treedef, leaves)
    if not eqx.tree_equal(module, again):
        raise AssertionError(f"{name}: flattens and unflattens to {again!r}.")
    if not any(map(eqx.is_array, leaves)) and hash(module) != hash(again):
        raise AssertionError(f"{name}: equal modules have different hashes.")


def _check_transforms(module, x, ulps):
    name = f"{type(module).__name__} ({x.dtype})"
    eager = module(x)
    if eager.dtype != x.dtype or eager.shape != x.shape:
        raise AssertionError(
            f"{name}: an output of {eager.dtype}{list(eager.shape)} for an input of "
            f"{x.dtype}{list(x.shape)}."
        )

    def program(x):
        variants = {
            "compiled, with a donated input": module(x),
            "mapped": jax.vmap(lambda row: module(row))(x),
            "scanned": jax.lax.scan(lambda _, row: (None, module(row)), None, x)[1],
        }
        total = eqx.filter_grad(lambda both: jnp.sum(both[0](both[1])))
        return variants, total((module, x))

    # One program holds them all, since compiling takes nearly all of the time. It is
    # compiled by hand: `jax.jit` itself is tested here, and donates the input.
    variants, gradients = jax.jit(program, donate_argnums=0)(jnp.copy(x))
    for variant, result in variants.items():
        _check_same(f"{name}: {variant}", result, eager, ulps)
    for gradient, leaf in zip(
        jax.tree.leaves(gradients),
        jax.tree.leaves(eqx.filter((module, x), eqx.is_inexact_array)),
        strict=True,
    ):
        if gradient.dtype != leaf.dtype or not np.all(np.isfinite(gradient)):
            raise AssertionError(
                f"{name}: the gradient of {leaf.dtype}{list(leaf.shape)} is {gradient}."
            )


def _check_same(name, actual, expected, ulps):
    # Fusion may change the rounding: that of the compute dtype, or once that of the
    # result.
    actual, expected = (
        np.asarray(y.astype(wide_dtype(y.dtype))) for y in (actual, expected)
    )
    np.testing.assert_allclose(
        actual, expected, **tolerance(expected.dtype, ulps), err_msg=name
    )


def _sharded(x):
    devices = jax.devices()
    mesh = Mesh(devices, "batch")
    divides = x.shape[0] % len(devices) == 0
    spec = PartitionSpec("batch" if divides else None)
    return jax.device_put(x, NamedSharding(mesh, spec))


def _without_jit(module, x):
    with jax.disable_jit():
        return module(x)
