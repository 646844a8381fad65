import dataclasses
import math
from typing import Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from .._numerics import power_of_two
from .._trees import varying
from .._typing import Positive
from ._components import AbstractComponents
from ._covariance import COVARIANCES, in_reach


Covariance: TypeAlias = Literal["full", "tied", "diagonal", "spherical"]


class Gaussians(AbstractComponents):
    r"""Normal distributions $\mathcal{N}(\mu_k, \Sigma_k)$.

    **Arguments:**

    - `means`: $\mu$.
    - `scales`: the square roots of $\Sigma$: lower Cholesky factors (components,
        features, features), or standard deviations (components, features) or
        (components, 1).
    - `covariance`: the shape of $\Sigma_k$: `"full"` for any matrix, `"tied"` for one
        matrix that all components share (their scales are then the same), `"diagonal"`
        for a variance of each feature, `"spherical"` for one variance of all features.
    - `covariance_floor`: a fit keeps the variances above this, relative to the variance
        of the feature in the whole mixture (to 1 if that is 0), so that no component
        collapses.

    Rows beyond a sixteenth of the largest number are outside the support.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.density import Gaussians, Mixture
        >>> weights = jnp.array([0.5, 0.5])
        >>> components = Gaussians(jnp.array([[0.0], [4.0]]), jnp.ones((2, 1, 1)))
        >>> print(Mixture(weights, components).predict(jnp.array([[1.0], [5.0]])))
        [0 1]

        ```
    """

    means: Float[Array, "components features"]
    scales: Float[Array, "components *shape"]
    covariance: Covariance = eqx.field(static=True, default="full")
    covariance_floor: Positive[float] = eqx.field(static=True, default=1e-6)
    support = "finite numbers up to a sixteenth of the largest one"

    def __check_init__(self):
        alike = jax.eval_shape(self._kind.from_deviations, self.means)
        check_shape("scales", self.scales, alike.shape, self.covariance)

    @classmethod
    def around(cls, x, weight, covariance, covariance_floor) -> "Gaussians":
        """One component, fitted to all rows."""
        kind, ones = COVARIANCES[covariance], jnp.ones(1, x.dtype)
        mean = x @ (weight / jnp.sum(weight))
        distance = jnp.where(weight[None] > 0, jnp.abs(x - mean[:, None]), 0)
        reach = jnp.max(distance, 1)
        scales = kind.from_deviations(jnp.where(reach > 0, reach, 1)[None])
        rough = cls(mean[None], scales, covariance, covariance_floor)
        moments = rough.moments(rough._whitened(x, ones), weight[None])
        return rough.maximize(ones, jnp.sum(weight)[None], moments)

    @property
    def covariances(self) -> Float[Array, "*shape"]:
        r"""$\Sigma$: matrices (components, features, features), variances (components,
        features), or (components,); one matrix (features, features) if it is tied.
        """
        covariances = self._kind.covariances(self.scales)
        return covariances[0] if self.covariance == "tied" else covariances

    @property
    def num_parameters(self) -> int:
        components, features = self.means.shape
        scales = 1 if self.covariance == "tied" else components
        return self.means.size + scales * self._kind.num_parameters(features)

    @staticmethod
    def in_support(x):
        # Distances between rows and means, and their sums over features, are finite.
        return ~(jnp.abs(x) > float(jnp.finfo(x.dtype).max) / 16)

    def log_prob(self, x, weights):
        local = self._whitened(x, weights)
        volume = self._kind.log_determinant(self.scales, len(x))
        volume += len(x) / 2 * math.log(2 * math.pi)
        return -_half_square(local[0]) - volume[:, None], local

    def moments(self, local, counted):
        return self._kind.moments(local, counted)

    def own_moments(self, counts):
        squares = self._kind.identity(self.scales)
        return jnp.zeros_like(self.means), jax.vmap(jnp.multiply)(counts, squares)

    def maximize(self, weights, counts, moments):
        kind, (first, squares) = self._kind, moments
        some = counts > 0
        counts = jnp.where(some, counts, 1)
        shift = first / counts[:, None]
        squares = kind.central(jax.vmap(jnp.multiply)(1 / counts, squares), shift)
        squares = jax.vmap(jnp.where)(some, squares, kind.identity(self.scales))
        means = self.means + kind.shifted(self.scales, shift)
        floor = self._floor(weights, means, squares)
        if self.covariance == "tied":
            # Empty ones count for nothing, and have the same scale as the others.
            shared = jnp.tensordot(weights, squares, 1)
            shared = jnp.where(jnp.any(some), shared, squares[0])
            alike = jnp.any(some), shared, jnp.max(floor, 0)
            some, squares, floor = (jnp.stack([each] * len(means)) for each in alike)
        scales = kind.rescaled(self.scales, squares, floor)
        # A component stays as it is where products overflow that would cancel, here or
        # when distances are measured next. NaN in the data shows in the weights.
        z = kind.whitened(scales, means, means[:1], means.T)[0]
        usable = _finite(means, scales, z)
        some &= jnp.all(usable) if self.covariance == "tied" else usable
        means = jnp.where(some[:, None], means, self.means)
        return self._with(means, jax.vmap(jnp.where)(some, scales, self.scales))

    def coordinates(self, x):
        return self._whitened(x, jnp.ones(1, x.dtype))[0][0].T

    def started(self, x, weight, seeds):
        # They are as wide, all together, as the rows are spread about the seeds next to
        # them.
        kind, components = self._kind, len(seeds)
        equal = jnp.full(components, 1 / components, x.dtype)
        alike = jnp.repeat(self.scales, components, 0)
        local = self._with(seeds, alike)._whitened(x, equal)
        nearest = jnp.argmin(jnp.sum(jnp.square(local[0]), 1), 0)
        member = jax.nn.one_hot(nearest, components, axis=0, dtype=x.dtype)
        _, squares = kind.moments(local, member * weight[None])
        squares = jnp.sum(squares, 0, keepdims=True) / jnp.sum(weight)
        own = kind.identity(self.scales)
        floor = self._floor(jnp.ones(1, x.dtype), self.means, own)
        scales = kind.rescaled(self.scales, squares, floor)
        return self._with(seeds, jnp.repeat(scales, components, 0))

    def reseeded(self, weights, empty, seeds):
        means = jnp.where(empty[:, None], seeds, self.means)
        # They are as wide as the heaviest component.
        like = jnp.where(empty, jnp.argmax(weights), jnp.arange(len(empty)))
        return self._with(means, self.scales[like])

    def marginal(self, features):
        scales = self._kind.reordered(self.scales, features)
        return self._with(self.means[:, jnp.asarray(features)], scales)

    def conditional(self, features, rest, values):
        offsets = values[None] - self.means[:, jnp.asarray(features)]
        shift, scales = self._kind.conditional(self.scales, features, rest, offsets)
        return self._with(self.means[:, jnp.asarray(rest)] + shift, scales)

    def sample(self, key, labels):
        shape = (len(labels), self.means.shape[1])
        noise = jr.normal(key, shape, self.means.dtype)

        # One component at a time: a scale for each row would need much more memory.
        def colour(k, rows):
            own = self._kind.coloured(self.scales[k], noise)
            return jnp.where(labels[:, None] == k, own, rows)

        noise = varying(noise, labels, self.scales)
        coloured = jax.lax.fori_loop(0, len(self.means), colour, noise)
        return self.means[labels] + coloured

    @property
    def _kind(self):
        return COVARIANCES[self.covariance]

    def _with(self, means, scales):
        return dataclasses.replace(self, means=means, scales=scales)

    def _whitened(self, x, weights):
        center = jax.lax.stop_gradient(weights[None] @ self.means)
        return self._kind.whitened(self.scales, self.means, center, x)

    def _floor(self, weights, means, squares):
        """The smallest standard deviation of each feature."""
        # The variance of the whole mixture is that of the data, after every step. In
        # units of its largest part, nothing over- or underflows.
        kind = self._kind
        offsets = means - weights[None] @ means
        sizes = jnp.maximum(jnp.abs(offsets), kind.sizes(self.scales))
        shrink = power_of_two(jnp.max(sizes, 0, keepdims=True))
        variances = kind.variances(self.scales, squares, 1 / shrink)
        variance = weights[None] @ (variances + jnp.square(offsets * shrink))
        deviation = jnp.where(variance > 0, jnp.sqrt(variance) / shrink, 1)
        # What the numbers themselves can resolve, or a feature that is constant would
        # stand and fall with the rounding of its mean.
        resolution = jnp.finfo(means.dtype).eps * jnp.abs(means)
        # Subnormal numbers would count as 0.
        resolution = jnp.maximum(resolution, 4 * jnp.finfo(means.dtype).tiny)
        return jnp.maximum(math.sqrt(self.covariance_floor) * deviation, resolution)


def of_all(name: str, matrices, means, covariance: Covariance):
    """Given covariances or precisions of all components. Raises for another shape."""
    kind = COVARIANCES[covariance]
    alike = jax.eval_shape(lambda: kind.covariances(kind.from_deviations(means)))
    tied = covariance == "tied"
    check_shape(name, matrices, alike.shape[tied:], covariance)
    shape = (1, *matrices.shape) if tied else matrices.shape
    return jnp.broadcast_to(matrices.reshape(shape), alike.shape).astype(means.dtype)


def _finite(*arrays):
    """Whether all numbers of a component are finite, for each."""
    each = [jnp.all(jnp.isfinite(x), range(1, x.ndim)) for x in arrays]
    return jnp.all(jnp.stack(each), 0)


def check_shape(name: str, array, shape: tuple, covariance: Covariance):
    """Raises for an array of another shape."""
    if array.shape != shape:
        raise ValueError(
            f"`{name}` must have the shape {shape}, since `covariance` is "
            f"{covariance!r}; got {array.shape}."
        )


@jax.custom_jvp
def _half_square(z):
    """Half of the squared length of `z`."""
    return jnp.sum(jnp.square(z), 1) / 2


@_half_square.defjvp
def _half_square_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    return _half_square(z), jnp.sum(in_reach(z) * dz, 1)
