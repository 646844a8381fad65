from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from .._module import Module
from .._numerics import mean, power_of_two, ratio, rescaled
from .._typing import Count, NonNegative, Scalar
from ..ops import layer_normalize
from ._base import Inputs, Task, flattened, in_dtype
from ._training import AbstractTrainedProbe


class LinearProbe(AbstractTrainedProbe):
    r"""A linear model with an elastic net (Zou and Hastie, 2005).

    $$\hat{y} = W x + b, \qquad
    \text{loss} + \lambda_1 \lVert W \rVert_1
    + \tfrac{1}{2} \lambda_2 \lVert W \rVert_2^2$$

    $\hat{y}$ are the logits of the classes, or the values. Tokens are concatenated into
    one vector $x$.

    For training, features and values are scaled to the mean 0 and the (population)
    variance 1 over the samples of the fit, so that the loss and its penalties mean the
    same in all units. By default, it is trained by L-BFGS (Liu and Nocedal, 1989) on
    all samples at once until the minimum; the result says whether that was reached.
    With a `batch_size`, it is trained by Adam. For $|w| < 0.001$, $|w|$ is smoothed to
    $500 w^2$.

    **Arguments:**

    - `task`: the kind of targets: `"classification"`, of class indices or rows of
        probabilities, or `"regression"`, of values.
    - `num_classes`: how many classes there are. With `None`, it is the number of
        columns of the targets, or their largest index plus 1.
    - `l1`: the strength $\lambda_1$ of the sum of the magnitudes of $W$.
    - `l2`: the strength $\lambda_2$ of the sum of the squares of $W$.
    - `layer_norm`: whether the features of each $x$ are standardised first.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.analysis import LinearProbe
        >>> x = jax.random.normal(jax.random.key(0), (200, 8))
        >>> y = (x[:, 0] > 0).astype(int)
        >>> fitted, result = LinearProbe().fit(jax.random.key(1), x, y)
        >>> bool(fitted.score(x, y) > 0.9), bool(result.converged)
        (True, True)
        >>> fitted.predict(x).shape, fitted(x).shape
        ((200,), (200, 2))

        ```
    """

    task: Task = eqx.field(static=True, default="classification")
    num_classes: Count | None = eqx.field(static=True, default=None)
    l1: NonNegative[Scalar] = 2.5e-5
    l2: NonNegative[Scalar] = 1e-4
    layer_norm: bool = eqx.field(static=True, default=False)

    batch_size: ClassVar = None
    epochs: ClassVar = 500

    def _prepare(self, x: Inputs, dtype):
        if isinstance(x, tuple):
            raise ValueError("`x` must be an array for `LinearProbe`; got a pair.")
        x = in_dtype(flattened(x), dtype)
        return layer_normalize(x) if self.layer_norm else x

    def _create(self, key, sample, outputs):
        linear = eqx.nn.Linear(len(sample), outputs, dtype=sample.dtype, key=key)
        return _Affine(len(sample), linear)

    def _optimizer(self, whole):
        return _LBFGS if whole else _ADAM

    def _penalty(self, network) -> Float[Array, ""]:
        weight = network.linear.weight
        l1, l2 = (jnp.asarray(each, weight.dtype) for each in (self.l1, self.l2))
        # There is no kink at 0, so that the minimum has no slope.
        size = jnp.abs(weight)
        size = jnp.where(size < _WIDTH, size * size / (2 * _WIDTH), size - _WIDTH / 2)
        return jnp.sum(l1 * size + l2 / 2 * jnp.square(weight))

    def _frame(self, samples, y):
        values = y.astype(samples.dtype) if self.task == "regression" else None
        return _Units.of(samples), None if values is None else _Units.of(values)

    def _placed(self, frame, samples, y):
        inputs, outputs = frame
        if outputs is not None:
            y = outputs.placed(y.astype(samples.dtype))
        return inputs.placed(samples), y

    def _restored(self, frame, network):
        inputs, outputs = frame
        weight, bias = network.linear.weight, network.linear.bias
        weight = ratio(weight, inputs.deviation[None])
        bias = bias - weight @ inputs.center
        weight = weight * inputs.shrink[None]
        if outputs is not None:
            scale = outputs.deviation / outputs.shrink
            weight = weight * scale[:, None]
            bias = bias * scale + outputs.center / outputs.shrink
        linear = network.linear
        linear = eqx.tree_at(
            lambda each: (each.weight, each.bias), linear, (weight, bias)
        )
        return _Affine(network.features, linear)


_WIDTH = 1e-3
_ADAM = optax.adam(1e-2)
# The usual search along a line takes as many steps, and twice as long to compile. Near
# the minimum, losses differ by less than their rounding errors.
_LBFGS = optax.lbfgs(
    linesearch=optax.scale_by_backtracking_linesearch(20, rtol=1e-6, atol=1e-6)
)


class _Units(Module):
    """The mean and the deviation of columns that were shrunk to less than 1."""

    shrink: Float[Array, " columns"]
    center: Float[Array, " columns"]
    deviation: Float[Array, " columns"]

    @classmethod
    def of(cls, rows):
        shrink = power_of_two(jnp.max(jnp.abs(rows), 0))
        rows = rows * shrink[None]
        # The distances of equal rows are exactly 0, unlike those from their mean.
        distances = rows - rows[:1]
        center = mean(distances, 0)
        unit, scale = rescaled(distances - center[None], 0)
        deviation = scale[0] * jnp.sqrt(mean(jnp.square(unit), 0))
        return cls(shrink, rows[0] + center, deviation)

    def placed(self, rows):
        return ratio(rows * self.shrink[None] - self.center[None], self.deviation[None])


class _Affine(Module):
    features: int = eqx.field(static=True)
    linear: eqx.nn.Linear

    def __call__(self, x: Float[Array, " features"], key=None):
        if key is not None:  # samples of the training are of order 1
            return self.linear(x)
        # Products that overflow in both directions would add up to NaN, and infinite
        # logits have no probabilities.
        shrink = jnp.minimum(power_of_two(jnp.max(jnp.abs(x), initial=0)), 1)
        sums, limit = self.linear.weight @ (x * shrink), float(jnp.finfo(x.dtype).max)
        outputs = jnp.clip(sums / shrink, -limit, limit)
        bias: Any = self.linear.bias  # it has one
        return jnp.where(jnp.isfinite(sums), outputs, sums) + bias
