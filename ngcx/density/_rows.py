"""Data as mixtures see them, and what data have to be."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import power_of_two, widened


class Rows(NamedTuple):
    """Data in the dtype to compute in, laid out for it once: rows last."""

    x: Float[Array, "features rows"]
    weight: Float[Array, " rows"]
    inside: Bool[Array, " rows"]  # in the support


def arranged(x, sample_weight, components) -> Rows:
    """Lays out rows for components, or for a class of them."""
    x = widened(x)
    weight = jnp.ones(x.shape[:1], x.dtype)
    if sample_weight is not None:
        weight = sample_weight.astype(x.dtype)
        # Rows of weight 0 may hold anything.
        x = jnp.where(weight[:, None] > 0, x, 0)
    inside = jnp.all(components.in_support(x), -1)
    # Rows outside the support are replaced, so that derivatives are finite there too.
    x = jax.lax.optimization_barrier(jnp.where(inside[:, None], x, 0).T)
    return Rows(x, weight, inside)


def relative(rows: Rows, axis_name: str | None = None) -> Rows:
    """The rows, with weights of the same ratios whose sums do not overflow."""
    largest = jnp.max(rows.weight, initial=0)
    if axis_name is not None:
        largest = jax.lax.pmax(largest, axis_name)
    return rows._replace(weight=rows.weight * power_of_two(largest))


def check_data(x, sample_weight, components, num_components):
    """Raises for data that nothing can be fitted to. What is traced is not known."""
    if x.shape[0] < num_components:
        raise ValueError(
            f"`x` must have a row for each of the {num_components} components at "
            f"least; got {x.shape[0]}."
        )
    if x.shape[1] == 0:
        raise ValueError(f"`x` must have at least one feature; got {x.shape}.")
    check_weights("sample_weight", sample_weight, of="a row")
    if isinstance(sample_weight, Tracer) or isinstance(x, Tracer):
        return
    with jax.ensure_compile_time_eval():  # of what is known where others are traced
        if not _supported(x, sample_weight, components):
            raise ValueError(f"`x` must hold {components.support} only.")


def check_weights(name: str, weights, of: str | None = None):
    """Raises for weights that are known and can be none; also for zeros alone, if one
    of something has to count.
    """
    if weights is None or isinstance(weights, Tracer):
        return
    with jax.ensure_compile_time_eval():
        valid, some = _can_count(weights)
        if not valid or not (some or of is None):
            more = (
                " and 0 or more" if of is None else f", 0 or more, and above 0 of {of}"
            )
            raise ValueError(f"`{name}` must be finite{more}.")


@compiled
def _can_count(
    weights: Float[Array, " rows"],
) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
    # Subnormal numbers count as 0 in sums.
    counting = weights >= jnp.finfo(weights.dtype).tiny
    return jnp.all(jnp.isfinite(weights) & (weights >= 0)), jnp.any(counting)


@compiled(static=("components",))
def _supported(
    x: Float[Array, "rows features"],
    sample_weight: Float[Array, " rows"] | None,
    components: type,
) -> Bool[Array, ""]:
    rows = arranged(x, sample_weight, components)
    return jnp.all(rows.inside) & jnp.all(jnp.isfinite(rows.x))


def check_rows(x):
    if x.shape[0] == 0:
        raise ValueError(f"`x` must have at least one row; got {x.shape}.")
