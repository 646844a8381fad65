"""Measures of when spikes occur, from dense trains: time steps by neurons.

What adds up over thousands of spikes or steps does so in float64, and is rounded once.
"""

import math

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import mean, ratio, rescaled, root, wide_dtype
from .._reduction import Reduction, filled, reduce
from .._trees import varying
from .._typing import NonNegative, Positive, Scalar


def _steps(spikes):
    """The number of the step, at each entry."""
    return jax.lax.broadcasted_iota(int, spikes.shape, spikes.ndim - 2)


def _last(spikes):
    """The step of the last spike so far, at each step; -1 before the first."""
    return jax.lax.cummax(jnp.where(spikes, _steps(spikes), -1), spikes.ndim - 2)


def _exclusive(last):
    """The step of the last spike before each step, which itself does not count."""
    none = jnp.full_like(last[..., :1, :], -1)
    return jnp.concatenate([none, last[..., :-1, :]], -2)


@compiled(static=("reduction",))
def coefficient_of_variation(
    spikes: Float[Array, "*batch time neurons"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""The coefficient of variation $\sigma / \mu$ of each neuron's inter-spike
    intervals: how irregularly it fires.

    $\mu$ and $\sigma$ are the mean and the (population) standard deviation of the
    intervals between successive spikes. It is 0 for a clock and 1 for a Poisson
    process. A neuron with fewer than two intervals gives 0; `where` leaves it out of
    the mean. It is piecewise constant, so that the gradient is 0.

    **Arguments:**

    - `spikes`: spike trains; every positive entry is a spike.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `spikes`.
    """
    fires = spikes > 0
    before = _exclusive(_last(fires))
    between, intervals = fires & (before >= 0), _steps(before) - before
    with jax.enable_x64(True):
        intervals = intervals.astype(float)
        means = mean(intervals, -2, between)
        variances = mean(jnp.square(intervals - means[..., None, :]), -2, between)
        variations = ratio(root(variances), means)
    variations = variations.astype(wide_dtype(spikes.dtype))
    return reduce(variations, reduction, where).astype(spikes.dtype)


@compiled(static=("reduction",))
def van_rossum_distance(
    a: Float[Array, "*batch time neurons"],
    b: Float[Array, "*batch time neurons"],
    tau: Positive[Scalar],
    *,
    dt: Positive[Scalar] = 1.0,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""The distance of two spike trains by van Rossum (2001), neuron by neuron.

    $$D^2 = \frac{2}{\tau} \int_0^\infty (f_a(t) - f_b(t))^2 \, \mathrm{d}t, \qquad
    f_a(t) = \sum_{t_i \le t} e^{-(t - t_i) / \tau}$$

    with the integral in closed form between the steps and beyond the last. The factor 2
    makes the distance of one spike from none 1, as in Elephant; in the article it is 1.
    A shift by much less than $\tau$ costs little; one by much more costs $\sqrt{2}$, as
    do two spikes without a partner. The gradient of equal trains is 0.

    **Arguments:**

    - `a`, `b`: spike trains; an entry is the weight of a spike.
    - `tau`: $\tau$, the time constant, in the unit of `dt`.
    - `dt`: the length of a step.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `a`.

    ```python
    >>> a, b = jnp.array([[1.0], [0.0], [0.0]]), jnp.zeros((3, 1))
    >>> van_rossum_distance(a, b, tau=10.0)
    Array(1., dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        rate = jnp.asarray(dt, float) / jnp.asarray(tau, float)
        decay = jnp.exp(-rate)
        difference = filled(a.astype(float) - b.astype(float), where, -2)
        unit, scale = rescaled(difference, -2)

        def step(trace, change):
            trace = decay * trace + change
            return trace, trace

        changes = jnp.moveaxis(unit, -2, 0)
        start = varying(jnp.zeros_like(scale[..., 0, :]), decay)
        end, traces = jax.lax.scan(step, start, changes)
        # A trace contributes (1 - decay^2) of its square until the next step, and the
        # last one all of it.
        energy = -jnp.expm1(-2 * rate) * jnp.sum(jnp.square(traces[:-1]), 0)
        distances = scale[..., 0, :] * root(energy + jnp.square(end))
    distances = distances.astype(wide_dtype(a.dtype))
    return reduce(distances, reduction, where).astype(a.dtype)


@compiled(static=("reduction",))
def victor_purpura_distance(
    a: Float[Array, "*batch time neurons"],
    b: Float[Array, "*batch time neurons"],
    cost: NonNegative[Scalar],
    *,
    dt: Positive[Scalar] = 1.0,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""The edit distance of two spike trains by Victor and Purpura (1996), neuron by
    neuron: the least that it costs to turn one into the other.

    Inserting or deleting a spike costs 1, and shifting it by $\Delta t$ costs
    $q \, \lvert \Delta t \rvert$. So $q = 0$ compares counts, and two spikes further
    apart than $2 / q$ are never matched. It is piecewise constant in the trains, so
    that the gradient is 0.

    The time it takes grows with the spikes of the busiest neuron in `a` times the
    number of steps.

    **Arguments:**

    - `a`, `b`: spike trains; every positive entry is a spike.
    - `cost`: $q$, by unit of time, that of `dt`.
    - `dt`: the length of a step.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `a`.

    ```python
    >>> a, b = jnp.array([[1.0], [0.0], [0.0]]), jnp.array([[0.0], [0.0], [1.0]])
    >>> victor_purpura_distance(a, b, cost=0.25)
    Array(0.5, dtype=float32)

    ```
    """
    *batch, time, neurons = a.shape
    trains = math.prod(batch) * neurons
    # A loop of as many turns as there are spikes has no reverse mode, nor a need of it.
    first, second = (
        jnp.moveaxis(stop_gradient(x) > 0, -2, -1).reshape(trains, time) for x in (a, b)
    )
    with jax.enable_x64(True):
        step_cost = jnp.asarray(cost, float) * jnp.asarray(dt, float)
        distances = jax.vmap(_edit_distance, (0, 0, None))(first, second, step_cost)
    distances = distances.reshape(*batch, neurons).astype(wide_dtype(a.dtype))
    return reduce(distances, reduction, where).astype(a.dtype)


def _edit_distance(a, b, step_cost):
    """The distance of two trains of booleans, by Sellers' dynamic programme: spike by
    spike of `a`.

    `best[t]` is the distance of the spikes of `a` so far from those of `b` before step
    `t`.
    """
    if b.size == 0:
        return jnp.zeros_like(step_cost)
    steps = jnp.arange(-1, b.size)
    is_spike = jnp.concatenate([jnp.zeros(1, bool), b])
    inserted = jnp.cumsum(is_spike, dtype=step_cost.dtype)
    times = jnp.nonzero(a, size=a.size, fill_value=0)[0]

    def next_spike(i, best):
        distance = jnp.abs(steps - times[i]).astype(best.dtype)
        # A shift by nothing is free, even at infinite cost.
        shift = jnp.where(distance > 0, step_cost * distance, 0)
        shifted = jnp.where(is_spike, jnp.roll(best, 1) + shift, jnp.inf)
        kept = jnp.minimum(best + 1, shifted)
        # Spikes of `b` are inserted then: the least of kept[s] plus those after s.
        return inserted + jax.lax.cummin(kept - inserted)

    start = varying(inserted, a, step_cost)
    return jax.lax.fori_loop(0, jnp.sum(a, dtype=int), next_spike, start)[-1]


@compiled(static=("reduction",))
def spike_train_synchrony(
    spikes: Float[Array, "*batch time neurons"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
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
    a single neuron, it is 1. It is piecewise constant, so that the gradient is 0.

    **Arguments:**

    - `spikes`: spike trains; every positive entry is a spike.
    - `reduction`: over the batch of populations: `"mean"`, `"sum"` or `"none"`.
    - `where`: the populations that count.

    **Returns:** a scalar, or with `"none"` values in [0, 1] of shape `(*batch,)`, in
    the dtype of `spikes`.

    ```python
    >>> spike_train_synchrony(jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    Array(1., dtype=float32)

    ```
    """
    dtype = wide_dtype(spikes.dtype)
    *_, length, neurons = spikes.shape
    fires = spikes > 0
    steps = _steps(fires)

    def interval(last):
        before = _exclusive(last)
        return jnp.where(before >= 0, steps - before, length)

    def reach(last, window):
        """How far the last spike is, if it coincides with one now."""
        its_window = jnp.take_along_axis(window, jnp.maximum(last, 0), -2)
        coincides = (last >= 0) & (2 * (steps - last) < its_window)
        return jnp.where(coincides, steps - last, length)

    def reversed_time(x):
        return jnp.flip(x, -2)

    last, following = _last(fires), _last(reversed_time(fires))
    # This is twice the window of a spike, so that all are integers.
    window = jnp.minimum(interval(last), reversed_time(interval(following)))
    nearest = jnp.minimum(
        reach(last, window), reversed_time(reach(following, reversed_time(window)))
    )
    coincides = 2 * nearest[..., None, :] < window[..., :, None]
    # Every spike coincides with itself.
    partners = jnp.where(fires, jnp.sum(coincides, -1, dtype=int) - 1, 0)
    found = jnp.sum(partners.astype(dtype), (-2, -1))
    possible = jnp.sum(fires.astype(dtype), (-2, -1)) * (neurons - 1)
    rows = jnp.where(possible > 0, ratio(found, possible), 1)
    return reduce(rows, reduction, where).astype(spikes.dtype)
