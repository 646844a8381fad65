import math

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import (
    floored,
    magnitude,
    mean,
    power_of_two,
    ratio,
    rescaled,
    root,
    weighted_log,
    widened,
)
from .._reduction import Reduction, filled, reduce
from .._typing import Scalar
from ..ops import layer_normalize


@compiled(static=("reduction",))
def sparsity(
    codes: Float[Array, "*batch features"],
    tolerance: Scalar = 0.0,
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The fraction of silent entries in each row, those with $|x_d| \le \theta$.

    It is piecewise constant, so its gradient is 0. NaN is not silent.

    **Arguments:**

    - `codes`: $x$.
    - `tolerance`: $\theta$, the largest magnitude that counts as silence.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value in [0, 1] per row, in the dtype of
    `codes`.

    ??? cite "Reference"
        Hurley and Rickard, *Comparing measures of sparsity*, IEEE Transactions on
        Information Theory 2009.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import sparsity
    >>> sparsity(jnp.array([[0.0, 0.0, 0.0, 2.0]]))
    Array(0.75, dtype=float32)

    ```
    """
    wide = widened(codes)
    silent = jnp.abs(wide) <= jnp.asarray(tolerance, wide.dtype)
    rows = mean(silent.astype(wide.dtype), -1)
    return reduce(rows, reduction, where).astype(codes.dtype)


@compiled(static=("reduction",))
def hoyer_sparsity(
    codes: Float[Array, "*batch features"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The sparsity of each row, computed from its norms (Hoyer, 2004): 0 if all
    entries have the same magnitude, and 1 if only one is not 0.

    $$\frac{\sqrt{D} - \lVert x \rVert_1 / \lVert x \rVert_2}{\sqrt{D} - 1}$$

    It does not depend on the scale of a row. A silent row gives 0, and so does a row of
    one entry, both with gradient 0.

    **Arguments:**

    - `codes`: $x$, each row with $D$ entries.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value in [0, 1] per row, in the dtype of
    `codes`.

    **See also:** [`ngcx.metrics.gini_index`][] and [`ngcx.metrics.sparsity`][].

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import hoyer_sparsity
        >>> codes = jnp.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 3.0]])
        >>> print(hoyer_sparsity(codes, reduction="none").round(3))
        [0. 1.]

        ```
    """
    sizes = _sizes(codes, where)
    norm1, norm2 = jnp.sum(sizes, -1), root(jnp.sum(jnp.square(sizes), -1))
    widest = math.sqrt(codes.shape[-1])
    # The difference cancels where entries are alike. Times the sum, it is D times the
    # squared distance of the sizes from their mean.
    spread = widest * widest * jnp.sum(jnp.square(_centred(sizes)), -1)
    rows = jnp.where(
        2 * norm1 < widest * norm2,
        widest - ratio(norm1, norm2),
        ratio(spread, norm2 * (widest * norm2 + norm1)),
    )
    rows = rows / (widest - 1 or 1)
    rows = rows - stop_gradient(jnp.maximum(rows - 1, 0))  # rounding errors
    return reduce(rows, reduction, where).astype(codes.dtype)


@compiled(static=("reduction",))
def gini_index(
    codes: Float[Array, "*batch features"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The Gini index of the magnitudes in each row: how unequal they are.

    $$\frac{\sum_i (2 i - D - 1) \, |x|_{(i)}}{D \sum_i |x|_{(i)}}
    = \frac{\sum_{ij} \big| |x_i| - |x_j| \big|}{2 D \sum_i |x_i|}$$

    where $|x|_{(1)} \le \dots \le |x|_{(D)}$. It is 0 if all are equal and $1 - 1/D$ if
    only one is not 0, and does not depend on the scale of a row. A silent row gives 0,
    with gradient 0.

    **Arguments:**

    - `codes`: $x$, each row with $D$ entries.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of `codes`.

    **See also:** [`ngcx.metrics.hoyer_sparsity`][] and [`ngcx.metrics.sparsity`][].

    ??? cite "Reference"
        Hurley and Rickard, *Comparing measures of sparsity*, IEEE Transactions on
        Information Theory 2009.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.metrics import gini_index
        >>> codes = jnp.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 3.0]])
        >>> print(np.asarray(gini_index(codes, reduction='none')).round(3))
        [0.   0.75]

        ```
    """
    size = codes.shape[-1]
    ascending = jnp.sort(_sizes(codes, where), -1)
    weights = jnp.arange(1 - size, size, 2, ascending.dtype) / max(size, 1)
    # The weights add up to 0, so that distances from the mean do as well.
    weights = jnp.broadcast_to(weights, ascending.shape)
    unequal = jnp.sum(_centred(ascending) * weights, -1)
    rows = ratio(unequal, jnp.sum(ascending, -1))
    return reduce(rows, reduction, where).astype(codes.dtype)


@compiled(static=("reduction",))
def excess_kurtosis(
    codes: Float[Array, "*batch features"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The excess kurtosis $m_4 / m_2^2 - 3$ of each row: above 0 where a few strong
    entries stand out, 0 for a Gaussian.

    $m_k$ is the $k$-th central moment of the entries, the mean of
    $(x_d - \bar{x})^k$. It does not depend on the scale of a row. A constant row gives
    0, with gradient 0.

    **Arguments:**

    - `codes`: $x$.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of `codes`.

    ??? cite "Reference"
        Field, *What is the goal of sensory coding?*, Neural Computation 1994.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.metrics import excess_kurtosis
        >>> codes = jnp.array([[0.0, 0.0, 0.0, 5.0], [1.0, 1.0, -1.0, -1.0]])
        >>> print(np.asarray(excess_kurtosis(codes, reduction='none')).round(2))
        [-0.67 -2.  ]

        ```
    """
    squares = jnp.square(layer_normalize(filled(widened(codes), where)))
    # Their mean is 1, or 0 in a constant row.
    rows = mean(squares * (squares - 3), -1)
    return reduce(rows, reduction, where).astype(codes.dtype)


@compiled(static=("reduction",))
def workload_entropy(
    counts: Float[Array, "*batch samples neurons"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""How evenly a population shares its work, in bits: the entropy of how activity
    is distributed over the neurons.

    $$-\sum_d p_d \log_2 p_d, \qquad p_d = \frac{\sum_n x_{nd}}{\sum_{nd'} x_{nd'}}$$

    It is 0 if one neuron does everything and $\log_2 D$ if all of the $D$ neurons do
    the same. A silent population gives 0, with gradient 0.

    **Arguments:**

    - `counts`: $x$, the spike counts, or any activity of 0 or more.
    - `reduction`: over the batch of populations: `"mean"`, `"sum"` or `"none"`.
    - `where`: the populations that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch,)`, in the dtype
    of `counts`.

    ??? cite "Reference"
        Shannon, *A mathematical theory of communication*, Bell System Technical Journal
        1948, for the entropy.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import workload_entropy
    >>> workload_entropy(jnp.array([[1.0, 0.0, 2.0, 1.0]]))
    Array(1.5, dtype=float32)

    ```
    """
    wide = filled(widened(counts), where, (-2, -1))
    unit, _ = rescaled(wide, (-2, -1))
    activity = jnp.sum(unit, -2)
    shares = ratio(activity, jnp.sum(activity, -1, keepdims=True))
    nats = weighted_log(shares, floored(shares, wide.dtype))
    rows = -jnp.sum(nats / math.log(2), -1)
    return reduce(rows, reduction, where).astype(counts.dtype)


def _sizes(codes, where):
    """The magnitudes in units of a power of 2, which rounds nothing."""
    wide = filled(widened(codes), where)
    largest = jnp.max(jnp.abs(stop_gradient(wide)), -1, keepdims=True, initial=0)
    return magnitude(wide) * power_of_two(largest)


def _centred(rows):
    """The rows without their mean. Of nearly equal entries, the distances to one are
    exact.
    """
    distances = rows - stop_gradient(rows[..., :1])
    return distances - mean(distances, -1)[..., None]
