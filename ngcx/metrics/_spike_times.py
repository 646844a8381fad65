"""Spike trains as the times of spikes, which every measure of them is computed from."""

import functools as ft
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._reduction import Reduction, Where, reduce
from .._typing import Count, Positive, Scalar


class SpikeTimes(Module):
    """The times at which neurons spike, padded to the same number for each neuron.

    Wherever a measure takes spike trains, you can give these, or a grid of time steps
    by neurons.

    **Arguments:**

    - `times`: the times of spikes, ascending and not below 0, in any unit. Entries
        beyond `count` may hold anything.
    - `count`: how many spikes each neuron has.
    - `t_stop`: the end of the recording, which begins at 0, in the unit of `times`.

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
        """Makes spike times from a grid, whose step $i$ is at the time $i$ times `dt`.

        **Arguments:**

        - `spikes`: spike trains; every positive entry is a spike.
        - `dt`: the length of a step, in any unit.

        **Returns:** times in the default float dtype, for each neuron as many as there
        are steps. Measures of pairs of spikes take less time if you cut the padding
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
        """Counts the spikes in each of `windows` intervals of equal length. The result
        is a grid, for the measures of counts.

        The Fano factor in windows is `fano_factor(trains.counts(10))`. A peri-stimulus
        time histogram is the mean of the counts over the axis of the trials, divided by
        the length of a window for a rate. A spike at the border of two windows is in
        the later one, and one at the end in the last.
        """
        with jax.enable_x64(True):
            times, t_stop = padded(self), jnp.asarray(self.t_stop, float)
            edges = jnp.append(t_stop * jnp.arange(1.0, windows) / windows, jnp.inf)
            find = ft.partial(jnp.searchsorted, v=edges)
            below = jnp.vectorize(find, signature="(m)->(k)")(times)
            return jnp.moveaxis(jnp.diff(below, prepend=0), -1, -2).astype(self.dtype)


Trains = SpikeTimes | Float[Array, "*batch time neurons"]


class Slots(NamedTuple):
    """Where spikes may be, in the axes of a grid: its steps, or the padded times.

    Slot -1 and that beyond the last stand for a spike that is not, and are at infinity.
    Padded times end in an empty slot for them.
    """

    times: Float[Array, "*batch slots neurons"]
    """In float64; those that are padding are infinite."""
    is_spike: Bool[Array, "*batch slots neurons"]
    t_stop: Array
    is_grid: bool
    """Whether all neurons have the same times, with gaps between their spikes."""

    @property
    def number(self):
        axis = self.times.ndim - 2
        return jax.lax.broadcasted_iota(jnp.int32, self.times.shape, axis)

    def neighbors(self):
        """The slots of the spikes before and after each slot."""
        number, slots = self.number, self.times.shape[-2]
        if not self.is_grid:
            return number - 1, number + 1
        last, first = (jnp.where(self.is_spike, number, x) for x in (-1, slots))
        # This takes a fourth of the time of `jax.lax.cummax` on a CPU.
        axis = number.ndim - 2
        last = jax.lax.associative_scan(jnp.maximum, last, axis=axis)
        first = jax.lax.associative_scan(jnp.minimum, first, reverse=True, axis=axis)
        before, after = jnp.roll(last, 1, -2), jnp.roll(first, -1, -2)
        before = jnp.where(number > 0, before, -1)
        return before, jnp.where(number < slots - 1, after, slots)

    def at(self, slot):
        """The times of so numbered slots."""
        slots = self.times.shape[-2]
        if not self.is_grid:
            return taken(self.times, slot % slots)
        is_there = (slot >= 0) & (slot < slots)
        return jnp.where(is_there, slot.astype(float), jnp.inf)


def taken(x, slot):
    """What is in so numbered slots; that is anything if there is none."""
    return jnp.take_along_axis(x, slot, -2, mode="clip")


def times_of(spikes: Trains, dt: Scalar = 1.0) -> SpikeTimes:
    if isinstance(spikes, SpikeTimes):
        return spikes
    return SpikeTimes.from_grid(spikes, dt=dt)


def padded(spikes: SpikeTimes):
    """The times in float64, infinite after the last spike, and once more at the end."""
    number = jax.lax.broadcasted_iota(int, spikes.times.shape, spikes.times.ndim - 1)
    is_spike = number < spikes.count.astype(int)[..., None]
    times = jnp.where(is_spike, spikes.times.astype(float), jnp.inf)
    one_more = [(0, 0)] * (times.ndim - 1) + [(0, 1)]
    return jnp.pad(times, one_more, constant_values=jnp.inf)


def slots(spikes: Trains) -> Slots:
    """Those of spike times, or of a grid whose unit of time is a step."""
    if isinstance(spikes, SpikeTimes):
        times = jnp.swapaxes(padded(spikes), -1, -2)
        t_stop = jnp.asarray(spikes.t_stop, float)
        return Slots(times, times < jnp.inf, t_stop, False)
    times = jax.lax.broadcasted_iota(float, spikes.shape, spikes.ndim - 2)
    return Slots(times, spikes > 0, jnp.asarray(spikes.shape[-2], float), True)


def slots_of_pair(a: Trains, b: Trains):
    """Those of two grids, or of spike times if either is not one; with no gradient."""
    if isinstance(a, SpikeTimes) != isinstance(b, SpikeTimes):
        a, b = times_of(a), times_of(b)
    return slots(stop_gradient(a)), slots(stop_gradient(b))


def reduced(scores, spikes, reduction: Reduction, where: Where):
    """The mean or the sum of scores, or the scores, in the dtype of the trains."""
    if where is not None and where.shape != scores.shape:
        raise ValueError(f"`where` must be of shape {scores.shape}; got {where.shape}.")
    scores = scores.astype(wide_dtype(spikes.dtype))
    return reduce(scores, reduction, where).astype(spikes.dtype)
