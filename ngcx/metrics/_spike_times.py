"""Spike trains as the times of spikes, which every measure of them is computed from."""

import functools as ft

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._reduction import Reduction, Where, reduce
from .._typing import Count, Positive, Scalar


class SpikeTimes(Module):
    """When neurons spike: the times of each, padded to the same number.

    Wherever a measure takes spike trains, it takes these, or a grid of time steps by
    neurons, of which it makes these.

    **Arguments:**

    - `times`: the times of spikes, rising and from 0 on, in any unit. Those beyond
        `count` may be anything.
    - `count`: how many spikes each neuron has.
    - `t_stop`: the end of the record, which begins at 0; in the unit of `times`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import SpikeTimes
    >>> grid = jnp.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    >>> trains = SpikeTimes.from_grid(grid, dt=0.5)
    >>> print(trains.times[0], trains.count, trains.t_stop)
    [0.  1.  1.5] [2 1] 1.5

    ```
    """

    times: Float[Array, "*batch neurons spikes"]
    count: Int[Array, "*batch neurons"]
    t_stop: Positive[Scalar]

    @property
    def dtype(self):
        """That of the times, and of what is measured of them."""
        return self.times.dtype

    @classmethod
    @compiled(static=("cls",))
    def from_grid(
        cls, spikes: Float[Array, "*batch time neurons"], *, dt: Positive[Scalar] = 1.0
    ) -> "SpikeTimes":
        """The times of spikes on a grid, whose step number $i$ is at $i$ times `dt`.

        **Arguments:**

        - `spikes`: spike trains; every positive entry is a spike.
        - `dt`: the length of a step, in any unit.

        **Returns:** times in the default float dtype, as many a neuron as there are
        steps. What is computed of pairs of spikes takes less time if the padding is cut
        off: `SpikeTimes(trains.times[..., :n], trains.count, trains.t_stop)`, where `n`
        is the largest count.
        """
        length, fires = spikes.shape[-2], jnp.moveaxis(spikes > 0, -2, -1)
        find = ft.partial(jnp.nonzero, size=length, fill_value=length)
        (steps,) = jnp.vectorize(find, signature="(t)->(t)")(fires)
        count, step = jnp.sum(fires, -1, dtype=int), jnp.asarray(dt, float)
        return cls(steps.astype(float) * step, count, length * step)

    @compiled(static=("windows",))
    def counts(self, windows: Count) -> Float[Array, "*batch windows neurons"]:
        """How many spikes are in each of so many `windows` of equal length: a grid, for
        the measures of counts.

        The Fano factor in windows is `fano_factor(trains.counts(10))`. A peri-stimulus
        time histogram is the mean of the counts over the axis of the trials, divided by
        the length of a window for a rate. A spike at the border of two windows is in
        the later one, and one at the end in the last.
        """
        with jax.enable_x64(True):
            times, t_stop = unpacked(self)
            edges = jnp.append(t_stop * jnp.arange(1.0, windows) / windows, jnp.inf)
            find = ft.partial(jnp.searchsorted, v=edges)
            below = jnp.vectorize(find, signature="(m)->(k)")(times)
            return jnp.moveaxis(jnp.diff(below, prepend=0), -1, -2).astype(self.dtype)


Trains = SpikeTimes | Float[Array, "*batch time neurons"]


def unpacked(spikes: Trains, dt: Scalar = 1.0):
    """The times in float64, infinite after the last spike, and the end."""
    if not isinstance(spikes, SpikeTimes):
        spikes = SpikeTimes.from_grid(spikes, dt=dt)

    def padded(times, count):
        times = jnp.where(jnp.arange(times.size) < count, times, jnp.inf)
        return jnp.append(times, jnp.inf)  # so that there is one at least

    times, count = spikes.times.astype(float), spikes.count.astype(int)
    times = jnp.vectorize(padded, signature="(m),()->(n)")(times, count)
    return times, jnp.asarray(spikes.t_stop, float)


def reduced(scores, spikes, reduction: Reduction, where: Where):
    """The mean or the sum of scores, or the scores, in the dtype of the trains."""
    if where is not None and where.shape != scores.shape:
        raise ValueError(f"`where` must be of shape {scores.shape}; got {where.shape}.")
    scores = scores.astype(wide_dtype(spikes.dtype))
    return reduce(scores, reduction, where).astype(spikes.dtype)
