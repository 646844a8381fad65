"""What keeps the activity of hidden layers in bounds."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from .._compiled import compiled
from .._numerics import mean
from .._typing import NonNegative, Scalar
from ._readouts import shares


@compiled
def rate_penalty(
    spikes: Float[Array, "time *batch neurons"],
    lower: NonNegative[Scalar] = 0.0,
    upper: NonNegative[Scalar] = 1.0,
    *,
    lengths: Integer[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    r"""A penalty on neurons that are silent, or that fire all the time:

    $$\frac{1}{N} \sum_n \bigl(\max(0, l - r_n)^2 + \max(0, r_n - u)^2\bigr)$$

    where $r_n$ is the rate of neuron $n$ in spikes a step, over all steps of all
    samples. So a neuron may be silent for some samples, and longer samples count more.
    The gradient of a silent neuron is $-2 l$ over the number of neurons, times that of
    its rate.

    **Arguments:**

    - `spikes`: the spikes of a layer, time first, as `watch` gives them.
    - `lower`, `upper`: $l$ and $u$, the rates between which there is no penalty.
    - `lengths`: how many steps each sample has; all if not given.

    **Returns:** a scalar in the dtype of `spikes`.

    **See also:** [`ngcx.losses.activity_penalty`][], which has no target.

    ??? cite "Reference"
        Zenke and Vogels, *The remarkable robustness of surrogate gradient learning for
        instilling complex function in spiking neural networks*, Neural Computation
        2021, bound the activity from below and above.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import rate_penalty
    >>> spikes = jnp.zeros((10, 1, 2)).at[::2, 0, 0].set(1.0)  # rates 0.5 and 0
    >>> rate_penalty(spikes, lower=0.1, upper=0.4)
    Array(0.01, dtype=float32)

    ```
    """
    rates = shares(spikes, lengths)
    below = jnp.maximum(jnp.asarray(lower, rates.dtype) - rates, 0)
    above = jnp.maximum(rates - jnp.asarray(upper, rates.dtype), 0)
    return mean(jnp.square(below) + jnp.square(above)).astype(spikes.dtype)


@compiled(static=("power",))
def activity_penalty(
    spikes: Float[Array, "time *batch neurons"],
    power: Literal[1, 2] = 1,
    *,
    lengths: Integer[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    r"""A penalty on every spike: the mean of $r_n$ (L1, `power` 1), or of $r_n^2$ (L2,
    `power` 2), which penalises the busiest neurons most. The rates $r_n$ are those of
    [`ngcx.losses.rate_penalty`][].

    **Arguments:**

    - `spikes`: the spikes of a layer, time first, as `watch` gives them.
    - `power`: 1 or 2.
    - `lengths`: how many steps each sample has; all if not given.

    **Returns:** a scalar in the dtype of `spikes`.

    **See also:** [`ngcx.losses.rate_penalty`][], which keeps neurons between two rates.

    ??? cite "Reference"
        Zenke and Vogels, *The remarkable robustness of surrogate gradient learning for
        instilling complex function in spiking neural networks*, Neural Computation
        2021.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import activity_penalty
    >>> spikes = jnp.zeros((10, 1, 2)).at[::2, 0, 0].set(1.0)  # rates 0.5 and 0
    >>> activity_penalty(spikes), activity_penalty(spikes, power=2)
    (Array(0.25, dtype=float32), Array(0.125, dtype=float32))

    ```
    """
    return mean(shares(spikes, lengths) ** power).astype(spikes.dtype)
