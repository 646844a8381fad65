"""Which spikes of two trains are near each other.

Times are compared in float64, and what is found is counted, and rounded once.
"""

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
from ._spike_times import SpikeTimes, Trains, reduced, unpacked
from ._spike_trains import intervals_of


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

    an interval beyond the first or the last spike of a neuron counting as the whole
    length of the record. Each spike can coincide with one of every other neuron; the
    synchrony is the mean over all spikes and other neurons: 1 if all fire together, 0
    if no spikes coincide. There is no time scale to choose. Without any spike, or with
    a single neuron, it is 1. The gradient is 0.

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
        times, length = unpacked(spikes)
        gaps, _ = intervals_of(spikes, length)
        # The last gap is the length, and comes before the first. The lesser of two gaps
        # is twice the window of a spike.
        windows = jnp.minimum(gaps, jnp.roll(gaps, 1, -1))
        trains = jnp.stack([times[..., :-1], windows], -2)
        coincidences = jnp.vectorize(_coincidences, signature="(p,m),(p,n)->()")
        found = coincidences(trains[..., :, None, :, :], trains[..., None, :, :, :])
        size = jnp.sum(times < jnp.inf, (-2, -1), dtype=float)
        # Every spike coincides with itself.
        others = jnp.sum(found, (-2, -1), dtype=float) - size
        rows = ratio(others, size * (times.shape[-2] - 1), 1)
    return reduced(rows, spikes, reduction, where)


def _coincidences(a, b):
    """How many spikes of `a` coincide with one of `b`: times, and their windows."""
    near, distances = _neighbors(a[0], b[0])
    coincide = 2 * distances < jnp.minimum(b[1][near], a[1][None])
    return jnp.sum(jnp.any(coincide, 0), dtype=int)


def _neighbors(a, b):
    """The last spike of `b` before each of `a` and the first one from it on, and how
    far they are.
    """
    after = jnp.searchsorted(b, a)
    near = jnp.clip(jnp.stack([after - 1, after]), 0, b.size - 1)
    return near, jnp.where(a[None] < jnp.inf, jnp.abs(b[near] - a[None]), jnp.inf)


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
    from one of $b$, and $T_a$ is the share of the record that is no further than
    $\Delta t$ from a spike of $a$. A term of which both are 1 is 1. If either train is
    silent it is 0, where Elephant gives NaN. The gradient is 0.

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
        window = jnp.asarray(window, float)
        (first, stop), (second, _) = (stop_gradient(unpacked(x)) for x in (a, b))
        excess = jnp.vectorize(_excess, signature="(m),(n),(),()->()")
        both = excess(first, second, window, stop) + excess(second, first, window, stop)
        fires = (first[..., 0] < jnp.inf) & (second[..., 0] < jnp.inf)
        coefficients = jnp.where(fires, both / 2, 0)
    return reduced(coefficients, a, reduction, where)


def _excess(a, b, window, stop):
    """How much more of the spikes of `a` than of the record is near spikes of `b`."""
    _, distances = _neighbors(a, b)
    near = mean((jnp.min(distances, 0) <= window).astype(float), where=a < jnp.inf)
    starts, ends = jnp.clip(b - window, 0, stop), jnp.clip(b + window, 0, stop)
    covered = ends - jnp.maximum(starts, jnp.append(0.0, ends[:-1]))
    tiled = ratio(jnp.sum(covered), stop)
    return ratio(near - tiled, 1 - near * tiled, 1)


@compiled(static=("lags",))
def cross_correlogram(
    a: Trains, b: Trains, width: Positive[Scalar], lags: Natural
) -> Float[Array, "*batch neurons bins"]:
    r"""How many pairs of spikes have each lag, neuron by neuron.

    $$C_k = \#\{i, j : (k - 1/2) \, w \le t^b_j - t^a_i < (k + 1/2) \, w\}$$

    for $k$ from `-lags` to `lags`, so that $C_k$ with $k > 0$ counts spikes of $b$ that
    follow those of $a$. It is an autocorrelogram if both are the same, where each spike
    makes a pair with itself at $k = 0$. No borders are corrected for, as Elephant's
    `cross_correlation_histogram` of unclipped bins does by default, which has the same
    counts if all spikes are on the grid of its bins.

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
        (first, _), (second, _) = unpacked(a), unpacked(b)
        edges = (jnp.arange(-lags, lags + 2, dtype=float) - 0.5) * jnp.asarray(
            width, float
        )

        def pairs(a, b):
            counts = jnp.diff(jnp.searchsorted(b, a[:, None] + edges[None]))
            return jnp.sum(jnp.where((a < jnp.inf)[:, None], counts, 0), 0)

        counts = jnp.vectorize(pairs, signature="(m),(n)->(k)")(first, second)
        return counts.astype(a.dtype)


# The measure is compiled, and judges its options before they are traced.
@compiled(jit=False)
def pairwise(
    measure: Callable[..., Array], spikes: SpikeTimes, **options: Any
) -> Float[Array, "..."]:
    """A measure of two trains, of all pairs of neurons.

    **Arguments:**

    - `measure`: `van_rossum_distance`, `victor_purpura_distance`,
        `spike_time_tiling_coefficient`, or another
        `measure(a, b, reduction="none", **options)`.
    - `spikes`: spike times; of a grid, `SpikeTimes.from_grid(grid)`.
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
