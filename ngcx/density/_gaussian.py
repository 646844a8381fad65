import math
from typing import Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from .._checks import check_positive
from .._compiled import compiled
from .._precision import widened
from .._typing import typed
from ..ops._numbers import divided
from ._base import UNFITTED, AbstractMixture, Fitted, as_shares, check_components
from ._covariance import COVARIANCES, half_square
from ._em import Statistics, total_count, unless_nothing


Covariance: TypeAlias = Literal["full", "diagonal", "spherical"]


@typed
class GaussianMixture(AbstractMixture):
    r"""A mixture of normal distributions:

    $$p(x) = \sum_k \pi_k \, \mathcal{N}(x; \mu_k, \Sigma_k)$$

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.density import GaussianMixture
        >>> x = jnp.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
        >>> mixture, result = GaussianMixture(2).fit(jax.random.key(0), x)
        >>> labels = mixture.predict(x)
        >>> print(labels != labels[0], result.converged)
        [False False False  True  True  True] True

        ```
    """

    num_components: int = eqx.field(static=True)
    covariance: Covariance = eqx.field(static=True, default="full")
    r"""The shape of $\Sigma_k$: any, a variance for each feature, or one for all."""
    covariance_floor: float = eqx.field(static=True, default=1e-6)
    """`fit` keeps the variances above this, relative to the variance of the feature in
    the whole mixture (to 1 if that is 0), so that no component collapses."""
    weights: Fitted[Float[Array, " components"]] = eqx.field(
        default=UNFITTED, kw_only=True
    )
    r"""$\pi$, which add up to 1."""
    means: Fitted[Float[Array, "components features"]] = eqx.field(
        default=UNFITTED, kw_only=True
    )
    r"""$\mu$."""
    scales: Fitted[Float[Array, "components *shape"]] = eqx.field(
        default=UNFITTED, kw_only=True
    )
    r"""What $\Sigma$ is the square of: lower Cholesky factors (components, features,
    features), or standard deviations (components, features) or (components,)."""
    support = "finite numbers"

    def __check_init__(self):
        check_components(self, self.means)
        check_positive("covariance_floor", self.covariance_floor)

    @classmethod
    @typed
    def from_parameters(
        cls,
        weights: Float[Array, " components"],
        means: Float[Array, "components features"],
        covariances: Float[Array, "components *shape"],
        covariance: Covariance = "full",
        covariance_floor: float = 1e-6,
    ) -> "GaussianMixture":
        """With given parameters; weights count relative to their sum.

        `covariances` are of shape (components, features, features), of variances
        (components, features), or (components,), as `covariance` says.

        **Raises:** `ValueError` for another shape.
        """
        components, features = means.shape
        shape = (components, features, features)[: _NDIM[covariance]]
        if covariances.shape != shape:
            raise ValueError(
                f"`covariances` must have the shape {shape}, since `covariance` is "
                f"{covariance!r}; got {covariances.shape}."
            )
        return cls(
            components,
            covariance,
            covariance_floor,
            weights=as_shares(weights),
            means=widened(means),
            scales=COVARIANCES[covariance].from_covariances(widened(covariances)),
        )

    @property
    def covariances(self) -> Float[Array, "components *shape"]:
        r"""$\Sigma$, in the shape of `scales`."""
        return self._kind.covariances(self._fitted().scales)

    @property
    def num_parameters(self) -> int:
        features = self._fitted().means.shape[1]
        each = features + self._kind.num_parameters(features) + 1
        return self.num_components * each - 1

    @compiled
    def maximize(self, statistics: Statistics) -> "GaussianMixture":
        kind, counts = self._kind, statistics.counts
        first, squares = statistics.moments
        some = counts > 0
        counts = jnp.where(some, counts, 1)
        shift = first / counts[:, None]
        squares = kind.central(_times(1 / counts, squares), shift)
        squares = _where(some, squares, kind.identity(self.scales, shift.shape[1]))
        means = self.means + kind.shifted(self.scales, shift)
        weights = statistics.counts / total_count(statistics)
        floor = self._floor(weights, means, squares)
        scales = kind.rescaled(self.scales, squares, floor)
        new = self._with(weights, means, _where(some, scales, self.scales))
        return unless_nothing(statistics, self, new)

    def _floor(self, weights, means, squares):
        """The smallest standard deviation of each feature."""
        # The variance of the whole mixture is that of the data, after every step. In
        # units of its largest part, nothing over- or underflows.
        kind = self._kind
        offsets = means - weights[None] @ means
        unit = jnp.maximum(jnp.abs(offsets), kind.sizes(self.scales))
        unit = jnp.max(unit, 0, keepdims=True)
        variances = kind.variances(self.scales, squares, unit)
        variance = weights[None] @ (variances + jnp.square(divided(offsets, unit)))
        deviation = jnp.where(variance > 0, unit * jnp.sqrt(variance), 1)
        # What the numbers themselves can resolve, or a feature that is constant would
        # stand and fall with the rounding of its mean.
        resolution = jnp.finfo(means.dtype).eps * jnp.abs(means)
        return jnp.maximum(math.sqrt(self.covariance_floor) * deviation, resolution)

    @property
    def _kind(self):
        return COVARIANCES[self.covariance]

    def _with(self, weights, means, scales):
        return GaussianMixture(
            self.num_components,
            self.covariance,
            self.covariance_floor,
            weights=weights,
            means=means,
            scales=scales,
        )

    def _local(self, x):
        center = jax.lax.stop_gradient(self.weights[None] @ self.means)
        return self._kind.whitened(self.scales, self.means, center, x)

    def _in_support(self, x):
        return ~jnp.isinf(x)

    def _component_log_prob(self, local):
        features = self.means.shape[1]
        volume = self._kind.log_determinant(self.scales, features)
        volume += features / 2 * math.log(2 * math.pi)
        return -half_square(local[0]) - volume[:, None]

    def _moments(self, local, responsibilities):
        return self._kind.moments(local, responsibilities)

    def _own_moments(self, counts):
        squares = self._kind.identity(self.scales, self.means.shape[1])
        return jnp.zeros_like(self.means), _times(counts, squares)

    def _around(self, x, weight):
        components, kind = self.num_components, self._kind
        mean = x @ (weight / jnp.sum(weight))
        distance = jnp.where(weight[None] > 0, jnp.abs(x - mean[:, None]), 0)
        reach = jnp.max(distance, 1)
        reach = jnp.where(reach > 0, reach, 1)

        def alike(array):
            return jnp.broadcast_to(array[None], (components, x.shape[0]))

        weights = jnp.full(components, 1 / components, x.dtype)
        scales = kind.from_deviations(alike(reach))
        rough = self._with(weights, alike(mean), scales)
        shares = jnp.broadcast_to(weight / components, (components, len(weight)))
        counts = jnp.sum(shares, -1)
        return rough.maximize(
            Statistics(
                jnp.zeros_like(mean[0]),
                counts,
                rough._moments(rough._local(x), shares),
            )
        )

    def _coordinates(self, x):
        mean = self.means[:1]
        return self._kind.whitened(self.scales[:1], mean, mean, x)[0][0].T

    def _started(self, x, weight, seeds):
        # As wide, all together, as the rows are spread about the seeds next to them.
        kind = self._kind
        mixture = self._with(self.weights, seeds, self.scales)
        local = mixture._local(x)
        nearest = jnp.argmin(jnp.sum(jnp.square(local[0]), 1), 0)
        member = jax.nn.one_hot(nearest, self.num_components, axis=0, dtype=x.dtype)
        _, squares = kind.moments(local, member * weight[None])
        squares = jnp.broadcast_to(
            jnp.sum(squares, 0, keepdims=True) / jnp.sum(weight), squares.shape
        )
        own = kind.identity(self.scales, x.shape[0])
        floor = self._floor(self.weights, self.means, own)
        scales = kind.rescaled(self.scales, squares, floor)
        return self._with(self.weights, seeds, scales)

    def _reseeded(self, empty, weights, seeds):
        means = jnp.where(empty[:, None], seeds, self.means)
        heaviest = self.scales[jnp.argmax(self.weights)]
        scales = _where(empty, heaviest[None], self.scales)
        return self._with(weights, means, scales)

    def _draw(self, key, labels):
        shape = (*labels.shape, self.means.shape[1])
        noise = jr.normal(key, shape, self.means.dtype)

        # One component at a time: a scale for each row would need much more memory.
        def colour(k, rows):
            own = self._kind.coloured(self.scales[k], noise)
            return jnp.where(labels[:, None] == k, own, rows)

        coloured = jax.lax.fori_loop(0, self.num_components, colour, noise)
        return self.means[labels] + coloured


_NDIM = {"full": 3, "diagonal": 2, "spherical": 1}


def _times(factors, arrays):
    """One factor for each component."""
    return jnp.einsum("k,k...->k...", factors, arrays)


def _where(components, one, other):
    mask = jnp.reshape(components, (-1,) + (1,) * (other.ndim - 1))
    return jnp.where(mask, one, other)
