"""Components whose features are independent, and which follow from their means."""

import abc
from typing import Annotated, Self

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jaxtyping import Array, Float

from .._numerics import power_of_two
from .._typing import Must, Positive
from ._components import AbstractComponents


ProbabilityFloor = Annotated[
    float, Must("from 0 to less than 0.5", lambda value: 0 <= value < 0.5)
]


class AbstractFactorial(AbstractComponents):
    """The M-step gives each component the mean of its rows, which determines it."""

    @abc.abstractmethod
    def _means(self) -> Float[Array, "components features"]:
        """The means of the components."""

    @abc.abstractmethod
    def _unit(self) -> Float[Array, "1 features"]:
        """A factor of each feature, with which sums over rows do not overflow."""

    @abc.abstractmethod
    def _with(self, weights, means) -> Self:
        """Components of these means, moved to where the density is finite."""

    @classmethod
    def around(cls, x, weight, floor) -> Self:
        """One component, fitted to all rows."""
        mean = x @ (weight / jnp.sum(weight))
        # All that `_with` takes from these components is their floor.
        like = cls(mean[None], floor)  # pyright: ignore[reportCallIssue]
        return like._with(jnp.ones(1, x.dtype), mean[None])

    @property
    def num_parameters(self) -> int:
        return self._means().size

    def moments(self, local, counted):
        return counted @ (local.T * self._unit())

    def own_moments(self, counts):
        return counts[:, None] * (self._means() * self._unit())

    def maximize(self, weights, counts, moments):
        some = counts > 0
        means = moments / jnp.where(some, counts, 1)[:, None]
        means = means / self._unit()
        return self._with(weights, jnp.where(some[:, None], means, self._means()))

    def coordinates(self, x):
        return x.T

    def started(self, x, weight, seeds):
        equal = jnp.full(len(seeds), 1 / len(seeds), x.dtype)
        # Half way to a row: at the row itself, others would be next to impossible.
        return self._with(equal, seeds / 2 + self._means() / 2)

    def reseeded(self, weights, empty, seeds):
        means = seeds / 2 + weights[None] @ self._means() / 2
        return self._with(weights, jnp.where(empty[:, None], means, self._means()))

    def marginal(self, features):
        return jtu.tree_map(lambda leaf: leaf[:, jnp.asarray(features)], self)

    def conditional(self, features, rest, values):
        return self.marginal(rest)


class Bernoullis(AbstractFactorial):
    r"""Binary vectors of independent features, $\prod_d p_{kd}^{x_d}
    (1 - p_{kd})^{1 - x_d}$.

    **Arguments:**

    - `probabilities`: $p$, the probability of a 1. A probability of 0, or 1 minus a
        probability of 1, counts as the smallest normal number.
    - `probability_floor`: a fit keeps probabilities this far away from 0 and 1, so that
        a component can explain a row unlike those before.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.density import Bernoullis, Mixture
        >>> weights = jnp.array([0.5, 0.5])
        >>> components = Bernoullis(jnp.array([[0.9, 0.9], [0.1, 0.1]]))
        >>> rows = jnp.array([[1.0, 1.0], [0.0, 0.0]])
        >>> print(Mixture(weights, components).predict(rows))
        [0 1]

        ```
    """

    probabilities: Float[Array, "components features"]
    probability_floor: ProbabilityFloor = eqx.field(static=True, default=1e-6)
    support = "numbers from 0 to 1"

    @staticmethod
    def in_support(x):
        return ~((x < 0) | (x > 1))

    def log_prob(self, x, weights):
        # Two products take the place of one with the log-odds, which would cancel
        # near 1.
        tiny = jnp.finfo(x.dtype).tiny
        one = jnp.log(jnp.maximum(self.probabilities, tiny))
        zero = jnp.log(jnp.maximum(1 - self.probabilities, tiny))
        return one @ x + zero @ (1 - x), x

    def sample(self, key, labels):
        probabilities = self.probabilities[labels]
        return jr.bernoulli(key, probabilities).astype(probabilities.dtype)

    def _means(self):
        return self.probabilities

    def _unit(self):
        return jnp.ones_like(self.probabilities[:1])

    def _with(self, weights, means):
        floor = self.probability_floor
        return Bernoullis(jnp.clip(means, floor, 1 - floor), floor)


class Exponentials(AbstractFactorial):
    r"""Positive vectors of independent features, $\prod_d \lambda_{kd}
    e^{-\lambda_{kd} x_d}$.

    **Arguments:**

    - `rates`: $\lambda$, the inverse of the mean.
    - `mean_floor`: a fit keeps the means $1 / \lambda$ above this, relative to the mean
        of the feature in all components (to 1 if that is 0).

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.density import Exponentials, Mixture
        >>> weights = jnp.array([0.5, 0.5])
        >>> components = Exponentials(jnp.array([[1.0], [0.01]]))
        >>> print(Mixture(weights, components).predict(jnp.array([[0.5], [70.0]])))
        [0 1]

        ```
    """

    rates: Float[Array, "components features"]
    mean_floor: Positive[float] = eqx.field(static=True, default=1e-6)
    support = "finite numbers of 0 or more"

    @staticmethod
    def in_support(x):
        return ~(x < 0)

    def log_prob(self, x, weights):
        return jnp.sum(jnp.log(self.rates), -1)[:, None] - self.rates @ x, x

    def sample(self, key, labels):
        rates = self.rates[labels]
        return jr.exponential(key, rates.shape, rates.dtype) / rates

    def _means(self):
        return 1 / self.rates

    def _unit(self):
        return power_of_two(jnp.max(self._means(), 0, keepdims=True))

    def _with(self, weights, means):
        mean = weights[None] @ means
        floor = self.mean_floor * jnp.where(mean > 0, mean, 1)
        # Means and rates are normal numbers.
        tiny = jnp.finfo(means.dtype).tiny
        means = jnp.clip(jnp.maximum(means, floor), tiny, 1 / tiny)
        return Exponentials(1 / means, self.mean_floor)
