import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import check_positive
from .._compiled import compiled_function
from .._precision import widened
from .._typing import typed
from ._axes import AnyArray


@compiled_function(static=("dimensions",))
def pca(
    x: Float[AnyArray, "samples features"], dimensions: int = 2
) -> Float[Array, "samples dimensions"]:
    r"""Projects onto the first principal components, those of the largest variance.

    With the singular value decomposition $x - \bar x = U S V^\top$, the columns of $US$
    (Pearson, 1901). The sign of each is that which makes the largest entry of its
    direction positive. Where there are fewer components than `dimensions`, the rest
    are 0.

    **Arguments:**

    - `x`: one sample a row.
    - `dimensions`: how many components.

    **Returns:** the projections, in the dtype of `x`; float64 needs `jax.enable_x64`.

    **Raises:** `ValueError` if `dimensions` is not positive, or there is no feature.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> print(pca(jnp.array([[0.0, 0.0], [3.0, 4.0]]), 1).round(3))
        [[-2.5]
         [ 2.5]]

        ```
    """
    check_positive("dimensions", dimensions)
    if not x.shape[1]:
        raise ValueError("`x` must have one feature or more; got 0.")
    wide = widened(jnp.asarray(x))
    # Of numbers up to 1, so that the sums of the largest do not overflow.
    largest = jnp.max(jnp.abs(wide), initial=0)
    scale = jnp.where(largest == 0, 1, largest)
    centred = wide / scale - jnp.mean(wide / scale, axis=0, keepdims=True)
    u, s, vt = jnp.linalg.svd(centred, full_matrices=False)
    peaks = jnp.argmax(jnp.abs(vt), axis=1)[:, None]
    signs = jnp.sign(jnp.take_along_axis(vt, peaks, axis=1))[:, 0]
    scores = (u * (s * signs)[None] * scale)[:, :dimensions]
    missing = dimensions - scores.shape[1]
    return jnp.pad(scores, ((0, 0), (0, missing))).astype(x.dtype)


@typed
def tsne(
    key: PRNGKeyArray,
    x: Float[AnyArray, "samples features"],
    *,
    dimensions: int = 2,
    perplexity: float | int = 30.0,
    pca_dimensions: int = 32,
) -> Float[Array, "samples dimensions"]:
    """Embeds so that neighbours stay neighbours, by scikit-learn's t-SNE (van der
    Maaten and Hinton, 2008), on the host.

    Distances between clusters, and the sizes of clusters, mean little.

    **Arguments:**

    - `key`: of the randomness; the same key gives the same embedding.
    - `x`: one sample a row, at least two.
    - `dimensions`: of the embedding: 1, 2 or 3.
    - `perplexity`: about how many neighbours each sample has. At most a third of the
        other samples count as such, however large it is.
    - `pca_dimensions`: onto how many principal components `x` is projected first, if
        it has more features than that. This is faster, and takes away noise.

    **Returns:** the embedding, in the dtype of `x`; float64 needs `jax.enable_x64`.

    **Raises:** `ImportError` without scikit-learn; `ValueError` for fewer than two
    samples, or such that are not finite; for a perplexity or a `pca_dimensions` that is
    not positive; and for other `dimensions`.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError(
            "`ngcx.viz.tsne` needs scikit-learn: python -m pip install scikit-learn"
        ) from error
    check_positive("perplexity", perplexity)
    check_positive("pca_dimensions", pca_dimensions)
    if not 1 <= dimensions <= 3:
        raise ValueError(f"`dimensions` must be 1, 2 or 3; got {dimensions}.")
    if not jnp.all(jnp.isfinite(x)):
        raise ValueError("`x` must be finite; got NaN or infinity.")
    samples, features = x.shape
    if samples < 2:
        raise ValueError(f"`x` must have two samples or more; got {samples}.")
    if not features:
        raise ValueError("`x` must have one feature or more; got 0.")
    start = pca(x, pca_dimensions) if features > pca_dimensions else jnp.asarray(x)
    # Of a size at which scikit-learn's squares neither over- nor underflow.
    wide = np.asarray(widened(start))
    for _ in range(2):
        wide = wide / (np.max(np.abs(wide)) or 1)
        wide = wide - np.mean(wide, 0)
    embedding = TSNE(
        dimensions,
        perplexity=min(perplexity, (samples - 1) / 3),
        # The default, by principal components, needs as many features as dimensions.
        init="pca" if min(wide.shape) >= dimensions and wide.any() else "random",
        random_state=int(jr.randint(key, (), 0, np.iinfo(np.int32).max)),
    ).fit_transform(wide)
    return jnp.asarray(embedding).astype(start.dtype)
