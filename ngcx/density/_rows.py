"""Data as mixtures see them, and what data have to be."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import widened


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


def check_data(x, sample_weight, components, num_components):
    """Raises for data that nothing can be fitted to. What is traced is not known."""
    if x.shape[0] < num_components:
        raise ValueError(
            f"`x` must have a row for each of the {num_components} components at "
            f"least; got {x.shape[0]}."
        )
    if x.shape[1] == 0:
        raise ValueError(f"`x` must have a feature at least; got {x.shape}.")
    if isinstance(sample_weight, Tracer):
        return
    with jax.ensure_compile_time_eval():  # of what is known where others are traced
        if sample_weight is not None and not _can_count(sample_weight):
            raise ValueError(
                "`sample_weight` must be finite, 0 or more, and above 0 of a row."
            )
        if not isinstance(x, Tracer) and not _supported(x, sample_weight, components):
            raise ValueError(f"`x` must hold {components.support} only.")


@compiled
def _can_count(weight: Float[Array, " rows"]) -> Bool[Array, ""]:
    return jnp.all(jnp.isfinite(weight) & (weight >= 0)) & jnp.any(weight > 0)


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
        raise ValueError(f"`x` must have a row at least; got {x.shape}.")
