"""Patches from random positions."""

import math
from typing import Literal, overload

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Inexact, PRNGKeyArray, Shaped

from .._compiled import compiled
from .._typing import NonNegative
from ..data import random_permutation_index
from ._center import centered
from ._windows import AnyImages, Sizes, batch_axes, check_axes, check_fits


Samples = Shaped[Array, "..."]


@overload
def sample_patches(
    key: PRNGKeyArray,
    images: AnyImages,
    patch_shape: Sizes,
    n: int | float,
    *,
    replace: bool = ...,
    center: bool = ...,
    per_image: bool = ...,
    return_means: Literal[False] = ...,
) -> Samples: ...


@overload
def sample_patches(
    key: PRNGKeyArray,
    images: AnyImages,
    patch_shape: Sizes,
    n: int | float,
    *,
    replace: bool = ...,
    center: bool = ...,
    per_image: bool = ...,
    return_means: Literal[True],
) -> tuple[Samples, Inexact[Array, "..."]]: ...


@compiled(static=("patch_shape", "n", "replace", "center", "per_image", "return_means"))
def sample_patches(
    key: PRNGKeyArray,
    images: AnyImages,
    patch_shape: Sizes,
    n: NonNegative[int | float],
    *,
    replace: bool = True,
    center: bool = True,
    per_image: bool = True,
    return_means: bool = False,
) -> Samples | tuple[Samples, Inexact[Array, "..."]]:
    """Draws patches at random positions. Every position at which a patch lies within
    the image has the same chance.

    Every image of a batch has positions of its own.

    **Arguments:**

    - `key`: a key of `jax.random`; the same key gives the same patches.
    - `images`, `patch_shape`: as for [`ngcx.patches.extract_patches`][].
    - `n`: how many patches; or, as a float up to 1.0, a share of all positions, rounded
        to the nearest integer.
    - `replace`: whether a position may be drawn more than once.
    - `center`: whether to subtract from each patch its mean, taken over its pixels and
        their channels.
    - `per_image`: whether `n` patches come from every image, or from the batch as a
        whole.
    - `return_means`: whether to return the means as well, whether they are subtracted
        or not.

    **Returns:** patches of shape (batch, n, patch_height, patch_width), without `batch`
    for one image or if not `per_image`, and with `channels` at the end where the images
    have them; in the dtype of `images`, but for integers, which `center` makes the
    default floating dtype. With `return_means`, these and their means, of shape
    (batch, n) or (n,) and floating dtype.

    **Raises:** `ValueError` for a patch that does not fit into the image, a share above
    1.0, or more patches than there are positions to draw them from.

    **See also:** [`ngcx.patches.extract_patches`][] for a regular grid.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.patches import sample_patches
        >>> digits = jnp.ones((10, 28, 28))
        >>> sample_patches(jax.random.key(0), digits, (8, 8), 50).shape
        (10, 50, 8, 8)
        >>> sample_patches(jax.random.key(0), digits, (8, 8), 50, per_image=False).shape
        (50, 8, 8)

        ```
    """
    dimensions = len(patch_shape)
    check_axes(images.shape, dimensions)
    axis = batch_axes(images.ndim, dimensions)
    check_fits(patch_shape, images.shape[axis : axis + dimensions], images.shape)
    window = (*patch_shape, *images.shape[1 + dimensions :])
    if not axis:
        patches = _sample(key, images, window, n, replace)
    elif per_image:
        keys = jr.split(key, len(images))
        patches = jax.vmap(lambda key, image: _sample(key, image, window, n, replace))(
            keys, images
        )
    else:
        patches = _sample(key, images, (1, *window), n, replace).squeeze(1)
    without_mean, means = centered(patches, len(window))
    patches = without_mean if center else patches
    return (patches, means) if return_means else patches


def _sample(key, array, window: tuple[int, ...], n: int | float, replace: bool):
    """Windows of an array, of as many axes as it has, from random positions."""
    counts = [size - one + 1 for size, one in zip(array.shape, window, strict=True)]
    positions = math.prod(counts)
    if isinstance(n, float):
        if n > 1:
            raise ValueError(f"`n` must be an integer, or a share up to 1.0; got {n}.")
        n = round(n * positions)
    if n > positions and not (replace and positions):
        raise ValueError(
            f"`n` must be from 0 to {positions}, the number of positions"
            f"{'' if replace else ' without replacement'}; got {n}."
        )
    if replace:
        # Each axis has a draw of its own, because there may be more positions than an
        # index can count.
        draws = [
            jr.randint(axis_key, (n,), 0, count, jnp.int32)
            for axis_key, count in zip(jr.split(key, len(counts)), counts, strict=True)
        ]
        corners = jnp.stack(draws, -1)
    else:
        places = random_permutation_index(key, jnp.arange(n), max(positions, 1))
        corners = jnp.stack(jnp.unravel_index(places, counts), -1)
    return jax.vmap(lambda corner: jax.lax.dynamic_slice(array, corner, window))(
        corners
    )
