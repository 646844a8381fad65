from typing import Generic, TypeVar, final

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import ratio, widened
from .._trees import is_bound
from .._typing import Count, Fraction, Natural, Scalar
from ..metrics import bayesian_information_criterion
from ._components import AbstractComponents
from ._em import FitResult, Statistics, climb, expectation, iterated, posterior
from ._rows import arranged, check_data, check_rows, check_weights, relative


C = TypeVar("C", bound=AbstractComponents)
M = TypeVar("M", bound=Module)


def _check_component(self, key, num_samples, component=None):
    end = self.num_components
    if isinstance(component, int) and not 0 <= component < end:
        raise ValueError(
            f"`component` must be 0 or more and below {end}; got {component}."
        )


def _check_data(self, x, *, sample_weight=None, **options):
    check_data(x, sample_weight, type(self.components), self.num_components)


def _check_step(self, x, sample_weight=None, **options):
    check_weights("sample_weight", sample_weight)


def _check_features(self, features, values=None):
    count = jtu.tree_leaves(self.components)[0].shape[1]
    # A condition leaves one out at least.
    limit = count if values is None else count - 1
    inside = {*features} <= {*range(count)} and len({*features}) == len(features)
    if not (inside and 1 <= len(features) <= limit):
        raise ValueError(
            f"`features` must be 1 to {limit} different indices from 0 to {count - 1}; "
            f"got {features}."
        )
    if values is not None and values.shape != (len(features),):
        raise ValueError(
            f"`values` must be one for each of the {len(features)} `features`; got the "
            f"shape {values.shape}."
        )


@final
class Mixture(Module, Generic[C]):
    r"""A density $p(x) = \sum_k \pi_k \, p_k(x)$: component $k$ is drawn with
    probability $\pi_k$, and a row from it.

    Data are rows of an array (rows, features) of any floating dtype. Results have that
    dtype. Half precisions are computed in float32, and the parameters stay in float32.

    **Arguments:**

    - `weights`: $\pi$, which add up to 1.
    - `components`: the densities $p_k$, such as [`ngcx.density.Gaussians`][].

    You will rarely call this class yourself: `fit` and `from_parameters` of
    [`ngcx.density.GaussianMixture`][], [`ngcx.density.BernoulliMixture`][] and
    [`ngcx.density.ExponentialMixture`][] return them.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.density import Exponentials, Mixture
        >>> rates = jnp.array([[1.0], [0.01]])
        >>> mixture = Mixture(jnp.array([0.5, 0.5]), Exponentials(rates))
        >>> print(mixture.predict(jnp.array([[0.5], [70.0]])))
        [0 1]

        ```
    """

    weights: Float[Array, " components"]
    components: C

    def __check_init__(self):
        components = len(jtu.tree_leaves(self.components)[0])
        if self.num_components != components:
            raise ValueError(
                f"`weights` must be of {components} components; got "
                f"{self.num_components}."
            )

    @property
    def num_components(self) -> int:
        """How many components there are."""
        return len(self.weights)

    @property
    def num_parameters(self) -> int:
        """How many numbers are fitted."""
        return self.num_components - 1 + self.components.num_parameters

    @compiled
    def log_prob(self, x: Float[Array, "rows features"]) -> Float[Array, " rows"]:
        r"""Computes $\ln p(x)$ of each row of `x`; minus infinity outside the
        support."""
        return posterior(*_prepared(self, x))[0].astype(x.dtype)

    @compiled
    def responsibilities(
        self, x: Float[Array, "rows features"]
    ) -> Float[Array, "rows components"]:
        """The probability that a row of `x` comes from a component, for each.

        Outside the support, where no component explains the row, it is the weight of
        the component.
        """
        return posterior(*_prepared(self, x))[1].T.astype(x.dtype)

    @compiled
    def predict(self, x: Float[Array, "rows features"]) -> Int[Array, " rows"]:
        """The component that is most responsible for each row of `x`; -1 for a row with
        NaN.
        """
        # Rounded to half precision, several may be the largest.
        log_prob, responsibilities, _ = posterior(*_prepared(self, x))
        return jnp.where(jnp.isnan(log_prob), -1, jnp.argmax(responsibilities, 0))

    @compiled(before=_check_step)
    def score(
        self,
        x: Float[Array, "rows features"],
        sample_weight: Float[Array, " rows"] | None = None,
    ) -> Float[Array, ""]:
        """The mean log-likelihood of a row; the higher the better. It is 0 if no row
        counts.

        **Arguments:**

        - `x`, `sample_weight`: as for `fit_more`.

        **Raises:** `ValueError` for no rows, or a `sample_weight` that is not finite or
        negative (traced values cannot be checked).
        """
        check_rows(x)
        mixture, rows = _prepared(self, x, sample_weight)
        rows = relative(rows)
        total = expectation(mixture, rows)[0].log_likelihood
        return ratio(total, jnp.sum(rows.weight), total).astype(x.dtype)

    @compiled(static=("features",), before=_check_features)
    def marginal(self, features: tuple[int, ...]) -> "Mixture[C]":
        """The density of some of the features, whatever the others are.

        **Arguments:**

        - `features`: their indices, in the order in which the result has them.

        **Returns:** a mixture with the same weights.

        **Raises:** `ValueError` for `features` that are empty, do not exist, or are
        named twice.
        """
        return Mixture(self.weights, self.components.marginal(features))

    @compiled(static=("features",), before=_check_features)
    def conditional(
        self, features: tuple[int, ...], values: Float[Array, " given"]
    ) -> "Mixture[C]":
        r"""The density of the other features, where some are known:

        $$p(x_r \mid x_g) = \sum_k \pi_k' \, p_k(x_r \mid x_g), \qquad
        \pi_k' \propto \pi_k \, p_k(x_g)$$

        **Arguments:**

        - `features`: the indices $g$ of the known features.
        - `values`: $x_g$, in the same order. If no component explains them, the weights
            stay as they are.

        **Returns:** a mixture of the other features, in their order, and in the dtype
        of `values`, or float32 for half precisions. Its mean, for normal distributions
        `mixture.weights @ mixture.components.means`, is the best guess of the unknown
        features.

        **Raises:** `ValueError` for `features` that are empty, all of them, do not
        exist, or are named twice, and unless there is one value for each.
        """
        mixture, rows = _prepared(self.marginal(features), values[None])
        weights = posterior(mixture, rows)[1][:, 0]
        count = jtu.tree_leaves(self.components)[0].shape[1]
        rest = tuple(i for i in range(count) if i not in features)
        components = jtu.tree_map(
            lambda leaf: leaf.astype(weights.dtype), self.components
        )
        values = widened(values)
        return Mixture(weights, components.conditional(features, rest, values))

    @compiled(static=("num_samples",), before=_check_component)
    def sample(
        self,
        key: PRNGKeyArray,
        num_samples: Natural,
        component: int | Int[Array, ""] | None = None,
    ) -> tuple[Float[Array, "rows features"], Int[Array, " rows"]]:
        """Draws rows that are independent of each other, in random order.

        **Arguments:**

        - `key`: decides the draw.
        - `num_samples`: how many rows to draw.
        - `component`: the component to draw from; the whole mixture if not given. An
            array out of range counts as the nearest valid index.

        **Returns:** the rows, and the component that each comes from.

        **Raises:** `ValueError` for a `component` that is a Python number out of range.
        """
        label_key, row_key = jr.split(key)
        if component is None:
            log_weights = jnp.log(self.weights)
            labels = jr.categorical(label_key, log_weights, shape=(num_samples,))
        else:
            label = jnp.clip(jnp.asarray(component, int), 0, self.num_components - 1)
            labels = jnp.full(num_samples, label)
        return self.components.sample(row_key, labels), labels

    @compiled
    def bic(self, x: Float[Array, "rows features"]) -> Float[Array, ""]:
        """The Bayesian information criterion (Schwarz, 1978) of the rows `x`; the lower
        the better.

        **Raises:** `ValueError` for no rows.
        """
        check_rows(x)
        total = self.statistics(x).log_likelihood
        criterion = bayesian_information_criterion(total, self.num_parameters, len(x))
        return criterion.astype(x.dtype)

    @compiled
    def aic(self, x: Float[Array, "rows features"]) -> Float[Array, ""]:
        """The information criterion of Akaike (1974) of the rows `x`; the lower the
        better.
        """
        total = self.statistics(x).log_likelihood
        return (2 * (self.num_parameters - total)).astype(x.dtype)

    @compiled(static=("max_iter",), before=_check_data)
    def fit_more(
        self: M,
        x: Float[Array, "rows features"],
        *,
        max_iter: Count = 100,
        tol: Scalar = 1e-3,
        sample_weight: Float[Array, " rows"] | None = None,
    ) -> tuple[M, FitResult]:
        """Goes on from these parameters to the next maximum of the likelihood, by
        expectation maximisation.

        **Arguments:**

        - `x`: the data, at least as many rows as components.
        - `max_iter`: the largest number of iterations.
        - `tol`: the fit stops after an iteration that raised the mean log-likelihood by
            less than this.
        - `sample_weight`: how often each row counts, 0 or more; once if not given. A
            row of weight 0 is left out. At least one row must count.

        **Returns:** the fitted mixture, and how the fit went.

        **Raises:** `ValueError` for fewer rows than components, no features, a
        `sample_weight` that is not finite, negative or 0 of all rows, or rows that are
        not finite or not in the support (traced values cannot be checked).

        A row that is next to impossible for the mixture, such as one a trillion
        standard deviations away (in float32), changes only the log-likelihood.
        """
        mixture, rows = _prepared(self, x, sample_weight)
        return climb(mixture, relative(rows), max_iter, tol)

    @compiled(static=("axis_name",), before=_check_step)
    def em_step(
        self: M,
        x: Float[Array, "rows features"],
        sample_weight: Float[Array, " rows"] | None = None,
        *,
        step_size: Fraction[Scalar] = 1.0,
        axis_name: str | None = None,
    ) -> tuple[M, Float[Array, ""]]:
        """One iteration of expectation maximisation, to be used in a loop of your own.

        **Arguments:**

        - `x`, `sample_weight`: as for `fit_more`. Where no row counts, the mixture
            stays as it is.
        - `step_size`: if the rows are just a batch of the data, how much this batch
            counts against what the mixture knows already, from 0 to 1. Stepwise EM
            (Cappé and Moulines, 2009) lets it fall, for example as `(step + 2) **
            -0.7`.
        - `axis_name`: inside `jax.shard_map`, the name of the axis of the devices over
            which the rows are spread.

        **Returns:** the mixture after the step, and the mean log-likelihood before it,
        0 where no row counts.

        **Raises:** `ValueError` for no rows, an `axis_name` that no axis has, or a
        `sample_weight` that is not finite or negative (traced values cannot be
        checked).
        """
        check_rows(x)
        if axis_name is not None and not is_bound(axis_name):
            raise ValueError(
                f"`axis_name` must be an axis of a `jax.shard_map` around this; got "
                f"{axis_name!r}."
            )
        mixture, rows = _prepared(self, x, sample_weight)
        step_size = jnp.asarray(step_size, rows.x.dtype)
        rows = relative(rows, axis_name)
        new, statistics, _ = iterated(mixture, rows, step_size, axis_name)
        # The counts leave out rows next to impossible, which the likelihood does not.
        total, weight = statistics.log_likelihood, jnp.sum(rows.weight)
        weight = weight if axis_name is None else jax.lax.psum(weight, axis_name)
        return new, ratio(total, weight, total)

    @compiled
    def statistics(
        self,
        x: Float[Array, "rows features"],
        sample_weight: Float[Array, " rows"] | None = None,
    ) -> Statistics:
        """The E-step: computes the sums over rows that `maximize` needs. The statistics
        of pieces of the data add up to those of the whole.

        **Arguments:**

        - `x`: the rows.
        - `sample_weight`: how much each row counts; 1 if not given.

        **Returns:** sums, each over all rows.
        """
        return expectation(*_prepared(self, x, sample_weight))[0]

    @compiled
    def maximize(self, statistics: Statistics) -> "Mixture[C]":
        """The M-step: the mixture with the largest expected likelihood, given the
        `statistics` of this mixture. A component that no row belongs to stays as it is,
        with weight 0. If no row counts, the whole mixture stays as it is.
        """
        counts = statistics.counts
        total = jnp.sum(counts)
        weights = ratio(counts, total)
        new = self.components.maximize(weights, counts, statistics.moments)
        new = Mixture(weights, new)
        return jtu.tree_map(lambda a, b: jnp.where(total == 0, a, b), self, new)


def _prepared(mixture, x, sample_weight=None):
    """The mixture in the dtype to compute in, and the rows."""
    features = jtu.tree_leaves(mixture.components)[0].shape[1]
    if x.shape[1] != features:
        raise ValueError(
            f"`x` must have the {features} features of the parameters; got "
            f"{x.shape[1]}."
        )
    rows = arranged(x, sample_weight, mixture.components)
    return jtu.tree_map(lambda leaf: leaf.astype(rows.x.dtype), mixture), rows
