from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import check_count, check_non_negative
from .._precision import widened
from .._typing import Scalar, typed
from ._base import Inputs, Task, check_features, flattened
from ._training import AbstractTrainedProbe


@typed
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
        >>> probe, result = LinearProbe().fit(jax.random.key(1), x, y, batch_size=10)
        >>> bool(probe.score(x, y) > 0.9)
        True
        >>> probe.predict(x).shape, probe(x).shape
        ((200,), (200, 2))

        ```
    """

    task: Task = eqx.field(static=True, default="classification")
    num_classes: int | None = eqx.field(static=True, default=None)
    """`None` takes the columns of the targets, or their largest index plus 1."""
    l1: Scalar = 2.5e-5
    r"""$\lambda_1$, 0 or more."""
    l2: Scalar = 1e-4
    r"""$\lambda_2$, 0 or more."""
    layer_norm: bool = eqx.field(static=True, default=False)
    """Whether $x$ is normalised first, with a trained scale and shift."""
    network: Any = None
    """What was fitted."""

    learning_rate: ClassVar[float] = 1e-3

    def __check_init__(self):
        check_count("num_classes", self.num_classes)
        check_non_negative("l1", self.l1)
        check_non_negative("l2", self.l2)

    def _prepare(self, x: Inputs):
        if isinstance(x, tuple):
            raise ValueError("`x` must be an array for `LinearProbe`; got a pair.")
        rows = flattened(widened(jnp.asarray(x)))
        if self.network is None:
            return rows
        check_features(self.network.linear.in_features, rows)
        return rows.astype(self.network.linear.weight.dtype)

    def _create(self, key, sample, outputs):
        return _Affine(
            eqx.nn.LayerNorm(sample.shape, dtype=sample.dtype)
            if self.layer_norm
            else None,
            eqx.nn.Linear(len(sample), outputs, dtype=sample.dtype, key=key),
        )

    def _penalty(self, network) -> Float[Array, ""]:
        weight = network.linear.weight
        l1, l2 = (jnp.asarray(each, weight.dtype) for each in (self.l1, self.l2))
        return jnp.sum(l1 * jnp.abs(weight) + l2 / 2 * jnp.square(weight))


class _Affine(eqx.Module):
    norm: eqx.nn.LayerNorm | None
    linear: eqx.nn.Linear

    def __call__(self, x: Float[Array, " features"], key: PRNGKeyArray | None):
        del key
        return self.linear(x if self.norm is None else self.norm(x))
