"""Where fits start: at rows that are drawn, at labels, or at what is given."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from .._kmeans import kmeans_plus_plus
from .._numerics import power_of_two, ratio, wide_dtype, widened
from ._covariance import COVARIANCES
from ._em import Statistics, climb
from ._gaussians import Covariance, Gaussians, of_all
from ._mixture import Mixture
from ._rows import arranged, check_data, check_weights, relative


class Start(NamedTuple):
    """What is given of the mixture that a fit starts from."""

    weights: Float[Array, " components"] | None = None
    means: Float[Array, "components features"] | None = None
    precisions: Float[Array, "*shape"] | None = None
    labels: Int[Array, " rows"] | None = None

    def given(self, mixture: Mixture) -> Mixture:
        """That mixture, with what is given in the place of the rest."""
        (weights, means, scales), treedef = jtu.tree_flatten(mixture)
        covariance = mixture.components.covariance
        if self.weights is not None:
            weights = shares(self.weights).astype(means.dtype)
        if self.means is not None:
            means = self.means.astype(means.dtype)
        if self.precisions is not None:
            each = of_all("precisions_init", self.precisions, means, covariance)
            scales = COVARIANCES[covariance].from_precisions(each)
        return treedef.unflatten((weights, means, scales))


def data_of(components):
    """A check that data can be fitted by a class of components."""

    def check(key, x, num_components, *, sample_weight=None, **options):
        check_data(x, sample_weight, components, num_components)

    return check


def check_shares(weights, *parameters, **options):
    check_weights("weights", weights, of="a component")


def check_start(key, x, num_components, *, covariance: Covariance = "full", **options):
    check_data(x, options.get("sample_weight"), Gaussians, num_components)
    if num_components < 1:
        return  # its range says so
    check_weights("weights_init", options.get("weights_init"), of="a component")
    for name in ("weights_init", "means_init"):
        given = options.get(name)
        if given is not None and len(given) != num_components:
            raise ValueError(
                f"`{name}` must be of {num_components} components; got {len(given)}."
            )
    precisions = options.get("precisions_init")
    if precisions is None or isinstance(precisions, Tracer):
        return
    with jax.ensure_compile_time_eval():
        like = jnp.zeros((num_components, x.shape[1]), wide_dtype(precisions.dtype))
        each = of_all("precisions_init", precisions, like, covariance)
        scales = COVARIANCES[covariance].from_precisions(each)
        if not (jnp.all(jnp.isfinite(each)) and jnp.all(jnp.isfinite(scales))):
            raise ValueError("`precisions_init` must be finite and positive definite.")


def fitted(key, x, sample_weight, kind, max_iter, tol, init, n_init, start=Start()):
    """Fits so many components of a class, with such options."""
    components, number, *options = kind
    rows = relative(arranged(x, sample_weight, components))
    x, weight, _ = rows
    whole = components.around(x, weight, *options)
    equal = jnp.full(number, 1 / number, x.dtype)

    def seeds(key):
        if start.means is not None:
            return start.means.astype(x.dtype)
        if init == "random":
            chance = weight / jnp.sum(weight)
            drawn = jr.choice(key, len(weight), (number,), replace=False, p=chance)
        else:
            drawn = kmeans_plus_plus(key, whole.coordinates(x), number, weight)
        return x[:, drawn].T

    def labelled():
        """The M-step, as if it were known which component each row comes from."""
        member = jax.nn.one_hot(start.labels, number, axis=0, dtype=x.dtype)
        member = member * weight[None]
        counts = jnp.sum(member, 1)
        means = ratio(member, counts[:, None]) @ x.T
        near = whole.started(x, weight, means)
        moments = near.moments(near.log_prob(x, equal)[1], member)
        known = Statistics(jnp.zeros((), x.dtype), counts, moments)
        return Mixture(equal, near).maximize(known)

    def run(key):
        if start.labels is None:
            mixture = Mixture(equal, whole.started(x, weight, seeds(key)))
        else:
            mixture = labelled()
        if components is Gaussians:
            mixture = start.given(mixture)
        return climb(mixture, rows, max_iter, tol)

    if n_init == 1:
        return run(key)
    # One after the other: side by side, each would wait for the slowest.
    runs = jax.lax.map(run, jr.split(key, n_init))
    best = jnp.argmax(runs[1].log_likelihood[:, -1])
    return jtu.tree_map(lambda leaf: leaf[best], runs)


def shares(weights):
    """The weights relative to their sum, which cannot overflow."""
    if weights.size == 0:
        raise ValueError("`weights` must be of one component or more; got none.")
    weights = widened(weights)
    weights = weights * power_of_two(jnp.max(weights, initial=0))
    return ratio(weights, jnp.sum(weights))
