"""Which spikes of two trains are near each other.

Times are compared in float64, and what is found is counted, and rounded once.
"""

import functools as ft
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .._compiled import compiled
from .._numerics import mean, ratio
from .._reduction import Reduction, Where
from .._typing import Natural, Positive, Scalar
from ._spike_times import SpikeTimes, Trains, reduced, slots, slots_of_pair, taken


@compiled(static=("reduction",))
def spike_train_synchrony(
    spikes: Trains, *, reduction: Reduction = "mean", where: Where = None
) -> Float[Array, "..."]:
    r"""SPIKE-synchronization of a population (Kreuz, Mulansky and Bozanic, 2015): the
    fraction of coincidences among all that are possible.

    Spike $i$ of neuron $n$ coincides with spike $j$ of neuron $m$ if

    $$\lvert t^n_i - t^m_j \rvert < \frac{1}{2} \min\{
    t^n_{i+1} - t^n_i, \; t^n_i - t^n_{i-1}, \;
    t^m_{j+1} - t^m_j, \; t^m_j - t^m_{j-1} \}$$

    where an interval before the first or after the last spike of a neuron counts as the
    whole length of the recording. Each spike can coincide with one spike of every other
    neuron. The synchrony is the mean over all spikes and other neurons: 1 if all fire
    together, and 0 if no spikes coincide. There is no time scale to choose. Without any
    spike, or with a single neuron, it is 1. The gradient is 0.

    **Arguments:**

    - `spikes`: spike times; or a grid, every positive entry of which is a spike.
    - `reduction`: over the batch of populations: `"mean"`, `"sum"` or `"none"`.
    - `where`: the populations that count.

    **Returns:** a scalar, or with `"none"` values in [0, 1] of shape `(*batch,)`, in
    the dtype of `spikes`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import spike_train_synchrony
    >>> spike_train_synchrony(jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    Array(1., dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        trains = slots(stop_gradient(spikes))
        times, is_spike, t_stop, is_grid = trains
        gaps = (jnp.abs(trains.at(i) - times) for i in trains.neighbors())
        # These are twice the windows of the spikes.
        windows = ft.reduce(jnp.minimum, gaps, t_stop)

        def nearest(times):
            """How far the nearest spike of each neuron is that has it in its window."""
            near = jnp.full((), jnp.inf)
            for index, distance in _neighbors(times, trains):
                coincides = 2 * distance < taken(windows, index)
                near = jnp.minimum(near, jnp.where(coincides, distance, jnp.inf))
            return near

        on_grid = nearest(times) if is_grid else None

        def partners(neuron):
            times, windows = neuron
            near = nearest(times) if on_grid is None else on_grid
            return jnp.sum(2 * near < windows, (-2, -1), dtype=jnp.int32)

        # The neurons come one by one, since all pairs at once take longer.
        neurons = (times, jnp.where(is_spike, windows, 0))
        neurons = tuple(jnp.moveaxis(x[..., None], -2, 0) for x in neurons)
        found = jnp.sum(jax.lax.map(partners, neurons), 0, dtype=float)
        size = jnp.sum(is_spike, (-2, -1), dtype=float)
        # Every spike coincides with itself.
        possible = size * (times.shape[-1] - 1)
        synchronies = ratio(found - size, possible, 1)
    return reduced(synchronies, spikes, reduction, where)


def _neighbors(times, trains):
    """The slots of the last spike before each of the times and of the first from it on,
    each with how far it is. The times are those of the slots if these are on a grid.
    """
    if trains.is_grid:
        before, after = trains.neighbors()
        after = jnp.where(trains.is_spike, trains.number, after)
    else:
        rising, x = (jnp.swapaxes(each, -1, -2) for each in (trains.times, times))
        after = jnp.swapaxes(_search(rising, x), -1, -2)
        before = after - 1
    return [(index, jnp.abs(trains.at(index) - times)) for index in (before, after)]


@ft.partial(jnp.vectorize, signature="(n),(m)->(m)")
def _search(rising, x):
    return jnp.searchsorted(rising, x)


@compiled(static=("reduction",))
def spike_time_tiling_coefficient(
    a: Trains,
    b: Trains,
    window: Positive[Scalar],
    *,
    reduction: Reduction = "mean",
    where: Where = None,
) -> Float[Array, "..."]:
    r"""How correlated two spike trains are, whatever their rates (Cutts and Eglen,
    2014), neuron by neuron: from -1 to 1.

    $$\frac{1}{2} \Big(\frac{P_a - T_b}{1 - P_a T_b} + \frac{P_b - T_a}{1 - P_b T_a}
    \Big)$$

    where $P_a$ is the share of the spikes of $a$ that are no further than $\Delta t$
    from one of $b$, and $T_a$ is the share of the recording that is no further than
    $\Delta t$ from a spike of $a$. A term in which both shares are 1 is 1. If either
    train is silent, the result is 0, where Elephant gives NaN. The gradient is 0.

    **Arguments:**

    - `a`, `b`: spike times; or grids, every positive entry of which is a spike.
    - `window`: $\Delta t$, in the unit of the times; in steps for grids.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `a`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import SpikeTimes, spike_time_tiling_coefficient
    >>> a, b = jnp.array([[0.1, 0.5]]), jnp.array([[0.2, 0.9]])
    >>> a, b = (SpikeTimes(times, jnp.array([2]), 1.0) for times in (a, b))
    >>> print(spike_time_tiling_coefficient(a, b, window=0.15))
    -0.06896556

    ```
    """
    with jax.enable_x64(True):
        trains = slots_of_pair(a, b)
        stop, width = trains[0].t_stop, jnp.asarray(window, float)

        def excess(a, b):
            """How much more of the spikes of `a` than of the record is near `b`."""
            (_, earlier), (_, later) = _neighbors(a.times, b)
            near = (jnp.minimum(earlier, later) <= width).astype(float)
            near = mean(near, -2, a.is_spike)
            before, _ = b.neighbors()
            starts, ends = (jnp.clip(b.times + x, 0, stop) for x in (-width, width))
            so_far = jnp.where(before < 0, 0, taken(ends, before))
            covered = jnp.where(b.is_spike, ends - jnp.maximum(starts, so_far), 0)
            tiled = ratio(jnp.sum(covered, -2), stop)
            return ratio(near - tiled, 1 - near * tiled, 1)

        coefficients = (excess(*trains) + excess(*trains[::-1])) / 2
        first, second = (jnp.any(train.is_spike, -2) for train in trains)
        coefficients = jnp.where(first & second, coefficients, 0)
    return reduced(coefficients, a, reduction, where)


@compiled(static=("lags",))
def cross_correlogram(
    a: Trains, b: Trains, width: Positive[Scalar], lags: Natural
) -> Float[Array, "*batch neurons bins"]:
    r"""Counts the pairs of spikes that have each lag, neuron by neuron.

    $$C_k = \#\{i, j : (k - 1/2) \, w \le t^b_j - t^a_i < (k + 1/2) \, w\}$$

    for $k$ from `-lags` to `lags`, so $C_k$ with $k > 0$ counts spikes of $b$ that
    follow those of $a$. If both trains are the same, it is an autocorrelogram, in which
    each spike makes a pair with itself at $k = 0$. There is no correction at the
    borders. The same holds for Elephant's `cross_correlation_histogram` of unclipped
    bins by default, which has the same counts if all spikes are on the grid of its
    bins.

    **Arguments:**

    - `a`, `b`: spike times; or grids, every positive entry of which is a spike.
    - `width`: $w$, in the unit of the times; in steps for grids.
    - `lags`: how many bins there are on each side of the one around 0.

    **Returns:** an array of shape `(*batch, neurons, 2 * lags + 1)` in the dtype of
    `a`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import SpikeTimes, cross_correlogram
    >>> a = SpikeTimes(jnp.array([[1.0, 4.0]]), jnp.array([2]), 10.0)
    >>> print(cross_correlogram(a, a, width=1.0, lags=3))
    [[1. 0. 0. 2. 0. 0. 1.]]

    ```
    """
    with jax.enable_x64(True):
        first, second = slots_of_pair(a, b)
        edges = jnp.arange(-lags, lags + 2, dtype=float) - 0.5
        edges = edges * jnp.asarray(width, float)
        below = _by_fourier if first.is_grid else _by_search
        counts = jnp.diff(below(first, second, edges), axis=-2)
        return jnp.swapaxes(counts, -1, -2).astype(a.dtype)


def _by_fourier(a, b, edges):
    """How many pairs of spikes on a grid have a lag below each edge."""
    size = a.times.shape[-2] + 1  # which no lag reaches
    pairs = _correlation(a.is_spike, b.is_spike)
    up_to = jnp.cumsum(jnp.roll(pairs, size, -2), -2)
    below = jnp.searchsorted(jnp.arange(1.0 - size, size), edges)
    return jnp.take(up_to, below, -2)


# JAX maps over a Fourier transform in complex64 without x64, wherever it was traced.
@jax.custom_batching.custom_vmap
def _correlation(a, b):
    """How many pairs of spikes have each lag, modulo two steps more than twice the
    number of steps.
    """
    size = a.shape[-2] + 1
    with jax.enable_x64(True):
        first, second = (jnp.fft.rfft(x.astype(float), 2 * size, -2) for x in (a, b))
        return jnp.round(jnp.fft.irfft(jnp.conj(first) * second, 2 * size, -2))


@_correlation.def_vmap
def _correlations(size, are_mapped, *trains):
    each = (
        train if is_mapped else jnp.broadcast_to(train, (size, *train.shape))
        for is_mapped, train in zip(are_mapped, trains, strict=True)
    )
    return _correlation(*each), True


def _by_search(a, b, edges):
    """How many pairs of spike times have a lag below each edge."""

    def pairs(a, b):
        counts = jnp.searchsorted(b, a[:, None] + edges[None])
        return jnp.sum(jnp.where((a < jnp.inf)[:, None], counts, 0), 0)

    trains = (jnp.swapaxes(x.times, -1, -2) for x in (a, b))
    counts = jnp.vectorize(pairs, signature="(m),(n)->(k)")(*trains)
    return jnp.swapaxes(counts, -1, -2)


# The measure is compiled, and judges its options before they are traced.
@compiled(jit=False)
def pairwise(
    measure: Callable[..., Array], spikes: SpikeTimes, **options: Any
) -> Float[Array, "..."]:
    """Applies a measure of two trains to all pairs of neurons.

    **Arguments:**

    - `measure`: `van_rossum_distance`, `victor_purpura_distance`,
        `spike_time_tiling_coefficient`, or another
        `measure(a, b, reduction="none", **options)`.
    - `spikes`: spike times; for a grid, give `SpikeTimes.from_grid(grid)`.
    - `options`: further arguments of the measure, such as `tau`.

    **Returns:** an array of shape `(*batch, neurons, neurons)`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import SpikeTimes, pairwise, victor_purpura_distance
    >>> trains = SpikeTimes.from_grid(jnp.eye(3))
    >>> pairwise(victor_purpura_distance, trains, cost=0.5)
    Array([[0. , 0.5, 1. ],
           [0.5, 0. , 0.5],
           [1. , 0.5, 0. ]], dtype=float32)

    ```
    """
    *batch, size = spikes.count.shape
    first, second = (
        SpikeTimes(spikes.times[..., i, :], spikes.count[..., i], spikes.t_stop)
        for i in jnp.indices((size, size)).reshape(2, size**2)
    )
    return measure(first, second, reduction="none", **options).reshape(
        *batch, size, size
    )
