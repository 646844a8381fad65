import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import compiled_function
from .._precision import widened
from .._typing import Scalar
from ._reduction import Reduction, reduce


@compiled_function(static=("reduction",))
def firing_rate(
    spikes: Float[Array, "*batch time neurons"],
    *,
    dt: Scalar | None = None,
    reduction: Reduction = "mean",
) -> Float[Array, "..."]:
    """How often neurons fire: spikes a step, or in Hz.

    **Arguments:**

    - `spikes`: spike trains.
    - `dt`: the length of a step in ms; if given, rates are in Hz.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.

    **Returns:** a scalar, or with `"none"` rates of shape `(*batch, neurons)`, in the
    dtype of `spikes`.
    """
    # float16 counts to 2,048 only.
    rates = jnp.mean(widened(spikes), axis=-2)
    if dt is not None:
        rates = rates * 1000 / jnp.asarray(dt, rates.dtype)
    return reduce(rates, reduction).astype(spikes.dtype)
