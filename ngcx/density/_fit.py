"""Where mixtures come from: data that they are fitted to, or given parameters."""

from typing import Literal, TypeAlias

from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import compiled
from .._numerics import widened
from .._typing import Count, Positive, Scalar
from ._covariance import COVARIANCES
from ._em import FitResult
from ._factorial import Bernoullis, Exponentials, ProbabilityFloor
from ._gaussians import Covariance, Gaussians, of_all
from ._mixture import Mixture
from ._start import Start, check_shares, check_start, data_of, fitted, shares


Init: TypeAlias = Literal["kmeans++", "random"]
_STATIC = ("num_components", "max_iter", "init", "n_init")


class _Namespace:
    def __new__(cls, *args, **kwargs):
        name = cls.__name__
        raise TypeError(f"Mixtures come from `{name}.fit` or `{name}.from_parameters`.")


class GaussianMixture(_Namespace):
    r"""Makes mixtures of normal distributions:

    $$p(x) = \sum_k \pi_k \, \mathcal{N}(x; \mu_k, \Sigma_k)$$

    **See also:** [`ngcx.analysis.KMeansProbe`][], for clusters without a density.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.density import GaussianMixture
        >>> x = jnp.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
        >>> mixture, result = GaussianMixture.fit(jax.random.key(0), x, 2)
        >>> labels = mixture.predict(x)
        >>> print(labels != labels[0], result.converged)
        [False False False  True  True  True] True

        ```
    """

    @staticmethod
    @compiled(static=(*_STATIC, "covariance", "covariance_floor"), before=check_start)
    def fit(
        key: PRNGKeyArray,
        x: Float[Array, "rows features"],
        num_components: Count,
        *,
        covariance: Covariance = "full",
        covariance_floor: Positive[float] = 1e-6,
        max_iter: Count = 100,
        tol: Scalar = 1e-3,
        init: Init = "kmeans++",
        sample_weight: Float[Array, " rows"] | None = None,
        n_init: Count = 1,
        weights_init: Float[Array, " components"] | None = None,
        means_init: Float[Array, "components features"] | None = None,
        precisions_init: Float[Array, "*shape"] | None = None,
        labels_init: Int[Array, " rows"] | None = None,
    ) -> tuple[Mixture[Gaussians], FitResult]:
        r"""Maximises the likelihood by expectation maximisation (Dempster, Laird and
        Rubin, 1977), in one compiled loop.

        A component that loses all its rows starts again at the row that the mixture
        explains worst.

        **Arguments:**

        - `key`: decides the start.
        - `x`: the data, at least as many rows as components.
        - `num_components`: how many normal distributions there are.
        - `covariance`: the shape of $\Sigma_k$: `"full"` for any matrix, `"tied"` for
            one matrix that all components share, `"diagonal"` for a variance of each
            feature, `"spherical"` for one variance of all features.
        - `covariance_floor`: the variances stay above this, relative to the variance of
            the feature in the data (to 1 if that is 0), so that no component collapses
            onto one row.
        - `max_iter`: the largest number of iterations.
        - `tol`: the fit stops after an iteration that raised the mean log-likelihood by
            less than this.
        - `init`: where the components start: at random rows, `"random"`, or at rows far
            from each other, `"kmeans++"` (Arthur and Vassilvitskii, 2007).
        - `sample_weight`: how often each row counts, 0 or more; once if not given. A
            row of weight 0 is left out. At least one row must count.
        - `n_init`: how many times to start; the best result is returned.
        - `labels_init`: the component that each row belongs to at the start, instead of
            `init`; a row whose label is out of range, such as -1, belongs to none.
        - `means_init`, `weights_init`, `precisions_init`: the means, the weights
            (relative to their sum) and the inverses of the covariances to start at, the
            latter in the shape of `covariances` of [`ngcx.density.Gaussians`][]. Each
            replaces that part of the usual start. If you know all of them,
            `from_parameters` and `fit_more` are shorter.

        **Returns:** the fitted [`ngcx.density.Mixture`][] of
        [`ngcx.density.Gaussians`][], and how the fit went.

        **Raises:** `ValueError` for fewer rows than components, no features, a
        `sample_weight` that is not finite, negative or 0 of all rows, rows that are not
        finite or beyond a sixteenth of the largest number, and a start of another
        shape, or with invalid weights or precisions that are not positive definite
        (traced values cannot be checked).
        """
        kind = Gaussians, num_components, covariance, covariance_floor
        start = Start(weights_init, means_init, precisions_init, labels_init)
        return fitted(key, x, sample_weight, kind, max_iter, tol, init, n_init, start)

    @staticmethod
    @compiled(static=("covariance", "covariance_floor"), before=check_shares)
    def from_parameters(
        weights: Float[Array, " components"],
        means: Float[Array, "components features"],
        covariances: Float[Array, "*shape"],
        covariance: Covariance = "full",
        covariance_floor: Positive[float] = 1e-6,
    ) -> Mixture[Gaussians]:
        r"""Makes a mixture with given parameters.

        **Arguments:**

        - `weights`: $\pi$, which count relative to their sum.
        - `means`: $\mu$.
        - `covariances`: $\Sigma$, of shape (components, features, features), of
            (features, features) if it is tied, of variances (components, features), or
            (components,), as `covariance` says.
        - `covariance`, `covariance_floor`: as for `fit`; the floor applies when
            `fit_more` is called.

        **Raises:** `ValueError` for `covariances` of another shape, and `weights` that
        are not finite, negative, or all 0 (traced values cannot be checked).
        """
        weights, means = shares(weights), widened(means)
        covariances = of_all("covariances", widened(covariances), means, covariance)
        scales = COVARIANCES[covariance].from_covariances(covariances)
        gaussians = Gaussians(means, scales, covariance, covariance_floor)
        return Mixture(weights, gaussians)


class BernoulliMixture(_Namespace):
    r"""Makes mixtures of binary vectors whose features are independent in each
    component:

    $$p(x) = \sum_k \pi_k \prod_d p_{kd}^{x_d} (1 - p_{kd})^{1 - x_d}$$

    Rows may lie between 0 and 1 as well, as grey values do.

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.density import BernoulliMixture
        >>> x = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> mixture, result = BernoulliMixture.fit(jax.random.key(0), x, 2)
        >>> print(mixture.components.probabilities.round(1).sum(0))
        [1. 1.]

        ```
    """

    @staticmethod
    @compiled(static=(*_STATIC, "probability_floor"), before=data_of(Bernoullis))
    def fit(
        key: PRNGKeyArray,
        x: Float[Array, "rows features"],
        num_components: Count,
        *,
        probability_floor: ProbabilityFloor = 1e-6,
        max_iter: Count = 100,
        tol: Scalar = 1e-3,
        init: Init = "kmeans++",
        sample_weight: Float[Array, " rows"] | None = None,
        n_init: Count = 1,
    ) -> tuple[Mixture[Bernoullis], FitResult]:
        """Maximises the likelihood by expectation maximisation (Dempster, Laird and
        Rubin, 1977), in one compiled loop.

        A component that loses all its rows starts again at the row that the mixture
        explains worst.

        **Arguments:**

        - `key`: decides the start.
        - `x`: the data, at least as many rows as components.
        - `num_components`: how many vectors of probabilities there are.
        - `probability_floor`: the probabilities stay this far away from 0 and 1, so
            that a component can explain a row unlike those before.
        - `max_iter`: the largest number of iterations.
        - `tol`: the fit stops after an iteration that raised the mean log-likelihood by
            less than this.
        - `init`: where the components start: at random rows, `"random"`, or at rows far
            from each other, `"kmeans++"` (Arthur and Vassilvitskii, 2007).
        - `sample_weight`: how often each row counts, 0 or more; once if not given. A
            row of weight 0 is left out. At least one row must count.
        - `n_init`: how many times to start; the best result is returned.

        **Returns:** the fitted [`ngcx.density.Mixture`][] of
        [`ngcx.density.Bernoullis`][], and how the fit went.

        **Raises:** `ValueError` for fewer rows than components, no features, a
        `sample_weight` that is not finite, negative or 0 of all rows, or rows that are
        not from 0 to 1 (traced values cannot be checked).
        """
        kind = Bernoullis, num_components, probability_floor
        return fitted(key, x, sample_weight, kind, max_iter, tol, init, n_init)

    @staticmethod
    @compiled(static=("probability_floor",), before=check_shares)
    def from_parameters(
        weights: Float[Array, " components"],
        probabilities: Float[Array, "components features"],
        probability_floor: ProbabilityFloor = 1e-6,
    ) -> Mixture[Bernoullis]:
        r"""Makes a mixture with given parameters.

        **Arguments:**

        - `weights`: $\pi$, which count relative to their sum.
        - `probabilities`: $p$, of a 1.
        - `probability_floor`: as for `fit`; it holds once the mixture is fitted on.

        **Raises:** `ValueError` for `weights` that are not finite, negative, or all 0
        (traced values cannot be checked).
        """
        bernoullis = Bernoullis(widened(probabilities), probability_floor)
        return Mixture(shares(weights), bernoullis)


class ExponentialMixture(_Namespace):
    r"""Makes mixtures of positive vectors whose features are independent and
    exponential in each component:

    $$p(x) = \sum_k \pi_k \prod_d \lambda_{kd} e^{-\lambda_{kd} x_d}, \quad x \geq 0$$

    !!! example

        ```python
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from ngcx.density import ExponentialMixture
        >>> x = jnp.array([[0.1], [0.2], [0.3], [70.0], [80.0], [90.0]])
        >>> mixture, result = ExponentialMixture.fit(jax.random.key(0), x, 2)
        >>> print(jnp.sort(1 / mixture.components.rates[:, 0]).round(-1))
        [ 0. 80.]

        ```
    """

    @staticmethod
    @compiled(static=(*_STATIC, "mean_floor"), before=data_of(Exponentials))
    def fit(
        key: PRNGKeyArray,
        x: Float[Array, "rows features"],
        num_components: Count,
        *,
        mean_floor: Positive[float] = 1e-6,
        max_iter: Count = 100,
        tol: Scalar = 1e-3,
        init: Init = "kmeans++",
        sample_weight: Float[Array, " rows"] | None = None,
        n_init: Count = 1,
    ) -> tuple[Mixture[Exponentials], FitResult]:
        """Maximises the likelihood by expectation maximisation (Dempster, Laird and
        Rubin, 1977), in one compiled loop.

        A component that loses all its rows starts again at the row that the mixture
        explains worst.

        **Arguments:**

        - `key`: decides the start.
        - `x`: the data, at least as many rows as components.
        - `num_components`: how many vectors of rates there are.
        - `mean_floor`: the means stay above this, relative to the mean of the feature
            in the data (to 1 if that is 0), so that no component collapses onto 0.
        - `max_iter`: the largest number of iterations.
        - `tol`: the fit stops after an iteration that raised the mean log-likelihood by
            less than this.
        - `init`: where the components start: at random rows, `"random"`, or at rows far
            from each other, `"kmeans++"` (Arthur and Vassilvitskii, 2007).
        - `sample_weight`: how often each row counts, 0 or more; once if not given. A
            row of weight 0 is left out. At least one row must count.
        - `n_init`: how many times to start; the best result is returned.

        **Returns:** the fitted [`ngcx.density.Mixture`][] of
        [`ngcx.density.Exponentials`][], and how the fit went.

        **Raises:** `ValueError` for fewer rows than components, no features, a
        `sample_weight` that is not finite, negative or 0 of all rows, or rows that are
        negative or not finite (traced values cannot be checked).
        """
        kind = Exponentials, num_components, mean_floor
        return fitted(key, x, sample_weight, kind, max_iter, tol, init, n_init)

    @staticmethod
    @compiled(static=("mean_floor",), before=check_shares)
    def from_parameters(
        weights: Float[Array, " components"],
        rates: Float[Array, "components features"],
        mean_floor: Positive[float] = 1e-6,
    ) -> Mixture[Exponentials]:
        r"""Makes a mixture with given parameters.

        **Arguments:**

        - `weights`: $\pi$, which count relative to their sum.
        - `rates`: $\lambda$, the inverse of the mean.
        - `mean_floor`: as for `fit`; it holds once the mixture is fitted on.

        **Raises:** `ValueError` for `weights` that are not finite, negative, or all 0
        (traced values cannot be checked).
        """
        return Mixture(shares(weights), Exponentials(widened(rates), mean_floor))
