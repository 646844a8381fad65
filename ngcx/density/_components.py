import abc
from typing import ClassVar, Self

from jaxtyping import Array, PyTree

from .._module import Module


class AbstractComponents(Module):
    """The components of a [`ngcx.density.Mixture`][]: several densities of one family.

    Their methods say how likely a row is, what has to be summed over rows to fit them,
    which fit follows from those sums, and where to start. A family of your own defines
    these methods, and is then fitted like the families of ngcx. Its first field is an
    array (components, features).

    The methods see rows last and components first, where sums over few components are
    fast. Their arguments are floating-point arrays of one dtype:

    - `x` (features, rows): the data, without rows outside the support.
    - `weights` (components): the weights of the mixture that the components belong to.
    - `weight` (rows): how often each row counts.
    - `counted` (components, rows): `weight` times the responsibility of each component.
    - `counts` (components): the sum of `counted` over the rows.
    - `seeds` (components, features): rows to start at.
    """

    support: ClassVar[str]
    """What rows hold, in words."""

    @staticmethod
    @abc.abstractmethod
    def in_support(x) -> Array:
        """False for numbers whose density is 0 for all parameters."""

    @property
    @abc.abstractmethod
    def num_parameters(self) -> int:
        """How many numbers are fitted."""

    @abc.abstractmethod
    def log_prob(self, x, weights) -> tuple[Array, PyTree[Array]]:
        """Computes the log-density (components, rows) of each component, and the
        transformed rows that `moments` needs.
        """

    @abc.abstractmethod
    def moments(self, local, counted) -> PyTree[Array]:
        """Computes sums over the rows, given the rows as `log_prob` has transformed
        them."""

    @abc.abstractmethod
    def own_moments(self, counts) -> PyTree[Array]:
        """Computes the sums to expect from `counts` rows drawn from each component."""

    @abc.abstractmethod
    def maximize(self, weights, counts, moments) -> Self:
        """Finds the components that are most likely to have such moments. A component
        that no row belongs to stays as it is. The weights are those after this step.
        """

    @abc.abstractmethod
    def coordinates(self, x) -> Array:
        """Transforms the rows to coordinates (rows, coordinates) in which Euclidean
        distances are meaningful, given one component that was fitted to all rows.
        """

    @abc.abstractmethod
    def started(self, x, weight, seeds) -> Self:
        """Makes a component at each of the seeds, given one that was fitted to all
        rows."""

    @abc.abstractmethod
    def reseeded(self, weights, empty, seeds) -> Self:
        """Moves the components that are `empty` to their seeds."""

    @abc.abstractmethod
    def marginal(self, features) -> Self:
        """The densities of the given features, a tuple of indices."""

    @abc.abstractmethod
    def conditional(self, features, rest, values) -> Self:
        """The densities of the features `rest`, given the values of `features`."""

    @abc.abstractmethod
    def sample(self, key, labels) -> Array:
        """Draws a row (rows, features) from each component in `labels`."""
