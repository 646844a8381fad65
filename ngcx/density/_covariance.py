"""Covariances of three shapes, as the scales that whiten rows and colour noise.

A scale `L` with covariance `L Lᵀ` is a Cholesky factor, one standard deviation a
feature, or one for all. All work is done on the whitened `z = L⁻¹ (x - mean)`: it is of
order 1 however the data are scaled, so that moments lose nothing; and a new scale is
the old one times that of the whitened moments.

Arrays: scales (components, ...), means and floors (components, features),
data (features, rows), whitened (components, features, rows).
"""

import abc

import jax
import jax.numpy as jnp
from jax.lax.linalg import triangular_solve
from jaxtyping import Array

from ..ops._numbers import divided, shrinking


class AbstractCovariance(abc.ABC):
    @abc.abstractmethod
    def from_deviations(self, deviations) -> Array:
        """Scales of components whose features have these standard deviations."""

    @abc.abstractmethod
    def from_covariances(self, covariances) -> Array:
        """Scales of covariances in this shape."""

    @abc.abstractmethod
    def covariances(self, scales) -> Array:
        """`L Lᵀ`, in this shape."""

    @abc.abstractmethod
    def whitened(self, scales, means, center, x) -> tuple[Array, ...]:
        """`z = L⁻¹ (x - mean)` first, and what else `moments` needs. `center`
        (1, features) lies among the means.
        """

    @abc.abstractmethod
    def moments(self, local, weight) -> tuple[Array, Array]:
        """The sums over rows of `z` and of `z zᵀ`, in this shape, each times its weight
        (components, rows); `local` is what `whitened` gives.
        """

    @abc.abstractmethod
    def coloured(self, scales, noise) -> Array:
        """`L noise` of one component, for rows (rows, features)."""

    @abc.abstractmethod
    def shifted(self, scales, shift) -> Array:
        """`L shift` for a shift (components, features)."""

    @abc.abstractmethod
    def log_determinant(self, scales, features) -> Array:
        """ln |L|."""

    @abc.abstractmethod
    def identity(self, scales, features) -> Array:
        """`z zᵀ` on average."""

    @abc.abstractmethod
    def central(self, squares, shift) -> Array:
        """Mean squares about their mean `shift`."""

    @abc.abstractmethod
    def sizes(self, scales) -> Array:
        """The largest number that makes up the deviation of each feature."""

    @abc.abstractmethod
    def variances(self, scales, squares, unit) -> Array:
        """The diagonal of `L squares Lᵀ`, in units squared of each feature."""

    @abc.abstractmethod
    def rescaled(self, scales, squares, floor) -> Array:
        """The scales of the covariances nearest to `L squares Lᵀ` in likelihood that
        are not below `floor`, a standard deviation a feature, in any direction.
        """

    @abc.abstractmethod
    def num_parameters(self, features) -> int:
        """Of one component."""


class Full(AbstractCovariance):
    def from_deviations(self, deviations):
        return jax.vmap(jnp.diag)(deviations)

    def from_covariances(self, covariances):
        # Of correlations, so that nothing depends on units.
        deviations = jnp.sqrt(jnp.diagonal(covariances, axis1=1, axis2=2))
        outer = deviations[:, :, None] * deviations[:, None]
        return deviations[:, :, None] * jnp.linalg.cholesky(covariances / outer)

    def covariances(self, scales):
        return scales @ scales.mT

    def whitened(self, scales, means, center, x):
        components, features = means.shape
        # No sum of products over the rows overflows.
        shrink = shrinking(jnp.max(jnp.abs(scales), (0, 2)))
        inverse = _inverse(scales * shrink[None, :, None])
        offsets = inverse @ ((center - means) * shrink[None])[:, :, None]
        # One product for all components, offsets included. From a centre among them, it
        # loses no more than the data lost when they were rounded.
        transform = jnp.concatenate([inverse, offsets], 2)
        ones = jnp.ones((1, x.shape[1]), x.dtype)
        # From so far away that the square of `z` is infinite, while no product is.
        limit = float(jnp.finfo(x.dtype).max) ** 0.75
        rows = jnp.clip((x - center.T) * shrink[:, None], -limit, limit)
        rows = jnp.concatenate([rows, ones])
        z = transform.reshape(-1, features + 1) @ rows
        # XLA would rather compute it again than read it twice.
        z = jax.lax.optimization_barrier(z)
        return z.reshape(components, features, -1), rows, transform

    def moments(self, local, weight):
        z, rows, transform = local
        components, features, _ = z.shape
        # One product again: `z zᵀ` is `z rowsᵀ transformᵀ`. It loses what `z` has lost
        # already, at most: 1e-4 for a component at 1,000 of its deviations.
        weighted = (z * weight[:, None]).reshape(components * features, -1)
        products = (weighted @ rows.T).reshape(components, features, -1)
        return products[:, :, -1], products @ transform.mT

    def coloured(self, scales, noise):
        return noise @ scales.T

    def shifted(self, scales, shift):
        return jnp.einsum("kij,kj->ki", scales, shift)

    def log_determinant(self, scales, features):
        return jnp.sum(jnp.log(jnp.diagonal(scales, axis1=1, axis2=2)), -1)

    def identity(self, scales, features):
        return jnp.broadcast_to(jnp.eye(features, dtype=scales.dtype), scales.shape)

    def central(self, squares, shift):
        return squares - shift[:, :, None] * shift[:, None]

    def sizes(self, scales):
        return jnp.max(jnp.abs(scales), -1)

    def variances(self, scales, squares, unit):
        scales = divided(scales, unit[:, :, None])
        return jnp.einsum("kdi,kij,kdj->kd", scales, squares, scales)

    def rescaled(self, scales, squares, floor):
        root = jnp.linalg.cholesky(squares)
        regular = scales @ root
        # The floor in units of the new scales. Its norm is no less than what it is in
        # any direction, so that where this is below 1, no direction is below the floor.
        units = _solve(root, _inverse(scales / floor[:, :, None]))
        above = jnp.sum(jnp.square(units), (1, 2)) <= 1

        def floored():
            # In units of the floor, where it is 1 in every direction.
            units = scales / floor[:, :, None]
            values, vectors = jnp.linalg.eigh(units @ squares @ units.mT)
            root = jnp.sqrt(jnp.maximum(values, 1))[:, :, None] * vectors.mT
            # By QR, because a product of the root with itself would be rounded below
            # the floor where a component is much wider in some other direction.
            upper = jnp.linalg.qr(root, mode="r")
            sign = jnp.sign(jnp.diagonal(upper, axis1=1, axis2=2))
            lower = (upper * sign[:, :, None]).mT * floor[:, :, None]
            return jnp.where(above[:, None, None], regular, lower)

        return jax.lax.cond(jnp.all(above), lambda: regular, floored)

    def num_parameters(self, features):
        return features * (features + 1) // 2


class Diagonal(AbstractCovariance):
    def from_deviations(self, deviations):
        return deviations

    def from_covariances(self, covariances):
        return jnp.sqrt(covariances)

    def covariances(self, scales):
        return jnp.square(scales)

    def whitened(self, scales, means, center, x):
        return (_standardised(x, means[:, :, None], scales[:, :, None]),)

    def moments(self, local, weight):
        weighted = local[0] * weight[:, None]
        return jnp.sum(weighted, -1), jnp.sum(weighted * local[0], -1)

    def coloured(self, scales, noise):
        return noise * scales[None]

    def shifted(self, scales, shift):
        return scales * shift

    def log_determinant(self, scales, features):
        return jnp.sum(jnp.log(scales), -1)

    def identity(self, scales, features):
        return jnp.ones_like(scales)

    def central(self, squares, shift):
        return jnp.maximum(squares - jnp.square(shift), 0)

    def sizes(self, scales):
        return scales

    def variances(self, scales, squares, unit):
        return jnp.square(divided(scales, unit)) * squares

    def rescaled(self, scales, squares, floor):
        return jnp.maximum(scales * jnp.sqrt(squares), floor)

    def num_parameters(self, features):
        return features


class Spherical(AbstractCovariance):
    def from_deviations(self, deviations):
        return _root_mean_square(deviations)

    def from_covariances(self, covariances):
        return jnp.sqrt(covariances)

    def covariances(self, scales):
        return jnp.square(scales)

    def whitened(self, scales, means, center, x):
        return (_standardised(x, means[:, :, None], scales[:, None, None]),)

    def moments(self, local, weight):
        weighted = local[0] * weight[:, None]
        squares = jnp.mean(jnp.sum(weighted * local[0], -1), -1)
        return jnp.sum(weighted, -1), squares

    def coloured(self, scales, noise):
        return noise * scales

    def shifted(self, scales, shift):
        return scales[:, None] * shift

    def log_determinant(self, scales, features):
        return features * jnp.log(scales)

    def identity(self, scales, features):
        return jnp.ones_like(scales)

    def central(self, squares, shift):
        return jnp.maximum(squares - jnp.mean(jnp.square(shift), -1), 0)

    def sizes(self, scales):
        return scales[:, None]

    def variances(self, scales, squares, unit):
        return jnp.square(divided(scales[:, None], unit)) * squares[:, None]

    def rescaled(self, scales, squares, floor):
        # The mean variance is what the likelihood depends on.
        return jnp.maximum(scales * jnp.sqrt(squares), _root_mean_square(floor))

    def num_parameters(self, features):
        return 1


COVARIANCES = {"full": Full(), "diagonal": Diagonal(), "spherical": Spherical()}


@jax.custom_jvp
def half_square(z):
    """Half of the squared length of `z`."""
    return jnp.sum(jnp.square(z), 1) / 2


@half_square.defjvp
def _half_square_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    return half_square(z), jnp.sum(_in_reach(z) * dz, 1)


@jax.custom_jvp
def _standardised(x, means, deviations):
    return (x[None] - means) / deviations


@_standardised.defjvp
def _standardised_jvp(primals, tangents):
    x, means, deviations = primals
    dx, dmeans, ddeviations = tangents
    z = _standardised(x, means, deviations)
    return z, (dx[None] - dmeans - _in_reach(z) * ddeviations) / deviations


def _in_reach(z):
    # Where a density is 0, so is its derivative, and infinity times 0 would be NaN.
    return jnp.where(jnp.isinf(jnp.square(z)), 0, z)


def _root_mean_square(deviations):
    largest = jnp.max(deviations, -1, keepdims=True)
    shares = divided(deviations, largest)
    return largest[:, 0] * jnp.sqrt(jnp.mean(jnp.square(shares), -1))


def _inverse(scales):
    eye = jnp.eye(scales.shape[-1], dtype=scales.dtype)
    return _solve(scales, jnp.broadcast_to(eye, scales.shape))


def _solve(lower, right):
    return triangular_solve(lower, right, left_side=True, lower=True)
