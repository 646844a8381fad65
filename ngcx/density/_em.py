"""Expectation maximisation of any mixture, as the mixture itself sees the rows."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jaxtyping import Array, Bool, Float, Int, PyTree

from .._kmeans import kmeans_plus_plus_rows
from .._typing import typed


@typed
class Statistics(eqx.Module):
    """What a mixture has to know of the data to be fitted to it: sums over the rows.

    Sums add up: over batches, with `jax.tree.map(jnp.add, one, other)`, and over
    devices, with `jax.lax.psum`. They are taken in the frame of the mixture that made
    them, and mean nothing to another one.
    """

    log_likelihood: Float[Array, ""]
    """Of the mixture, summed over the rows."""
    counts: Float[Array, " components"]
    """The rows that each component is responsible for."""
    moments: PyTree[Float[Array, "..."]]
    """Of the rows, weighted by responsibility."""


@typed
class FitResult(eqx.Module):
    """How a fit went."""

    converged: Bool[Array, ""]
    """Whether an iteration gained less than `tol`; the next one finds out, and is the
    last."""
    iterations: Int[Array, ""]
    log_likelihood: Float[Array, " steps"]
    """The mean log-likelihood of a row: of the start, and after each iteration. After
    the last one it is repeated up to the length `max_iter + 1`."""


class Rows(NamedTuple):
    """Data in the dtype to compute in, laid out for it once: rows last."""

    x: Float[Array, "features rows"]
    weight: Float[Array, " rows"]
    inside: Bool[Array, " rows"]  # in the support


def start(mixture, key, rows: Rows, init: str):
    """Before the first iteration: components at some of the rows."""
    x, weight, _ = rows
    around = mixture._around(x, weight)
    if init == "random":
        chance = weight / jnp.sum(weight)
        shape = (mixture.num_components,)
        seeds = jr.choice(key, x.shape[1], shape, replace=False, p=chance)
    else:
        coordinates = around._coordinates(x)
        seeds = kmeans_plus_plus_rows(key, coordinates, mixture.num_components, weight)
    return around._started(x, weight, x[:, seeds].T)


def expectation(mixture, rows: Rows):
    """The E-step: the statistics, and the log-density of each row."""
    log_prob, responsibilities, local = mixture._posterior(rows)
    counted = rows.weight[None] * responsibilities
    statistics = Statistics(
        _weighted_sum(rows.weight, log_prob),
        jnp.sum(counted, -1),
        mixture._moments(local, counted),
    )
    return statistics, log_prob


def updated(mixture, statistics, rows: Rows, log_prob, axis_name=None):
    """The M-step, with new seeds for components that are empty after it; and whether
    there are any.
    """
    counts = statistics.counts
    total = jnp.sum(counts)
    empty = (counts <= jnp.finfo(counts.dtype).eps * total) & (total > 0)
    new = mixture.maximize(statistics)

    def reseeded():
        unlikely = jnp.where(rows.weight > 0, -log_prob, -jnp.inf)
        seeds = _largest(unlikely, rows.x, mixture.num_components)
        if axis_name is not None:
            seeds = jax.lax.all_gather(seeds, axis_name, tiled=True)
            seeds = _largest(seeds[0], seeds[1].T, mixture.num_components)
        # The first for the first one that is empty, the second for the next.
        order = jnp.clip(jnp.cumsum(empty) - 1, 0, len(seeds[0]) - 1)
        weights = jnp.where(empty, 1 / mixture.num_components, new.weights)
        return new._reseeded(empty, weights / jnp.sum(weights), seeds[1][order])

    some = jnp.any(empty)
    return jax.lax.cond(some, reseeded, lambda: new), some


def total_count(statistics):
    """Of all rows, to divide by: 1 if no row counts."""
    total = jnp.sum(statistics.counts)
    return jnp.where(total == 0, 1, total)


def unless_nothing(statistics, old, new):
    """The new mixture, or the old one if no row counts."""
    nothing = jnp.sum(statistics.counts) == 0
    return jtu.tree_map(lambda old, new: jnp.where(nothing, old, new), old, new)


def climb(mixture, rows: Rows, max_iter: int, tol):
    """Iterates up to `max_iter` times, or until an iteration gains less than `tol`."""
    tol = jnp.asarray(tol, rows.x.dtype)
    total = jnp.sum(rows.weight)

    def climbs(carry):
        _, _, _, converged, iteration = carry
        return ~converged & (iteration < max_iter)

    def step(carry):
        mixture, trace, before, _, iteration = carry
        statistics, log_prob = expectation(mixture, rows)
        mean = statistics.log_likelihood / total
        mixture, reseeded = updated(mixture, statistics, rows, log_prob, None)
        trace = trace.at[iteration].set(mean)
        # New seeds may cost likelihood at first.
        after = jnp.where(reseeded, -jnp.inf, mean)
        return mixture, trace, after, mean - before < tol, iteration + 1

    trace = jnp.zeros(max_iter + 1, rows.x.dtype)
    before = jnp.asarray(-jnp.inf, rows.x.dtype)
    carry = mixture, trace, before, jnp.asarray(False), jnp.asarray(0)
    carry = jax.lax.while_loop(climbs, step, carry)
    mixture, trace, _, converged, iterations = carry
    log_prob, _, _ = mixture._posterior(rows)
    last = _weighted_sum(rows.weight, log_prob) / total
    trace = jnp.where(jnp.arange(max_iter + 1) < iterations, trace, last)
    return mixture, FitResult(converged, iterations, trace)


def _weighted_sum(weight, log_prob):
    """Of rows of weight 0 nothing, not even if they are impossible."""
    return jnp.sum(jnp.where(weight > 0, weight * log_prob, 0))


def _largest(scores, x, number):
    scores, rows = jax.lax.top_k(scores, min(number, len(scores)))
    return scores, x[:, rows].T
