"""Numbers as spikes, and back."""

from typing import Annotated

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import compiled
from .._numerics import divided, widened
from .._trees import varying
from .._typing import Count, Must, Positive, Scalar


AtLeast3 = Annotated[int, Must("3 or more", lambda value: value >= 3)]


@compiled(static=("steps",))
def poisson(
    key: PRNGKeyArray, rates: Float[Array, "*shape"], steps: Count
) -> Float[Array, "time *shape"]:
    """Encodes rates as random spikes, independent in every step.

    It is a Poisson process that is observed once in each step: a neuron spikes with the
    probability `rates`. For rates in Hz, give `rates * dt / 1000`, with the step `dt`
    in ms.

    **Arguments:**

    - `key`: decides the draw.
    - `rates`: spikes expected per step, from 0 to 1; values beyond count as 0 or 1.
    - `steps`: how many time steps.

    **Returns:** zeros and ones in the dtype of `rates`, time first.

    **See also:** [`ngcx.neurons.latency`][], which codes by time;
    [`ngcx.neurons.delta`][], which codes changes; [`ngcx.neurons.population`][], which
    codes single numbers.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.neurons import poisson
        >>> spikes = poisson(jr.key(0), jnp.array([0.0, 0.1, 1.0]), steps=1000)
        >>> print(spikes.shape, spikes.mean(0).round(1))
        (1000, 3) [0.  0.1 1. ]

        ```
    """
    # Uniform numbers of a half precision would be too coarse.
    probability = jnp.broadcast_to(widened(rates), (steps, *rates.shape))
    return jr.bernoulli(key, probability).astype(rates.dtype)


@compiled(static=("steps",))
def latency(x: Float[Array, "*shape"], steps: Count) -> Float[Array, "time *shape"]:
    r"""Encodes intensities as the time of a single spike: the stronger, the earlier.

    A neuron spikes once, at step $(1 - x) (T - 1)$ rounded half to even, where $T$ is
    `steps`. A neuron with intensity 0 does not spike.

    **Arguments:**

    - `x`: intensities from 0 to 1; values beyond count as 0 or 1.
    - `steps`: how many time steps.

    **Returns:** zeros and ones in the dtype of `x`, time first.

    **See also:** [`ngcx.neurons.poisson`][], which codes by rate.

    ??? cite "Reference"
        Thorpe, Delorme and Van Rullen, *Spike-based strategies for rapid processing*,
        Neural Networks 2001.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import latency
        >>> print(latency(jnp.array([1.0, 0.5, 0.0]), steps=3))
        [[1. 0. 0.]
         [0. 1. 0.]
         [0. 0. 0.]]

        ```
    """
    when = jnp.round((1 - jnp.clip(widened(x), 0, 1)) * (steps - 1))
    when = jnp.where(x > 0, when, steps).astype(jnp.int32)
    time = jnp.arange(steps, dtype=jnp.int32).reshape(-1, *(1,) * x.ndim)
    return (time == when[None]).astype(x.dtype)


@compiled
def delta(
    x: Float[Array, "time *shape"], threshold: Positive[Scalar]
) -> Float[Array, "time *shape 2"]:
    r"""Encodes the changes of a signal, as event cameras and silicon cochleas do: an
    *on* spike for each threshold by which it rises, and an *off* spike for each by
    which it falls.

    The encoder remembers the level $\theta n$ that its spikes have reported, at first
    0. In every step it emits $k$ spikes, the whole part of $(x_t - \theta n) / \theta$,
    and adds them to $n$. So the signal that [`ngcx.neurons.decode_delta`][] recovers
    from the spikes is within $\theta$ of the original in every step. A signal that
    stays constant, or varies by less than $\theta$, causes no spikes.

    **Arguments:**

    - `x`: signals, time first.
    - `threshold`: $\theta$.

    **Returns:** counts in the dtype of `x`, with a last axis for on and off. They are 0
    or 1 as long as no signal changes by two thresholds in a step. A jump of more
    thresholds than the dtype can count (2,048 in float16) takes several steps.

    ??? cite "Reference"
        Miskowicz, *Send-on-delta concept: an event-based data reporting strategy*,
        Sensors 2006.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.neurons import delta
    >>> x = jnp.array([0.0, 0.5, 1.0, 0.9, 0.0])
    >>> print(delta(x, 0.5).T)
    [[0. 1. 1. 0. 0.]
     [0. 0. 0. 0. 2.]]

    ```
    """
    wide = widened(x)
    theta = jnp.asarray(threshold, wide.dtype)
    most = 2.0 ** (jnp.finfo(x.dtype).nmant + 1)

    def step(level, now):
        # Both are divided by the threshold only as a difference, which is small.
        change = jnp.trunc(divided(now - level * theta, theta))
        change = jnp.clip(change, -most, most)
        return level + change, change

    start = varying(jnp.zeros_like(wide, shape=x.shape[1:]), theta)
    _, changes = jax.lax.scan(step, start, wide)
    both = jnp.stack([jnp.maximum(changes, 0), jnp.maximum(-changes, 0)], axis=-1)
    return both.astype(x.dtype)


@compiled
def decode_delta(
    spikes: Float[Array, "time *shape 2"], threshold: Positive[Scalar]
) -> Float[Array, "time *shape"]:
    r"""Recovers the signal from the spikes of [`ngcx.neurons.delta`][]: the threshold
    times the number of on spikes so far, minus that of off spikes, $x_t = \theta
    \sum_{u \le t} (s^+_u - s^-_u)$.

    **Arguments:**

    - `spikes`: on and off along the last axis, time first.
    - `threshold`: the threshold of the encoder.

    **Returns:** the signal, in the dtype of `spikes`.

    ??? cite "Reference"
        Miskowicz, *Send-on-delta concept: an event-based data reporting strategy*,
        Sensors 2006.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.neurons import decode_delta, delta
    >>> x = jnp.array([0.0, 0.5, 1.0, 0.9, 0.0])
    >>> print(decode_delta(delta(x, 0.5), 0.5))
    [0.  0.5 1.  1.  0. ]

    ```
    """
    wide = widened(spikes)
    levels = jnp.cumsum(wide[..., 0] - wide[..., 1], axis=0)
    return (levels * jnp.asarray(threshold, wide.dtype)).astype(spikes.dtype)


def _check_order(x, neurons, low=0.0, high=1.0, **_) -> None:
    if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
        raise ValueError(f"`low` must be below `high`; got {low} and {high}.")


@compiled(static=("neurons",), before=_check_order)
def population(
    x: Float[Array, "*shape"],
    neurons: AtLeast3,
    low: Scalar = 0.0,
    high: Scalar = 1.0,
    *,
    beta: Positive[Scalar] = 1.5,
) -> Float[Array, "*shape neurons"]:
    r"""Encodes each number as the activity of several neurons, each of which prefers a
    different value.

    The tuning curve of neuron $i = 0, \dots, m - 1$ is a Gaussian of height 1 around $l
    + (i - \frac{1}{2}) d$, of width $d / \beta$, where $d = (h - l) / (m - 2)$: the
    range is covered, and one neuron lies beyond either end. So a number can be read
    from which neurons are active, while the rate of a single neuron would have to be
    measured over time.

    [`ngcx.neurons.latency`][] or [`ngcx.neurons.poisson`][] turns the activity into
    spikes.

    **Arguments:**

    - `x`: numbers.
    - `neurons`: $m$, how many neurons encode each number.
    - `low`, `high`: $l$ and $h$, the range of the numbers.
    - `beta`: $\beta$, how narrow the tuning curves are; from 1 to 2 in the article.

    **Returns:** activities from 0 to 1 in the dtype of `x`.

    ??? cite "Reference"
        Bohte, Kok and La Poutré, *Error-backpropagation in temporally encoded networks
        of spiking neurons*, Neurocomputing 2002.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.neurons import population
    >>> print(population(jnp.array([0.25]), 4).round(2))
    [[0.32 1.   0.32 0.01]]

    ```
    """
    wide = widened(x)
    low, high = jnp.asarray(low, wide.dtype), jnp.asarray(high, wide.dtype)
    # The unit is the distance between neurons, also where all prefer one number.
    unit = (high - low) / (neurons - 2)
    unit = jnp.where(unit == 0, jnp.finfo(unit.dtype).tiny, unit)
    place = divided(wide - low, unit)
    index = jnp.arange(neurons, dtype=wide.dtype) - 0.5
    apart = place[..., None] - index.reshape((1,) * x.ndim + (-1,))
    # Beyond 64 widths the activity is 0 anyway, and squares must not overflow.
    scaled = jnp.clip(apart * jnp.asarray(beta, wide.dtype), -64, 64)
    return jnp.exp(-jnp.square(scaled) / 2).astype(x.dtype)


@compiled
def decode_population(
    activity: Float[Array, "*shape neurons"], low: Scalar = 0.0, high: Scalar = 1.0
) -> Float[Array, "*shape"]:
    r"""The value that the most active neuron of a [`ngcx.neurons.population`][]
    prefers, clipped to the range.

    It is within $(h - l) / (2 (m - 2))$ of the encoded number, if the most active
    neuron is found correctly. A silent population gives `low`.

    **Arguments:**

    - `activity`: activities, or spikes summed over time.
    - `low`, `high`: the range of the encoder.

    **Returns:** one number for each population, in the dtype of `activity`.

    **Raises:** `ValueError` for fewer than 3 neurons.

    ??? cite "Reference"
        Pouget, Dayan and Zemel, *Information processing with population codes*, Nature
        Reviews Neuroscience 2000.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.neurons import decode_population, population
    >>> activity = population(jnp.array([2.2, 7.4]), 12, 0.0, 10.0)
    >>> print(decode_population(activity, 0.0, 10.0))
    [2.5 7.5]

    ```
    """
    neurons = activity.shape[-1]
    if neurons < 3:
        raise ValueError(
            f"`activity` must be that of 3 or more neurons; got {neurons}."
        )
    wide = widened(activity)
    low, high = jnp.asarray(low, wide.dtype), jnp.asarray(high, wide.dtype)
    place = jnp.argmax(wide, axis=-1).astype(wide.dtype) - 0.5
    share = jnp.clip(place / (neurons - 2), 0, 1)
    return (low + share * (high - low)).astype(activity.dtype)
