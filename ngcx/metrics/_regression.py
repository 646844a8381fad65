import functools as ft
import math
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import magnitude, mean, ratio, rescaled, root, widened
from .._reduction import Reduction, Where, filled, reduce
from .._typing import Must, NonNegative, Parameter
from ._moments import share_of_variance
from ._sums import follows_from, mean_of_scores


FeatureReduction = Literal["mean", "sum"]


def _difference(predictions, targets, where: Where):
    predictions = widened(predictions)
    return filled(predictions - targets.astype(predictions.dtype), where)


def _over_features(errors, feature_reduction):
    return mean(errors, -1) if feature_reduction == "mean" else jnp.sum(errors, -1)


@compiled(static=("feature_reduction", "reduction"))
def mean_squared_error(
    predictions: Float[Array, "*batch features"],
    targets: Float[Array, "*batch features"],
    *,
    feature_reduction: FeatureReduction = "mean",
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The mean squared error of each row, $\frac{1}{D} \sum_d (\hat{x}_d - x_d)^2$.

    If `feature_reduction="sum"`, it is $\sum_d (\hat{x}_d - x_d)^2$: twice the
    negative log-likelihood of a Gaussian of unit variance, up to a constant.

    **Arguments:**

    - `predictions`: $\hat{x}$.
    - `targets`: $x$.
    - `feature_reduction`: over the $D$ features of a row: `"mean"` or `"sum"`.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of
    `predictions`. Infinite where a square exceeds that dtype.

    ??? cite "Reference"
        Gauss, *Theoria combinationis observationum erroribus minimis obnoxiae*, 1823.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import mean_squared_error
    >>> mean_squared_error(jnp.array([[1.0, 2.0], [3.0, 5.0]]), jnp.zeros((2, 2)))
    Array(9.75, dtype=float32)

    ```
    """
    rows = _over_features(
        jnp.square(_difference(predictions, targets, where)), feature_reduction
    )
    return reduce(rows, reduction, where).astype(predictions.dtype)


@compiled(static=("feature_reduction", "reduction"))
def mean_absolute_error(
    predictions: Float[Array, "*batch features"],
    targets: Float[Array, "*batch features"],
    *,
    feature_reduction: FeatureReduction = "mean",
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The mean absolute error of each row, $\frac{1}{D} \sum_d |\hat{x}_d - x_d|$.

    If `feature_reduction="sum"`, it is $\sum_d |\hat{x}_d - x_d|$: the negative
    log-likelihood of a Laplace distribution of unit scale, up to a constant. The
    derivative where a prediction is exact is 0.

    **Arguments:**

    - `predictions`: $\hat{x}$.
    - `targets`: $x$.
    - `feature_reduction`: over the $D$ features of a row: `"mean"` or `"sum"`.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of
    `predictions`.

    **See also:** [`ngcx.metrics.mean_squared_error`][], to which large errors count
    more.

    ??? cite "Reference"
        Willmott and Matsuura, *Advantages of the mean absolute error (MAE) over the
        root mean square error (RMSE) in assessing average model performance*, Climate
        Research 2005.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import mean_absolute_error
        >>> print(mean_absolute_error(jnp.array([[1.0, 4.0]]), jnp.array([[0.0, 1.0]])))
        2.0

        ```
    """
    rows = _over_features(
        magnitude(_difference(predictions, targets, where)), feature_reduction
    )
    return reduce(rows, reduction, where).astype(predictions.dtype)


@follows_from(
    ft.partial(mean_of_scores, scores_to_terms=jnp.square, mean_to_result=root)
)
@compiled(static=("reduction",))
def root_mean_squared_error(
    predictions: Float[Array, "*batch features"],
    targets: Float[Array, "*batch features"],
    *,
    reduction: Literal["mean", "none"] = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The root of the mean squared error, in the unit of the data.

    $$\sqrt{\frac{1}{N D} \sum_{n, d} (\hat{x}_{nd} - x_{nd})^2}$$

    The mean over the rows is taken under the root, so it is not the mean of the roots
    that `"none"` gives. The gradient of an exact prediction is 0.

    **Arguments:**

    - `predictions`: $\hat{x}$.
    - `targets`: $x$.
    - `reduction`: `"mean"` for one root over all rows, `"none"` for one root per row.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of
    `predictions`.

    ??? cite "Reference"
        Willmott and Matsuura, *Advantages of the mean absolute error (MAE) over the
        root mean square error (RMSE) in assessing average model performance*, Climate
        Research 2005.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import root_mean_squared_error
        >>> print(root_mean_squared_error(jnp.array([[1.0, 7.0]]), jnp.zeros((1, 2))))
        5.0

        ```
    """
    # The distance of two numbers may overflow, so halves are taken.
    difference = _difference(predictions / 2, targets / 2, where)
    axes = None if reduction == "mean" else -1
    unit, scale = rescaled(difference, axes)
    rows = mean(jnp.square(unit), -1)
    if reduction == "mean":
        rows = mean(rows, where=where)
    return (2 * root(rows) * scale.reshape(rows.shape)).astype(predictions.dtype)


@follows_from(ft.partial(share_of_variance, bias=True))
@compiled(static=("reduction",))
def r_squared(
    predictions: Float[Array, "*batch features"],
    targets: Float[Array, "*batch features"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The coefficient of determination of each feature: the share of its variance over
    all rows that is predicted.

    $$R^2_d = 1 - \frac{\sum_n (\hat{x}_{nd} - x_{nd})^2}
    {\sum_n (x_{nd} - \bar{x}_d)^2}$$

    It is 1 for perfect predictions, 0 if the predictions are just the mean, and below 0
    if they are worse than that. A feature that does not vary gives 1 if it is predicted
    exactly, and else 0, as in scikit-learn.

    **Arguments:**

    - `predictions`: $\hat{x}$.
    - `targets`: $x$.
    - `reduction`: over the features: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per feature, in the dtype of
    `predictions`.

    **See also:** [`ngcx.metrics.explained_variance`][], to which a constant error does
    not count.

    ??? cite "Reference"
        Wright, *Correlation and causation*, Journal of Agricultural Research 1921.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import r_squared
    >>> r_squared(jnp.array([[2.5], [0.0], [2.0]]), jnp.array([[3.0], [-0.5], [2.0]]))
    Array(0.9230769, dtype=float32)

    ```
    """
    return _share_of_variance(predictions, targets, reduction, where, bias=True)


@follows_from(ft.partial(share_of_variance, bias=False))
@compiled(static=("reduction",))
def explained_variance(
    predictions: Float[Array, "*batch features"],
    targets: Float[Array, "*batch features"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The share of the variance of each feature over all rows that is predicted up to
    a constant.

    $$1 - \frac{\mathrm{Var}_n(\hat{x}_{nd} - x_{nd})}{\mathrm{Var}_n(x_{nd})}$$

    It is 1 if all errors are equal, and 0 if all predictions are. A feature that does
    not vary gives 1 if its errors are equal, and else 0, as in scikit-learn.

    **Arguments:**

    - `predictions`: $\hat{x}$.
    - `targets`: $x$.
    - `reduction`: over the features: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per feature, in the dtype of
    `predictions`.

    **See also:** [`ngcx.metrics.r_squared`][], to which a constant error counts.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import explained_variance
    >>> explained_variance(jnp.array([[2.0], [3.0]]), jnp.array([[0.0], [1.0]]))
    Array(1., dtype=float32)

    ```
    """
    return _share_of_variance(predictions, targets, reduction, where, bias=False)


@compiled
def bayesian_information_criterion(
    log_likelihood: Float[Array, "*models"],
    num_parameters: NonNegative[Parameter],
    num_samples: Annotated[Parameter, Must("1 or more", lambda value: value >= 1)],
) -> Float[Array, "*models"]:
    r"""The Bayesian information criterion $-2 \ln L + K \ln N$ (Schwarz, 1978).

    The lower it is, the better a model suits the data that it was fitted to.

    **Arguments:**

    - `log_likelihood`: $\ln L$, the maximum over the parameters, for one model or for
        several.
    - `num_parameters`: $K$, how many parameters were fitted: one number, or one per
        model.
    - `num_samples`: $N$, the rows of the data.

    **Returns:** an array of the shape and dtype of `log_likelihood`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import bayesian_information_criterion
    >>> bayesian_information_criterion(jnp.array(-50.0), 3, 100)
    Array(113.81551, dtype=float32)

    ```
    """
    wide = widened(log_likelihood)
    penalty = jnp.asarray(num_parameters, wide.dtype) * jnp.log(
        jnp.asarray(num_samples, wide.dtype)
    )
    return (penalty - 2 * wide).astype(log_likelihood.dtype)


def _share_of_variance(predictions, targets, reduction, where, *, bias: bool):
    *batch, features = predictions.shape
    rows, most = math.prod(batch), max(512 // max(features, 1), 1)
    # XLA adds up wide rows many numbers at once, and narrow ones number by number.
    several = max(size for size in range(1, most + 1) if rows % size == 0)
    shape = rows // several, several, features
    kept = None if where is None else where.reshape(*shape[:2], 1)
    count = rows if where is None else jnp.sum(where, dtype=int)

    def masked(x):
        return x if kept is None else jnp.where(kept, x, 0)

    def total(x):
        return jnp.sum(jnp.sum(x, 0), 0)

    def about_a_row(x):
        known = stop_gradient(x)
        near = known[:1, :1]
        if kept is not None:
            near = jnp.max(known, (0, 1), keepdims=True, initial=-jnp.inf, where=kept)
        return masked(x - near)

    def squares(x):
        mean = total(x) / jnp.maximum(jnp.asarray(count, float), 1)
        return jnp.maximum(total(jnp.square(x)) - total(x) * mean, 0)

    # Little may remain of 1, and a mean that is rounded be off by more than data vary.
    with jax.enable_x64(True):
        # Differences of differences of quarters do not overflow.
        predicted, x = (
            masked(each.astype(float).reshape(shape) / 4)
            for each in (predictions, targets)
        )
        # The spread about any row tells that about the mean, in one reading of the
        # data. No row is further from the mean than the deviation times the root of
        # the number of rows, so that little is lost.
        unit, errors = about_a_row(x), predicted - x
        errors = errors if bias else about_a_row(errors)
        scale = jnp.ones((), float)
        if jnp.float64 in (predictions.dtype, targets.dtype):
            # Squares of narrower dtypes are within range.
            (unit, spread), (errors, size) = (
                rescaled(each, (0, 1)) for each in (unit, errors)
            )
            # A share of less than -1e300 has no gradient left.
            scale = jnp.minimum((size / spread)[0, 0], 1e150)
        error = total(jnp.square(errors)) if bias else squares(errors)
        variance = squares(unit)
        scale = jnp.where((error > 0) & (variance > 0), scale, 1)
        shares = 1 - ratio(error, variance, (error > 0).astype(float)) * scale**2
    return reduce(shares.astype(predictions.dtype), reduction)
