"""Expectation maximisation of any mixture.

A fit flows downwards: `climb` iterates, and an iteration is an `expectation`, which
asks the components for their densities and sums up, and the maximisation, which asks
the components for what is most likely, given those sums.
"""

import dataclasses

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, Bool, Float, Int, PyTree

from .._module import Module
from .._trees import varying
from ._rows import Rows


class Statistics(Module):
    """What a mixture needs to know about data to be fitted to it: sums over the rows.

    Add them up over batches, with `jax.tree.map(jnp.add, one, other)`, and over
    devices, with `jax.lax.psum`. They are in the coordinates of the mixture that made
    them, and mean nothing to another mixture.

    **Attributes:**

    - `log_likelihood`: the log-likelihood of the mixture, summed over the rows.
    - `counts`: how many rows each component is responsible for.
    - `moments`: the moments of the rows, weighted by responsibility.

    **See also:** [`ngcx.neurons.Statistics`][], those of a batch normalisation.
    """

    log_likelihood: Float[Array, ""]
    counts: Float[Array, " components"]
    moments: PyTree[Float[Array, "..."]]


class FitResult(Module):
    """How a fit went.

    **Attributes:**

    - `converged`: whether the last iteration gained less than `tol`.
    - `iterations`: the number of iterations.
    - `log_likelihood`: the mean log-likelihood of a row, at the start and after each
        iteration. The last value is repeated up to the length `max_iter + 1`.
    """

    converged: Bool[Array, ""]
    iterations: Int[Array, ""]
    log_likelihood: Float[Array, " steps"]


def climb(mixture, rows: Rows, max_iter: int, tol):
    """Iterates up to `max_iter` times, or until an iteration gains less than `tol`."""
    tol = jnp.asarray(tol, rows.x.dtype)
    total = jnp.sum(rows.weight)

    # An iteration measures the mixture before it. So there is one more at the end,
    # whose result is not used.
    def climbs(carry):
        *_, converged, measured = carry
        return ~converged & (measured <= max_iter)

    def step(carry):
        _, mixture, trace, before, _, measured = carry
        new, statistics, reseeded = iterated(mixture, rows)
        mean = statistics.log_likelihood / total
        trace = trace.at[measured].set(mean)
        # New seeds may cost likelihood at first.
        after = jnp.where(reseeded, -jnp.inf, mean)
        return mixture, new, trace, after, mean - before < tol, measured + 1

    trace = jnp.zeros(max_iter + 1, rows.x.dtype)
    before, no = jnp.asarray(-jnp.inf, trace.dtype), jnp.asarray(False)
    carry = mixture, mixture, trace, before, no, jnp.asarray(0)
    carry = varying(carry, mixture, rows, tol)
    mixture, _, trace, _, converged, measured = jax.lax.while_loop(climbs, step, carry)
    trace = jnp.where(jnp.arange(len(trace)) < measured, trace, trace[measured - 1])
    return mixture, FitResult(converged, measured - 1, trace)


def iterated(mixture, rows: Rows, step_size=None, axis_name=None):
    """One iteration: the mixture after it, the statistics of the one before, and
    whether components that had become empty have started again at new seeds.

    If there is a `step_size`, the statistics count as much as that against those that
    the parameters stand for.
    """
    statistics, log_prob = expectation(mixture, rows)
    if axis_name is not None:
        statistics = jax.lax.psum(statistics, axis_name)
    summed = statistics
    if step_size is not None:
        # The parameters say what all rows before had summed up to.
        counts = mixture.weights * jnp.sum(statistics.counts)
        moments = mixture.components.own_moments(counts)
        before = Statistics(statistics.log_likelihood, counts, moments)
        summed = jtu.tree_map(
            lambda a, b: (1 - step_size) * a + step_size * b, before, statistics
        )
    new = mixture.maximize(summed)
    total = jnp.sum(summed.counts)
    empty = (summed.counts <= jnp.finfo(total.dtype).eps * total) & (total > 0)

    def largest(scores, x):
        scores, chosen = jax.lax.top_k(scores, min(len(empty), len(scores)))
        return scores, x[:, chosen].T

    def reseeded():
        unlikely = jnp.where(rows.weight > 0, -log_prob, -jnp.inf)
        scores, seeds = largest(unlikely, rows.x)
        if axis_name is not None:
            scores, seeds = gathered((scores, seeds), axis_name)
            scores, seeds = largest(scores, seeds.T)
        # The first seed is for the first component that is empty, and so on.
        order = jnp.clip(jnp.cumsum(empty) - 1, 0, len(scores) - 1)
        weights = jnp.where(empty, 1 / len(empty), new.weights)
        return dataclasses.replace(
            new,
            weights=weights / jnp.sum(weights),
            components=new.components.reseeded(new.weights, empty, seeds[order]),
        )

    some = jnp.any(empty)
    return jax.lax.cond(some, reseeded, lambda: new), statistics, some


def gathered(rows, axis_name: str):
    """The rows of all devices. Unlike `jax.lax.all_gather`, a sum has a type that says
    that it is the same on all of them.
    """
    size, index = jax.lax.axis_size(axis_name), jax.lax.axis_index(axis_name)

    def placed(own):
        everywhere = jnp.zeros((size, *own.shape), own.dtype).at[index].set(own)
        return jax.lax.psum(everywhere, axis_name).reshape(-1, *own.shape[1:])

    return jtu.tree_map(placed, rows)


def expectation(mixture, rows: Rows):
    """The E-step: the statistics, and the log-density of each row."""
    log_prob, responsibilities, local = posterior(mixture, rows)
    # Rows of weight 0 add nothing, even if they are impossible.
    counting = jnp.where(rows.weight > 0, rows.weight * log_prob, 0)
    # Rows next to impossible add nothing to the moments, whose squares would overflow.
    far = log_prob < -(2.0**-48) * float(jnp.finfo(log_prob.dtype).max)
    counted = jnp.where(far, 0, rows.weight)[None] * responsibilities
    moments = mixture.components.moments(local, counted)
    return Statistics(jnp.sum(counting), jnp.sum(counted, -1), moments), log_prob


def posterior(mixture, rows: Rows):
    """The log-density of the rows, responsibilities (components, rows), and what the
    components see.
    """
    weights = mixture.weights
    log_components, local = mixture.components.log_prob(rows.x, weights)
    # ln 0 has an infinite derivative, so the logarithm of 1 is taken there.
    some = weights > 0
    log_weights = jnp.where(some, jnp.log(jnp.where(some, weights, 1)), -jnp.inf)
    log_joint = log_weights[:, None] + log_components
    peak = jax.lax.stop_gradient(jnp.max(log_joint, 0))
    possible = rows.inside & (peak != -jnp.inf)
    peak = jnp.where(possible, peak, 0)
    log_joint = jnp.where(possible[None], log_joint, log_weights[:, None])
    shares = jnp.exp(log_joint - peak[None])
    total = jnp.sum(shares, 0)
    log_prob = jnp.where(possible, peak + jnp.log(total), -jnp.inf)
    return log_prob, shares / total[None], local
