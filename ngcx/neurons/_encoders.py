import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._numerics import widened
from .._typing import Count


@compiled(static=("steps",))
def poisson(
    key: PRNGKeyArray, rates: Float[Array, "*shape"], steps: Count
) -> Float[Array, "time *shape"]:
    """Encodes rates as random spikes, independent in every step.

    A Poisson process seen once a step: each neuron spikes with the probability `rates`
    in each step. For rates in Hz, give `rates * dt / 1000`, with the step `dt` in ms.

    **Arguments:**

    - `key`: decides the draw.
    - `rates`: spikes expected per step, from 0 to 1; what is beyond counts as 0 or 1.
    - `steps`: how many time steps.

    **Returns:** zeros and ones in the dtype of `rates`, time first.
    """
    # Uniform numbers of a half precision would be too coarse.
    probability = jnp.broadcast_to(widened(rates), (steps, *rates.shape))
    return jr.bernoulli(key, probability).astype(rates.dtype)


@compiled(static=("steps",))
def latency(x: Float[Array, "*shape"], steps: Count) -> Float[Array, "time *shape"]:
    r"""Encodes intensities as the time to the first spike, the stronger the earlier.

    A neuron spikes once, at step $(1 - x) (T - 1)$ rounded half to even, where $T$ is
    `steps`; one of intensity 0 does not spike.

    **Arguments:**

    - `x`: intensities from 0 to 1; what is beyond counts as 0 or 1.
    - `steps`: how many time steps.

    **Returns:** zeros and ones in the dtype of `x`, time first.
    """
    when = jnp.round((1 - jnp.clip(widened(x), 0, 1)) * (steps - 1))
    when = jnp.where(x > 0, when, steps).astype(jnp.int32)
    time = jnp.arange(steps, dtype=jnp.int32).reshape(-1, *(1,) * x.ndim)
    return (time == when[None]).astype(x.dtype)
