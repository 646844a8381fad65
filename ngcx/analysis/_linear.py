from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._module import Module
from .._typing import Count, NonNegative, Scalar
from ._base import Inputs, Task, flattened
from ._training import AbstractTrainedProbe


class LinearProbe(AbstractTrainedProbe):
    r"""A linear model with an elastic net (Zou and Hastie, 2005).

    $$\hat{y} = W x + b, \qquad
    \text{loss} + \lambda_1 \lVert W \rVert_1
    + \tfrac{1}{2} \lambda_2 \lVert W \rVert_2^2$$

    $\hat{y}$ are the logits of the classes, or the values. Tokens are concatenated into
    one vector $x$.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> x = jax.random.normal(jax.random.key(0), (200, 8))
        >>> y = (x[:, 0] > 0).astype(int)
        >>> fitted, result = LinearProbe().fit(jax.random.key(1), x, y, batch_size=10)
        >>> bool(fitted.score(x, y) > 0.9)
        True
        >>> fitted.predict(x).shape, fitted(x).shape
        ((200,), (200, 2))

        ```
    """

    task: Task = eqx.field(static=True, default="classification")
    num_classes: Count | None = eqx.field(static=True, default=None)
    """`None` takes the columns of the targets, or their largest index plus 1."""
    l1: NonNegative[Scalar] = 2.5e-5
    r"""The strength $\lambda_1$ of the sum of the magnitudes of $W$."""
    l2: NonNegative[Scalar] = 1e-4
    r"""The strength $\lambda_2$ of the sum of the squares of $W$."""
    layer_norm: bool = eqx.field(static=True, default=False)
    """Whether $x$ is normalised first, with a trained scale and shift."""

    learning_rate: ClassVar[float] = 1e-3

    def _prepare(self, x: Inputs, dtype):
        if isinstance(x, tuple):
            raise ValueError("`x` must be an array for `LinearProbe`; got a pair.")
        return flattened(x).astype(dtype)

    def _create(self, key, sample, outputs):
        norm = eqx.nn.LayerNorm(sample.shape, dtype=sample.dtype)
        linear = eqx.nn.Linear(len(sample), outputs, dtype=sample.dtype, key=key)
        return _Affine(len(sample), norm if self.layer_norm else None, linear)

    def _penalty(self, network) -> Float[Array, ""]:
        weight = network.linear.weight
        l1, l2 = (jnp.asarray(each, weight.dtype) for each in (self.l1, self.l2))
        return jnp.sum(l1 * jnp.abs(weight) + l2 / 2 * jnp.square(weight))


class _Affine(Module):
    features: int = eqx.field(static=True)
    norm: eqx.nn.LayerNorm | None
    linear: eqx.nn.Linear

    def __call__(self, x: Float[Array, " features"], key: PRNGKeyArray | None):
        del key  # nothing is random
        return self.linear(x if self.norm is None else self.norm(x))
