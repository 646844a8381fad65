import abc
from typing import ClassVar, Self

from jaxtyping import Array, PyTree

from .._module import Module


class AbstractComponents(Module):
    """The components of a [`ngcx.density.Mixture`][]: several densities of one family.

    They know how likely a row is, what has to be summed up over rows to fit them, the
    fit that follows from those sums, and where to start. A family of your own states
    these methods, and is then fitted like those that come with ngcx. Its first field is
    an array (components, features).

    The methods see rows last and components first, where sums over few components are
    fast. Their arguments are floating-point arrays of one dtype:

    - `x` (features, rows): the data, without rows outside the support.
    - `weights` (components): those of the mixture that the components belong to.
    - `weight` (rows): how often each row counts.
    - `counted` (components, rows): that, times the responsibility of each component.
    - `counts` (components): the sum of that over the rows.
    - `seeds` (components, features): rows to start at.
    """

    support: ClassVar[str]
    """What rows hold, in words."""

    @staticmethod
    @abc.abstractmethod
    def in_support(x) -> Array:
        """False for numbers whose density is 0 whatever the parameters are."""

    @property
    @abc.abstractmethod
    def num_parameters(self) -> int:
        """How many numbers are free to be fitted."""

    @abc.abstractmethod
    def log_prob(self, x, weights) -> tuple[Array, PyTree[Array]]:
        """The log-density (components, rows) of each component, and the rows as the
        components see them, which `moments` needs.
        """

    @abc.abstractmethod
    def moments(self, local, counted) -> PyTree[Array]:
        """Sums over the rows, given what `log_prob` has made of them."""

    @abc.abstractmethod
    def own_moments(self, counts) -> PyTree[Array]:
        """The sums to expect of that many rows drawn from each component."""

    @abc.abstractmethod
    def maximize(self, weights, counts, moments) -> Self:
        """The components that are most likely to have such moments. One that no row
        belongs to stays as it is. The weights are those after this step.
        """

    @abc.abstractmethod
    def coordinates(self, x) -> Array:
        """The rows (rows, coordinates) where Euclidean distances matter, given one
        component that was fitted to them all.
        """

    @abc.abstractmethod
    def started(self, x, weight, seeds) -> Self:
        """One component at each of the seeds, given one that was fitted to all rows."""

    @abc.abstractmethod
    def reseeded(self, weights, empty, seeds) -> Self:
        """The same components, but those that are `empty` at their seeds."""

    @abc.abstractmethod
    def marginal(self, features) -> Self:
        """The densities of these features, a tuple of indices, alone."""

    @abc.abstractmethod
    def conditional(self, features, rest, values) -> Self:
        """The densities of the features `rest`, where `features` have those values."""

    @abc.abstractmethod
    def sample(self, key, labels) -> Array:
        """Draws a row (rows, features) from each component in `labels`."""
