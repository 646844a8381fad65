from typing import Annotated

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._numerics import rescaled, widened
from .._typing import Count, Must, Positive
from ._axes import AnyArray


@compiled(static=("dimensions",))
def pca(
    x: Float[AnyArray, "samples features"], dimensions: Count = 2
) -> Float[Array, "samples dimensions"]:
    r"""Projects onto the first principal components, which are those with the largest
    variance.

    They are the columns of $US$ in the singular value decomposition $x - \bar x = U S
    V^\top$ (Pearson, 1901). Signs are chosen so that the largest entry of each
    direction is positive. If there are fewer components than `dimensions`, the rest are
    0.

    **Arguments:**

    - `x`: the samples, one per row.
    - `dimensions`: how many components to keep.

    **Returns:** the projections, in the dtype of `x`; float64 needs `jax.enable_x64`.

    **Raises:** `ValueError` if there is no feature.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.viz import pca
        >>> print(pca(jnp.array([[0.0, 0.0], [3.0, 4.0]]), 1).round(3))
        [[-2.5]
         [ 2.5]]

        ```
    """
    if not x.shape[1]:
        raise ValueError("`x` must have one feature or more; got 0.")
    centred, half = _rescaled_and_centred(jnp.asarray(x))
    u, s, vt = jnp.linalg.svd(centred, full_matrices=False)
    peaks = jnp.argmax(jnp.abs(vt), axis=1)[:, None]
    signs = jnp.sign(jnp.take_along_axis(vt, peaks, axis=1))[:, 0]
    # Twice the scale may overflow, though not all that it is multiplied by is large.
    scores = 2 * (u * (s * signs)[None] * half)[:, :dimensions]
    missing = dimensions - scores.shape[1]
    return jnp.pad(scores, ((0, 0), (0, missing))).astype(x.dtype)


@compiled
def _rescaled_and_centred(x: Float[Array, "samples features"]):
    """The samples around 0, on a scale where no sum overflows, and half the scale."""
    wide = widened(x)
    # One sample is close to all of them where they are far from 0, so that the mean of
    # the differences loses nothing. Their halves do not overflow.
    unit, scale = rescaled(wide / 2 - wide[:1] / 2, axis=None)
    return unit - jnp.mean(unit, axis=0, keepdims=True), scale


# scikit-learn runs on the host, so this is checked but not compiled.
@compiled(jit=False)
def tsne(
    key: PRNGKeyArray,
    x: Float[AnyArray, "samples features"],
    *,
    dimensions: Annotated[int, Must("1, 2 or 3", lambda value: 1 <= value <= 3)] = 2,
    perplexity: Positive[float | int] = 30.0,
    pca_dimensions: Count = 32,
) -> Float[Array, "samples dimensions"]:
    """Embeds samples by scikit-learn's t-SNE (van der Maaten and Hinton, 2008), on the
    host, so that neighbours stay neighbours.

    Distances between clusters, and the sizes of clusters, mean little.

    **Arguments:**

    - `key`: a key of `jax.random`; the same key gives the same embedding.
    - `x`: the samples, one per row, at least two.
    - `dimensions`: how many dimensions the embedding has.
    - `perplexity`: about how many neighbours each sample has. However large it is, at
        most a third of the other samples count as neighbours.
    - `pca_dimensions`: the number of principal components onto which `x` is projected
        first, if it has more features. This is faster, and removes noise.

    **Returns:** the embedding, in the dtype of `x`; float64 needs `jax.enable_x64`.

    **Raises:** `ImportError` if scikit-learn is missing; `ValueError` for fewer than
    two samples, or samples that are not finite.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.viz import tsne
        >>> x = jr.normal(jr.key(0), (20, 5))
        >>> print(tsne(jr.key(1), x, perplexity=5.0).shape)
        (20, 2)

        ```
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError(
            "`ngcx.viz.tsne` needs scikit-learn: python -m pip install scikit-learn"
        ) from error
    if not jnp.all(jnp.isfinite(x)):
        raise ValueError("`x` must be finite; got NaN or infinity.")
    samples, features = x.shape
    if samples < 2:
        raise ValueError(f"`x` must have two samples or more; got {samples}.")
    if not features:
        raise ValueError("`x` must have one feature or more; got 0.")
    # The squares that scikit-learn takes neither over- nor underflow at this size.
    start, _ = _rescaled_and_centred(x := jnp.asarray(x))
    if features > pca_dimensions:
        start, _ = _rescaled_and_centred(pca(start, pca_dimensions))
    embedding = TSNE(
        dimensions,
        perplexity=min(perplexity, (samples - 1) / 3),
        # A start at the principal components needs as many features as dimensions.
        init="pca" if min(start.shape) >= dimensions and start.any() else "random",
        random_state=int(jr.randint(key, (), 0, np.iinfo(np.int32).max)),
    ).fit_transform(np.asarray(start))
    return jnp.asarray(embedding).astype(x.dtype)
