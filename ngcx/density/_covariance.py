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

from .._numerics import divided, power_of_two
from .._trees import varying


class Full:
    """Any covariance, whose scale is a Cholesky factor. What its methods do, those of
    the other shapes do as well.
    """

    def from_deviations(self, deviations):
        """Scales of components whose features have these standard deviations."""
        return jax.vmap(jnp.diag)(deviations)

    def from_covariances(self, covariances):
        """Scales of covariances in this shape."""
        # The factor is that of correlations, so that nothing depends on units.
        deviations = jnp.sqrt(jnp.diagonal(covariances, axis1=1, axis2=2))
        outer = deviations[:, :, None] * deviations[:, None]
        return deviations[:, :, None] * jnp.linalg.cholesky(covariances / outer)

    def from_precisions(self, precisions):
        """Scales of covariances whose inverses these are."""
        # Read backwards, the factor of a precision is upper triangular, and the inverse
        # of its transpose is that of the covariance.
        flipped = self.from_covariances(precisions[:, ::-1, ::-1])[:, ::-1, ::-1]
        return _inverse(flipped.mT)

    def covariances(self, scales):
        """Computes `L Lᵀ`, in this shape."""
        return scales @ scales.mT

    def whitened(self, scales, means, center, x):
        """Computes `z = L⁻¹ (x - mean)` first, and what else `moments` needs. `center`
        (1, features) lies among the means.
        """
        components, features = means.shape
        # No sum of products over the rows overflows.
        shrink = power_of_two(jnp.max(jnp.abs(scales), (0, 2)))
        inverse = _inverse(scales * shrink[None, :, None])
        offsets = inverse @ _within((center - means) * shrink[None])[:, :, None]
        # One product for all components, offsets included. From a centre among them, it
        # loses no more than the data lost when they were rounded.
        transform = jnp.concatenate([inverse, offsets], 2)
        ones = jnp.ones((1, x.shape[1]), x.dtype)
        rows = _within((x - center.T) * shrink[:, None])
        rows = jnp.concatenate([rows, ones])
        z = transform.reshape(-1, features + 1) @ rows
        # XLA would rather compute it again than read it twice.
        z = jax.lax.optimization_barrier(z)
        return z.reshape(components, features, -1), rows, transform

    def moments(self, local, weight):
        """The sums over rows of `z` and of `z zᵀ`, in this shape, each times its weight
        (components, rows); `local` is what `whitened` gives.
        """
        z, rows, transform = local
        components, features, _ = z.shape
        # One product again: `z zᵀ` is `z rowsᵀ transformᵀ`. It loses what `z` has lost
        # already, at most: 1e-4 for a component at 1,000 of its deviations.
        weighted = (z * weight[:, None]).reshape(components * features, -1)
        products = (weighted @ rows.T).reshape(components, features, -1)
        return products[:, :, -1], products @ transform.mT

    def coloured(self, scales, noise):
        """Computes `L noise` of one component, for rows (rows, features)."""
        return noise @ scales.T

    def shifted(self, scales, shift):
        """Computes `L shift` for a shift (components, features)."""
        return jnp.einsum("kij,kj->ki", scales, shift)

    def reordered(self, scales, features):
        """The scales of these features, a tuple, in that order."""
        return _lower(scales[:, jnp.asarray(features)])

    def conditional(self, scales, features, rest, offsets):
        """How far the means of `rest` move, and the scales of these features, where
        `features` are at `offsets` from their means.
        """
        scales, given = self.reordered(scales, (*features, *rest)), len(features)
        z = _solve(scales[:, :given, :given], offsets[:, :, None])
        return (scales[:, given:, :given] @ z)[:, :, 0], scales[:, given:, given:]

    def log_determinant(self, scales, features):
        """Computes ln |L|."""
        return jnp.sum(jnp.log(jnp.diagonal(scales, axis1=1, axis2=2)), -1)

    def identity(self, scales):
        """The mean of `z zᵀ`, in this shape, if all rows come from the component."""
        eye = jnp.eye(scales.shape[1], dtype=scales.dtype)
        return jnp.broadcast_to(eye, scales.shape)

    def central(self, squares, shift):
        """Mean squares about their mean `shift`."""
        return squares - shift[:, :, None] * shift[:, None]

    def sizes(self, scales):
        """The largest number that makes up the deviation of each feature."""
        return jnp.max(jnp.abs(scales), -1)

    def variances(self, scales, squares, unit):
        """The diagonal of `L squares Lᵀ`, in units squared of each feature."""
        scales = divided(scales, unit[:, :, None])
        return jnp.einsum("kdi,kij,kdj->kd", scales, squares, scales)

    def rescaled(self, scales, squares, floor):
        """The scales of the covariances nearest to `L squares Lᵀ` in likelihood that
        are not below `floor`, a standard deviation a feature, in any direction.
        """
        root = jnp.linalg.cholesky(squares)
        regular = scales @ root
        # The floor in units of the new scales. Its norm is no less than what it is in
        # any direction, so that where this is below 1, no direction is below the floor.
        units = _solve(root, _inverse(scales / floor[:, :, None]))
        above = jnp.sum(jnp.square(units), (1, 2)) <= 1

        def floored():
            # The unit is the floor, which is then 1 in every direction.
            units = scales / floor[:, :, None]
            values, vectors = jnp.linalg.eigh(units @ squares @ units.mT)
            root = jnp.sqrt(jnp.maximum(values, 1))[:, :, None] * vectors.mT
            # QR finds the factor, because a product of the root with itself would be
            # rounded below the floor where a component is much wider in some other
            # direction.
            lower = _lower(root.mT) * floor[:, :, None]
            return jnp.where(above[:, None, None], regular, lower)

        return jax.lax.cond(jnp.all(above), lambda: varying(regular, floor), floored)

    def num_parameters(self, features):
        """How many numbers make up the covariance of one component."""
        return features * (features + 1) // 2


class AbstractDeviations(abc.ABC):
    """Standard deviations (components, features), or (components, 1) for all features
    together.
    """

    @abc.abstractmethod
    def pooled(self, squares) -> Array:
        """The mean over the features that share one deviation."""

    @abc.abstractmethod
    def from_deviations(self, deviations) -> Array:
        """Scales of components whose features have these standard deviations."""

    @abc.abstractmethod
    def reordered(self, scales, features) -> Array:
        """The scales of these features, a tuple, in that order."""

    def from_covariances(self, covariances):
        return jnp.sqrt(covariances).reshape(len(covariances), -1)

    def from_precisions(self, precisions):
        return 1 / self.from_covariances(precisions)

    def whitened(self, scales, means, center, x):
        return (_standardised(x, means[:, :, None], scales[:, :, None]),)

    def moments(self, local, weight):
        weighted = local[0] * weight[:, None]
        squares = self.pooled(jnp.sum(weighted * local[0], -1))
        return jnp.sum(weighted, -1), squares

    def coloured(self, scales, noise):
        return noise * scales[None]

    def shifted(self, scales, shift):
        return scales * shift

    def conditional(self, scales, features, rest, offsets):
        return jnp.zeros_like(offsets[:, :1]), self.reordered(scales, rest)

    def log_determinant(self, scales, features):
        return features // scales.shape[1] * jnp.sum(jnp.log(scales), -1)

    def identity(self, scales):
        return jnp.ones_like(scales)

    def central(self, squares, shift):
        return jnp.maximum(squares - self.pooled(jnp.square(shift)), 0)

    def sizes(self, scales):
        return scales

    def variances(self, scales, squares, unit):
        return jnp.square(divided(scales, unit)) * squares

    def rescaled(self, scales, squares, floor):
        # The mean variance is what the likelihood depends on.
        return jnp.maximum(scales * jnp.sqrt(squares), self.from_deviations(floor))


class Diagonal(AbstractDeviations):
    """A variance of each feature."""

    def from_deviations(self, deviations):
        return deviations

    def covariances(self, scales):
        return jnp.square(scales)

    def num_parameters(self, features):
        return features

    def reordered(self, scales, features):
        return scales[:, jnp.asarray(features)]

    def pooled(self, squares):
        return squares


class Spherical(AbstractDeviations):
    """One variance of all features."""

    def from_deviations(self, deviations):
        largest = jnp.max(deviations, -1, keepdims=True)
        shares = divided(deviations, largest)
        return largest * jnp.sqrt(self.pooled(jnp.square(shares)))

    def covariances(self, scales):
        return jnp.square(scales[:, 0])

    def num_parameters(self, features):
        return 1

    def reordered(self, scales, features):
        return scales

    def pooled(self, squares):
        return jnp.mean(squares, -1, keepdims=True)


COVARIANCES = {
    "full": Full(),
    "tied": Full(),  # the same one for all, see `Gaussians`
    "diagonal": Diagonal(),
    "spherical": Spherical(),
}


@jax.custom_jvp
def _standardised(x, means, deviations):
    return _within((x[None] - means) / deviations)


@_standardised.defjvp
def _standardised_jvp(primals, tangents):
    x, means, deviations = primals
    dx, dmeans, ddeviations = tangents
    z = _standardised(x, means, deviations)
    return z, (dx[None] - dmeans - in_reach(z) * ddeviations) / deviations


def _within(z):
    """`z`, up to a limit that is so far away that the square is infinite, while no
    product is.
    """
    limit = float(jnp.finfo(z.dtype).max) ** 0.55
    return jnp.clip(z, -limit, limit)


def in_reach(z):
    """`z`, and 0 where its square is infinite: where a density is 0, so is its
    derivative, and infinity times 0 would be NaN.
    """
    return jnp.where(jnp.isinf(jnp.square(z)), 0, z)


def _inverse(scales):
    eye = jnp.eye(scales.shape[-1], dtype=scales.dtype)
    return _solve(scales, jnp.broadcast_to(eye, scales.shape))


def _lower(roots):
    """The Cholesky factor `L` with `L Lᵀ = root rootᵀ`."""
    upper = jnp.linalg.qr(roots.mT, mode="r")
    sign = jnp.sign(jnp.diagonal(upper, axis1=1, axis2=2))
    return (upper * sign[:, :, None]).mT


def _solve(lower, right):
    return triangular_solve(lower, right, left_side=True, lower=True)
