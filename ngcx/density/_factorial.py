"""Mixtures whose features are independent within a component, and whose components
follow from their means.
"""

import abc
from typing import TypeVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from .._checks import check_positive
from .._compiled import compiled
from .._precision import widened
from .._typing import typed
from ..ops._numbers import shrinking
from ._base import UNFITTED, AbstractMixture, Fitted, as_shares, check_components
from ._em import Statistics, total_count, unless_nothing


F = TypeVar("F", bound="AbstractFactorialMixture")


class AbstractFactorialMixture(AbstractMixture):
    """The M-step gives each component the mean of its rows, which determines it."""

    @abc.abstractmethod
    def _means(self) -> Float[Array, "components features"]:
        """Of the components."""

    @abc.abstractmethod
    def _unit(self) -> Float[Array, "1 features"]:
        """A factor of each feature, with which sums over rows do not overflow."""

    @abc.abstractmethod
    def _with_means(self: F, weights, means) -> F:
        """With these, moved to where the density is finite."""

    @compiled
    def maximize(self: F, statistics: Statistics) -> F:
        counts = statistics.counts
        some = counts > 0
        means = statistics.moments / jnp.where(some, counts, 1)[:, None]
        means = means / self._unit()
        means = jnp.where(some[:, None], means, self._means())
        new = self._with_means(counts / total_count(statistics), means)
        return unless_nothing(statistics, self, new)

    @property
    def num_parameters(self) -> int:
        return self.num_components - 1 + self._fitted()._means().size

    def _local(self, x):
        return x

    def _moments(self, local, responsibilities):
        return responsibilities @ (local.T * self._unit())

    def _own_moments(self, counts):
        return counts[:, None] * (self._means() * self._unit())

    def _around(self: F, x, weight) -> F:
        components = self.num_components
        mean = x @ (weight / jnp.sum(weight))
        means = jnp.broadcast_to(mean[None], (components, mean.size))
        return self._with_means(jnp.full(components, 1 / components, x.dtype), means)

    def _coordinates(self, x):
        return x.T

    def _started(self: F, x, weight, seeds) -> F:
        every = jnp.ones(self.num_components, bool)
        return self._reseeded(every, self.weights, seeds)

    def _reseeded(self: F, empty, weights, seeds) -> F:
        # Half way to a row: at the row itself, other rows would be next to impossible.
        means = seeds / 2 + self.weights[None] @ self._means() / 2
        means = jnp.where(empty[:, None], means, self._means())
        return self._with_means(weights, means)


@typed
class BernoulliMixture(AbstractFactorialMixture):
    r"""A mixture of binary vectors whose features are independent in each component:

    $$p(x) = \sum_k \pi_k \prod_d p_{kd}^{x_d} (1 - p_{kd})^{1 - x_d}$$

    Rows may lie between 0 and 1 as well, as grey values do.
    """

    num_components: int = eqx.field(static=True)
    probability_floor: float = eqx.field(static=True, default=1e-6)
    """`fit` keeps probabilities this far away from 0 and 1, so that a component can
    explain a row unlike those before."""
    weights: Fitted[Float[Array, " components"]] = eqx.field(
        default=UNFITTED, kw_only=True
    )
    r"""$\pi$, which add up to 1."""
    probabilities: Fitted[Float[Array, "components features"]] = eqx.field(
        default=UNFITTED, kw_only=True
    )
    """$p$, of a 1. One of 0, or that of a 0, counts as the smallest normal number."""
    support = "numbers from 0 to 1"

    def __check_init__(self):
        check_components(self, self.probabilities)
        if not 0 <= self.probability_floor < 0.5:
            raise ValueError(
                "`probability_floor` must be from 0 to less than 0.5; got "
                f"{self.probability_floor}."
            )

    @classmethod
    @typed
    def from_parameters(
        cls,
        weights: Float[Array, " components"],
        probabilities: Float[Array, "components features"],
        probability_floor: float = 1e-6,
    ) -> "BernoulliMixture":
        """With given parameters; weights count relative to their sum."""
        return cls(
            len(weights),
            probability_floor,
            weights=as_shares(weights),
            probabilities=widened(probabilities),
        )

    def _means(self):
        return self.probabilities

    def _unit(self):
        return jnp.ones_like(self.probabilities[:1])

    def _with_means(self, weights, means):
        floor = self.probability_floor
        means = jnp.clip(means, floor, 1 - floor)
        return BernoulliMixture(
            self.num_components, floor, weights=weights, probabilities=means
        )

    def _in_support(self, x):
        return ~((x < 0) | (x > 1))

    def _component_log_prob(self, local):
        # As two products, not one with the log-odds, which would cancel near 1.
        tiny = jnp.finfo(local.dtype).tiny
        one = jnp.log(jnp.maximum(self.probabilities, tiny))
        zero = jnp.log(jnp.maximum(1 - self.probabilities, tiny))
        return one @ local + zero @ (1 - local)

    def _draw(self, key, labels):
        probabilities = self.probabilities[labels]
        return jr.bernoulli(key, probabilities).astype(probabilities.dtype)


@typed
class ExponentialMixture(AbstractFactorialMixture):
    r"""A mixture of positive vectors whose features are independent and exponential in
    each component:

    $$p(x) = \sum_k \pi_k \prod_d \lambda_{kd} e^{-\lambda_{kd} x_d}, \quad x \geq 0$$
    """

    num_components: int = eqx.field(static=True)
    mean_floor: float = eqx.field(static=True, default=1e-6)
    r"""`fit` keeps the means $1 / \lambda$ above this, relative to the mean of the
    feature in all components (to 1 if that is 0)."""
    weights: Fitted[Float[Array, " components"]] = eqx.field(
        default=UNFITTED, kw_only=True
    )
    r"""$\pi$, which add up to 1."""
    rates: Fitted[Float[Array, "components features"]] = eqx.field(
        default=UNFITTED, kw_only=True
    )
    r"""$\lambda$, the inverse of the mean."""
    support = "finite numbers of 0 or more"

    def __check_init__(self):
        check_components(self, self.rates)
        check_positive("mean_floor", self.mean_floor)

    @classmethod
    @typed
    def from_parameters(
        cls,
        weights: Float[Array, " components"],
        rates: Float[Array, "components features"],
        mean_floor: float = 1e-6,
    ) -> "ExponentialMixture":
        """With given parameters; weights count relative to their sum."""
        return cls(
            len(weights), mean_floor, weights=as_shares(weights), rates=widened(rates)
        )

    def _means(self):
        return 1 / self.rates

    def _unit(self):
        return shrinking(jnp.max(self._means(), 0, keepdims=True))

    def _with_means(self, weights, means):
        mean = weights[None] @ means
        floor = self.mean_floor * jnp.where(mean > 0, mean, 1)
        # Means and rates are normal numbers.
        tiny = jnp.finfo(means.dtype).tiny
        means = jnp.clip(jnp.maximum(means, floor), tiny, 1 / tiny)
        return ExponentialMixture(
            self.num_components, self.mean_floor, weights=weights, rates=1 / means
        )

    def _in_support(self, x):
        return ~(x < 0)

    def _component_log_prob(self, local):
        return jnp.sum(jnp.log(self.rates), -1)[:, None] - self.rates @ local

    def _draw(self, key, labels):
        rates = self.rates[labels]
        return jr.exponential(key, rates.shape, rates.dtype) / rates
