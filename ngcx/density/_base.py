import abc
import functools as ft
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    Optional,
    TypeAlias,
    TypeVar,
)

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from .._checks import check_count, check_fraction, check_non_negative
from .._compiled import compiled, compiled_function
from .._precision import wide_dtype, widened
from .._typing import Scalar, typed
from ..metrics import bayesian_information_criterion
from ..ops._numbers import check_below, shrinking
from ._em import (
    FitResult,
    Rows,
    Statistics,
    climb,
    expectation,
    start,
    total_count,
    updated,
)


T = TypeVar("T")
M = TypeVar("M", bound="AbstractMixture")
Init: TypeAlias = Literal["kmeans++", "random", "current"]

# A parameter, or `None` until there is one. To a type checker it is there: whoever uses
# a mixture without parameters gets an error that says so.
if TYPE_CHECKING:
    Fitted: TypeAlias = Annotated[T, None]
else:
    Fitted = Optional
UNFITTED: Any = None


class AbstractMixture(eqx.Module):
    r"""A density $p(x) = \sum_k \pi_k \, p_k(x)$: component $k$ is drawn with
    probability $\pi_k$, and a row from it.

    A mixture is made without parameters, and `fit` returns one that has them; or it is
    made with them. Data are rows in an array (rows, features) of any floating dtype.
    Results have that dtype; half precisions are computed in float32, in which the
    parameters stay.
    """

    num_components: eqx.AbstractVar[int]
    weights: eqx.AbstractVar[Fitted[Float[Array, " components"]]]
    support: ClassVar[str]

    # What a family of densities has to say. In these arrays components come first and
    # rows last, where sums over few components are fast: `x` is (features, rows).

    @abc.abstractmethod
    def _in_support(self, x) -> Bool[Array, "..."]:
        """False for numbers whose density is 0 whatever the parameters are."""

    @abc.abstractmethod
    def _local(self, x) -> PyTree[Float[Array, "..."]]:
        """Rows in the support as the components see them, for the next two."""

    @abc.abstractmethod
    def _component_log_prob(self, local) -> Float[Array, "components rows"]:
        """The log-density of each component."""

    @abc.abstractmethod
    def _moments(self, local, responsibilities) -> PyTree[Float[Array, "..."]]:
        """Sums over the rows, given their responsibilities (components, rows)."""

    @abc.abstractmethod
    def _own_moments(self, counts) -> PyTree[Float[Array, "..."]]:
        """Those to expect of that many rows drawn from each component."""

    @abc.abstractmethod
    def maximize(self: M, statistics: Statistics) -> M:
        """The M-step: the mixture of the largest expected likelihood, given what
        `statistics` of this mixture has summed up. A component that no row belongs to
        stays as it is, with weight 0; where no row counts, so does the whole mixture.
        """

    @abc.abstractmethod
    def _around(self: M, x, weight) -> M:
        """With equal components, all fitted to the whole of the data."""

    @abc.abstractmethod
    def _coordinates(self, x) -> Float[Array, "rows coordinates"]:
        """The rows where Euclidean distances matter, given a mixture around them."""

    @abc.abstractmethod
    def _started(self: M, x, weight, seeds: Float[Array, "components features"]) -> M:
        """From a mixture around the data: with each component at one row of `seeds`."""

    @abc.abstractmethod
    def _reseeded(
        self: M, empty, weights, seeds: Float[Array, "components features"]
    ) -> M:
        """With new weights, and the components in `empty` at rows of `seeds`."""

    @abc.abstractmethod
    def _draw(self, key, labels) -> Float[Array, "rows features"]:
        """A row from each component in `labels`."""

    @property
    @abc.abstractmethod
    def num_parameters(self) -> int:
        """How many numbers are free to be fitted."""

    # What follows from it.

    @typed
    def fit(
        self: M,
        key: PRNGKeyArray,
        x: Float[Array, "rows features"],
        *,
        max_iter: int = 100,
        tol: Scalar = 1e-3,
        init: Init = "kmeans++",
        sample_weight: Float[Array, " rows"] | None = None,
        n_init: int = 1,
    ) -> tuple[M, FitResult]:
        """Maximises the likelihood by expectation maximisation (Dempster, Laird and
        Rubin, 1977), in one compiled loop.

        A component that loses all its rows starts again at the row that the mixture
        explains worst.

        **Arguments:**

        - `key`: decides the start.
        - `x`: the data, at least as many rows as components.
        - `max_iter`: how many iterations at most.
        - `tol`: stop after an iteration that raised the mean log-likelihood by less.
        - `init`: the start. Components stand at random rows, `"random"`, or at rows far
            from each other, `"kmeans++"` (Arthur and Vassilvitskii, 2007); `"current"`
            goes on from the parameters that there are.
        - `sample_weight`: how often each row counts, 0 or more; once if not given. Of
            weight 0, it is as if it were not there. One row must count at least.
        - `n_init`: how many starts, of which the best end is returned.

        **Returns:** the fitted mixture, and how the fit went.

        **Raises:** `ValueError` for fewer rows than components, no features, counts
        that are not positive, a `sample_weight` that is not finite, negative or 0 of
        all rows, or rows that are not finite or not in the support (what is traced
        cannot be checked).
        """
        if x.shape[0] < self.num_components:
            raise ValueError(
                f"`x` must have a row for each of the {self.num_components} components "
                f"at least; got {x.shape[0]}."
            )
        if x.shape[1] == 0:
            raise ValueError(f"`x` must have a feature at least; got {x.shape}.")
        check_count("max_iter", max_iter)
        check_count("n_init", n_init)
        traced = isinstance(sample_weight, Tracer)
        if not (sample_weight is None or traced or _can_count(sample_weight)):
            raise ValueError(
                "`sample_weight` must be finite, 0 or more, and above 0 of a row."
            )
        traced |= isinstance(x, Tracer)
        if not traced and not self._all_in_support(x, sample_weight):
            raise ValueError(f"`x` must hold {self.support} only.")
        return self._fit(
            key, x, sample_weight, tol, max_iter=max_iter, init=init, n_init=n_init
        )

    @compiled
    def _all_in_support(self, x, sample_weight):
        rows = self._rows(x, sample_weight)
        return jnp.all(rows.inside) & jnp.all(jnp.isfinite(rows.x))

    @ft.partial(compiled, static=("max_iter", "init", "n_init"))
    def _fit(self, key, x, sample_weight, tol, *, max_iter, init, n_init):
        rows = self._rows(x, sample_weight)

        def run(key):
            mixture = self if init == "current" else start(self, key, rows, init)
            return climb(mixture._in_dtype(rows.x), rows, max_iter, tol)

        if n_init == 1:
            return run(key)
        # One after the other: side by side, each would wait for the slowest.
        runs = jax.lax.map(run, jr.split(key, n_init))
        best = jnp.argmax(runs[1].log_likelihood[:, -1])
        return jtu.tree_map(lambda leaf: leaf[best], runs)

    @typed
    def em_step(
        self: M,
        x: Float[Array, "rows features"],
        sample_weight: Float[Array, " rows"] | None = None,
        *,
        step_size: Scalar = 1.0,
        axis_name: str | None = None,
    ) -> tuple[M, Float[Array, ""]]:
        """One iteration of expectation maximisation, to be used in a loop of your own.

        **Arguments:**

        - `x`, `sample_weight`: as for `fit`. Where no row counts, the mixture stays as
            it is.
        - `step_size`: for rows that are a batch of the data only: how much it counts
            against what the mixture knows already, from 0 to 1. Stepwise EM (Cappé and
            Moulines, 2009) lets it fall as `(step + 2) ** -0.7` does.
        - `axis_name`: of the devices that hold the rows between them, inside
            `jax.shard_map`.

        **Returns:** the mixture after the step, and the mean log-likelihood before it,
        0 where no row counts.

        **Raises:** `ValueError` for no rows, and a `step_size` out of range.
        """
        _check_rows(x)
        check_fraction("step_size", step_size)
        return self._em_step(x, sample_weight, step_size, axis_name=axis_name)

    @ft.partial(compiled, static=("axis_name",))
    def _em_step(self, x, sample_weight, step_size, *, axis_name):
        rows = self._rows(x, sample_weight)
        mixture = self._in_dtype(rows.x)
        statistics, log_prob = expectation(mixture, rows)
        if axis_name is not None:
            statistics = jax.lax.psum(statistics, axis_name)
        # The parameters say what all rows before had summed up to.
        counts = mixture.weights * jnp.sum(statistics.counts)
        before = Statistics(
            statistics.log_likelihood, counts, mixture._own_moments(counts)
        )
        step_size = jnp.asarray(step_size, rows.x.dtype)
        blended = jtu.tree_map(
            lambda old, new: (1 - step_size) * old + step_size * new,
            before,
            statistics,
        )
        new, _ = updated(mixture, blended, rows, log_prob, axis_name)
        return new, statistics.log_likelihood / total_count(statistics)

    @compiled
    def statistics(
        self,
        x: Float[Array, "rows features"],
        sample_weight: Float[Array, " rows"] | None = None,
    ) -> Statistics:
        """The E-step: what `maximize` needs, summed over the rows. Of data in pieces,
        the statistics add up to those of the whole.
        """
        rows = self._rows(x, sample_weight)
        return expectation(self._in_dtype(rows.x), rows)[0]

    @compiled
    def log_prob(self, x: Float[Array, "rows features"]) -> Float[Array, " rows"]:
        """ln p(x) of each row; minus infinity outside the support."""
        rows = self._rows(x)
        return self._in_dtype(rows.x)._posterior(rows)[0].astype(x.dtype)

    @compiled
    def responsibilities(
        self, x: Float[Array, "rows features"]
    ) -> Float[Array, "rows components"]:
        """The probability that a row comes from a component, for each.

        Outside the support, where none explains the row, it is the component's weight.
        """
        rows = self._rows(x)
        return self._in_dtype(rows.x)._posterior(rows)[1].T.astype(x.dtype)

    @compiled
    def predict(self, x: Float[Array, "rows features"]) -> Int[Array, " rows"]:
        """The component that is most responsible for each row."""
        # Rounded to half precision, several may be the largest.
        rows = self._rows(x)
        return jnp.argmax(self._in_dtype(rows.x)._posterior(rows)[1], 0)

    def sample(
        self,
        key: PRNGKeyArray,
        num_samples: int,
        component: int | Int[Array, ""] | None = None,
    ) -> tuple[Float[Array, "rows features"], Int[Array, " rows"]]:
        """Draws rows, independent of each other and in no order.

        **Arguments:**

        - `key`: decides the draw.
        - `num_samples`: how many.
        - `component`: draws from this one; from the whole mixture if not given. An
            array out of range counts as the nearest in range.

        **Returns:** the rows, and the component that each comes from.

        **Raises:** `ValueError` for a negative `num_samples`, and a `component` that is
        a Python number out of range.
        """
        check_non_negative("num_samples", num_samples)
        if component is not None:
            check_below("component", component, self.num_components)
        return self._sample(key, component, num_samples=num_samples)

    @ft.partial(compiled, static=("num_samples",))
    def _sample(
        self,
        key: PRNGKeyArray,
        component: int | Int[Array, ""] | None,
        *,
        num_samples: int,
    ) -> tuple[Float[Array, "rows features"], Int[Array, " rows"]]:
        label_key, row_key = jr.split(key)
        weights = self._fitted().weights
        if component is None:
            labels = jr.categorical(label_key, jnp.log(weights), shape=(num_samples,))
        else:
            label = jnp.clip(jnp.asarray(component, int), 0, self.num_components - 1)
            labels = jnp.full(num_samples, label)
        return self._draw(row_key, labels), labels

    @compiled
    def bic(self, x: Float[Array, "rows features"]) -> Float[Array, ""]:
        """The Bayesian information criterion (Schwarz, 1978); the lower the better.

        **Raises:** `ValueError` for no rows.
        """
        _check_rows(x)
        total = self.statistics(x).log_likelihood
        criterion = bayesian_information_criterion(
            total, self.num_parameters, x.shape[0]
        )
        return criterion.astype(x.dtype)

    @compiled
    def aic(self, x: Float[Array, "rows features"]) -> Float[Array, ""]:
        """The information criterion of Akaike (1974); the lower the better."""
        total = self.statistics(x).log_likelihood
        return (2 * (self.num_parameters - total)).astype(x.dtype)

    def _fitted(self: M) -> M:
        if self.weights is None:
            raise ValueError(
                f"{type(self).__name__} has no parameters yet: use the one that `fit` "
                "returns, or make it with `from_parameters`."
            )
        return self

    def _in_dtype(self: M, x) -> M:
        # Those that are matrices have a column for each feature.
        parameters = jtu.tree_leaves(self._fitted())
        for features in {leaf.shape[1] for leaf in parameters if leaf.ndim > 1}:
            if features != x.shape[0]:
                raise ValueError(
                    f"`x` must have the {features} features of the parameters; got "
                    f"{x.shape[0]}."
                )
        return jtu.tree_map(lambda leaf: leaf.astype(x.dtype), self._fitted())

    def _rows(self, x, sample_weight=None):
        x = x.astype(wide_dtype(x.dtype))
        weight = jnp.ones(x.shape[:1], x.dtype)
        if sample_weight is not None:
            weight = sample_weight.astype(x.dtype)
            # Rows of weight 0 may hold anything.
            x = jnp.where(weight[:, None] > 0, x, 0)
        inside = jnp.all(self._in_support(x), -1)
        # Replaced, so that derivatives are finite outside the support too.
        x = jax.lax.optimization_barrier(jnp.where(inside[:, None], x, 0).T)
        return Rows(x, weight, inside)

    def _posterior(self, rows):
        """The log-density of the rows, responsibilities (components, rows), and what
        the components see.
        """
        local = self._local(rows.x)
        # Of weight 0 without the derivative, which is infinite.
        some = self.weights > 0
        log_weights = jnp.log(jnp.where(some, self.weights, 1))
        log_weights = jnp.where(some, log_weights, -jnp.inf)[:, None]
        log_joint = log_weights + self._component_log_prob(local)
        peak = jax.lax.stop_gradient(jnp.max(log_joint, 0))
        possible = rows.inside & (peak != -jnp.inf)
        peak = jnp.where(possible, peak, 0)
        log_joint = jnp.where(possible[None], log_joint, log_weights)
        shares = jnp.exp(log_joint - peak[None])
        total = jnp.sum(shares, 0)
        log_prob = jnp.where(possible, peak + jnp.log(total), -jnp.inf)
        return log_prob, shares / total[None], local


@compiled_function()
def _can_count(weight: Float[Array, " rows"]) -> Bool[Array, ""]:
    right = jnp.all(jnp.isfinite(weight) & (weight >= 0))
    return right & jnp.any(weight > 0)


def _check_rows(x):
    if x.shape[0] == 0:
        raise ValueError(f"`x` must have a row at least; got {x.shape}.")


def as_shares(weights):
    """Relative to their sum, which cannot overflow."""
    weights = widened(weights)
    weights = weights * shrinking(jnp.max(weights, initial=0))
    return weights / jnp.sum(weights)


def check_components(mixture: AbstractMixture, parameters):
    """Checks what every mixture is made of: weights, and parameters alike."""
    components, weights = mixture.num_components, mixture.weights
    check_count("num_components", components)
    if (weights is None) != (parameters is None):
        raise ValueError("`weights` must be given together with the other parameters.")
    if weights is not None and len(weights) != components:
        raise ValueError(
            f"`weights` must be of {components} components; got {len(weights)}."
        )
