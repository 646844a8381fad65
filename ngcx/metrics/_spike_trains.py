"""Measures of when spikes occur, neuron by neuron: of how regularly, and of how far two
trains are apart.

What adds up over thousands of spikes or steps does so in float64, and is rounded once.
"""

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import magnitude, mean, ratio, rescaled, root
from .._reduction import Reduction, Where, filled
from .._trees import varying
from .._typing import NonNegative, Positive, Scalar
from ._spike_times import SpikeTimes, Trains, padded, reduced, slots, taken, times_of


@compiled
def inter_spike_intervals(spikes: Trains) -> Float[Array, "..."]:
    """The times between successive spikes of each neuron, padded by infinity.

    **Arguments:**

    - `spikes`: spike times; or a grid, every positive entry of which is a spike, for
        intervals in steps.

    **Returns:** an array of shape `(*batch, neurons, spikes)` in the dtype of `spikes`.
    Its last axis is as long as the padded times, or as the number of steps.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import inter_spike_intervals
    >>> inter_spike_intervals(jnp.array([[1.0], [0.0], [1.0], [1.0]]))
    Array([[ 2.,  1., inf, inf]], dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        times = padded(times_of(spikes))
        intervals = jnp.where(times[..., 1:] < jnp.inf, jnp.diff(times), jnp.inf)
        return intervals.astype(spikes.dtype)


def _intervals(trains):
    """The interval that ends at each slot, or 0; where one does, and the slot of the
    spike that it begins with.
    """
    before, _ = trains.neighbors()
    begins = trains.at(before)
    between = trains.is_spike & (begins < jnp.inf)
    return jnp.where(between, trains.times - begins, 0), between, before


@compiled(static=("reduction",))
def coefficient_of_variation(
    spikes: Trains, *, reduction: Reduction = "mean", where: Where = None
) -> Float[Array, "..."]:
    r"""The coefficient of variation $\sigma / \mu$ of each neuron's inter-spike
    intervals: how irregularly it fires.

    $\mu$ and $\sigma$ are the mean and the (population) standard deviation of the
    intervals between successive spikes. It is 0 for a clock and 1 for a Poisson
    process. A neuron with fewer than two intervals gives 0, where Elephant's `cv` gives
    NaN if there is none; `where` leaves it out of the mean. On a grid it is piecewise
    constant, so that the gradient is 0.

    **Arguments:**

    - `spikes`: spike times; or a grid, every positive entry of which is a spike.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `spikes`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import coefficient_of_variation
        >>> clock = jnp.tile(jnp.array([[1.0], [0.0], [0.0]]), (5, 1))
        >>> print(coefficient_of_variation(clock))
        0.0

        ```
    """
    with jax.enable_x64(True):
        intervals, between, _ = _intervals(slots(spikes))
        means = mean(intervals, -2, between)
        variances = mean(jnp.square(intervals - means[..., None, :]), -2, between)
        variations = ratio(root(variances), means)
    return reduced(variations, spikes, reduction, where)


@compiled(static=("reduction",))
def local_variation(
    spikes: Trains, *, reduction: Reduction = "mean", where: Where = None
) -> Float[Array, "..."]:
    r"""The local variation of each neuron's inter-spike intervals (Shinomoto et al.,
    2003): how irregularly it fires, even if its rate changes meanwhile.

    $$\frac{3}{n - 1} \sum_{i=1}^{n-1}
    \Big(\frac{I_i - I_{i+1}}{I_i + I_{i+1}}\Big)^2$$

    over successive intervals $I_i$. It is 0 for a clock and 1 on average for a Poisson
    process. A neuron with fewer than two intervals gives 0, where Elephant gives NaN or
    an error; `where` leaves it out of the mean.

    **Arguments:**

    - `spikes`: spike times; or a grid, every positive entry of which is a spike.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `spikes`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import SpikeTimes, local_variation
    >>> trains = SpikeTimes(jnp.array([[0.0, 0.3, 4.8, 11.5]]), jnp.array([4]), 12.0)
    >>> local_variation(trains)
    Array(1.2063137, dtype=float32)

    ```
    """
    variations = _of_neighbors(spikes, lambda contrasts: 3 * jnp.square(contrasts))
    return reduced(variations, spikes, reduction, where)


def _of_neighbors(spikes, score):
    """The mean of a score of the contrasts between successive intervals."""
    with jax.enable_x64(True):
        second, between, before = _intervals(slots(spikes))
        first, both = (taken(x, before) for x in (second, between))
        contrasts = ratio(first - second, first + second)
        return mean(score(contrasts), -2, both & between)


@compiled(static=("reduction",))
def local_coefficient_of_variation(
    spikes: Trains, *, reduction: Reduction = "mean", where: Where = None
) -> Float[Array, "..."]:
    r"""The CV2 of each neuron's inter-spike intervals (Holt et al., 1996): how much
    successive ones differ, even if the rate changes meanwhile.

    $$\frac{1}{n - 1} \sum_{i=1}^{n-1}
    \frac{2 \lvert I_i - I_{i+1} \rvert}{I_i + I_{i+1}}$$

    over successive intervals $I_i$. It is 0 for a clock and 1 on average for a Poisson
    process. A neuron with fewer than two intervals gives 0, where Elephant's `cv2`
    gives NaN or an error; `where` leaves it out of the mean.

    **Arguments:**

    - `spikes`: spike times; or a grid, every positive entry of which is a spike.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `spikes`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import SpikeTimes, local_coefficient_of_variation
    >>> trains = SpikeTimes(jnp.array([[0.0, 0.3, 4.8, 11.5]]), jnp.array([4]), 12.0)
    >>> local_coefficient_of_variation(trains)
    Array(1.0714285, dtype=float32)

    ```
    """
    variations = _of_neighbors(spikes, lambda contrasts: 2 * magnitude(contrasts))
    return reduced(variations, spikes, reduction, where)


@compiled(static=("reduction",))
def van_rossum_distance(
    a: Trains,
    b: Trains,
    tau: Positive[Scalar],
    *,
    dt: Positive[Scalar] = 1.0,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""The distance of two spike trains by van Rossum (2001), neuron by neuron.

    $$D^2 = \frac{2}{\tau} \int_0^\infty (f_a(t) - f_b(t))^2 \, \mathrm{d}t, \qquad
    f_a(t) = \sum_{t_i \le t} e^{-(t - t_i) / \tau}$$

    where the integral is computed in closed form. With the factor 2, as in Elephant,
    the distance between one spike and none is 1; the article has the factor 1. A shift
    by much less than $\tau$ costs little, and one by much more costs $\sqrt{2}$, like
    two spikes without a partner. The gradient of equal trains is 0.

    **Arguments:**

    - `a`, `b`: spike times; or grids, an entry of which is the weight of a spike.
    - `tau`: $\tau$, the time constant, in the unit of the times, or of `dt`.
    - `dt`: the length of a step of a grid.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `a`.

    **See also:** [`ngcx.metrics.victor_purpura_distance`][], which moves, adds and
    deletes spikes.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import van_rossum_distance
    >>> a, b = jnp.array([[1.0], [0.0], [0.0]]), jnp.zeros((3, 1))
    >>> van_rossum_distance(a, b, tau=10.0)
    Array(1., dtype=float32)

    ```
    """
    with jax.enable_x64(True):
        times, changes = _changes(a, b, dt)
        unit, scale = rescaled(filled(changes, where))
        gaps = jnp.diff(times, append=jnp.inf)
        is_last = ~(gaps < jnp.inf)  # and also where there is none
        rates = jnp.where(is_last, 0, gaps) / jnp.asarray(tau, float)
        decays = jnp.where(is_last, 0, jnp.exp(-rates))
        # A trace contributes (1 - decay^2) of its square until the next change, and the
        # last one all of it.
        shares = jnp.where(is_last, 1, -jnp.expm1(-2 * rates))

        def step(carry, slot):
            trace, energy = carry
            change, decay, share = slot
            trace = trace + change
            return (decay * trace, energy + share * jnp.square(trace)), None

        each = tuple(jnp.moveaxis(x, -1, 0) for x in (unit, decays, shares))
        start = varying(jnp.zeros_like(scale[..., 0]), decays, unit)
        (_, energy), _ = jax.lax.scan(step, (start, start), each)
        distances = scale[..., 0] * root(energy)
    return reduced(distances, a, reduction, where)


def _changes(a, b, dt):
    """When the difference of two trains changes, in order, and by how much."""
    if not (isinstance(a, SpikeTimes) or isinstance(b, SpikeTimes)):
        changes = jnp.moveaxis(a.astype(float) - b.astype(float), -2, -1)
        steps = jnp.arange(changes.shape[-1], dtype=float)
        return steps * jnp.asarray(dt, float), changes
    times = [padded(times_of(x, dt)) for x in (a, b)]
    signs = [
        jnp.where(x < jnp.inf, sign, 0)
        for sign, x in zip((1.0, -1.0), times, strict=True)
    ]
    pairs = (jnp.concatenate(each, -1) for each in (times, signs))
    return jax.lax.sort(tuple(pairs), num_keys=1)


@compiled(static=("reduction",))
def victor_purpura_distance(
    a: Trains,
    b: Trains,
    cost: NonNegative[Scalar],
    *,
    dt: Positive[Scalar] = 1.0,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""The edit distance of two spike trains by Victor and Purpura (1996), neuron by
    neuron: the least cost of turning one into the other.

    Inserting or deleting a spike costs 1, and shifting it by $\Delta t$ costs
    $q \, \lvert \Delta t \rvert$. So $q = 0$ compares counts, and two spikes further
    apart than $2 / q$ are never matched. The gradient is 0.

    The time that it takes grows with the number of spikes of the busiest neuron in `a`,
    times the padded number of spikes in `b`, which for a grid is its number of steps.

    **Arguments:**

    - `a`, `b`: spike times; or grids, every positive entry of which is a spike.
    - `cost`: $q$, per unit of time: the unit of the times, or of `dt`.
    - `dt`: the length of a step of a grid.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `a`.

    **See also:** [`ngcx.metrics.van_rossum_distance`][], which is differentiable.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import victor_purpura_distance
    >>> a, b = jnp.array([[1.0], [0.0], [0.0]]), jnp.array([[0.0], [0.0], [1.0]])
    >>> victor_purpura_distance(a, b, cost=0.25)
    Array(0.5, dtype=float32)

    ```
    """
    # A loop of as many turns as there are spikes has no reverse mode, nor a need of it.
    with jax.enable_x64(True):
        first, second = (stop_gradient(padded(times_of(x, dt))) for x in (a, b))
        distance = jnp.vectorize(_edit_distance, signature="(m),(n),()->()")
        distances = distance(first, second, jnp.asarray(cost, float))
    return reduced(distances, a, reduction, where)


def _edit_distance(a, b, cost):
    """The distance of two trains, by Sellers' dynamic programme: spike by spike of `a`.

    `best[i]` is the distance of the spikes of `a` so far from the first `i` of `b`.
    """
    inserted = jnp.arange(b.size + 1.0)
    is_spike = b < jnp.inf

    def next_spike(i, best):
        distance = jnp.abs(jnp.where(is_spike, b, 0) - a[i])
        # A shift by nothing is free, even at infinite cost.
        shift = jnp.where(distance > 0, cost * distance, 0)
        shifted = jnp.concatenate([jnp.full(1, jnp.inf), best[:-1] + shift])
        kept = jnp.minimum(best + 1, shifted)
        # Spikes of `b` are inserted then: the least of kept[s] plus those after s.
        return inserted + jax.lax.cummin(kept - inserted)

    start = varying(inserted, a, b, cost)
    best = jax.lax.fori_loop(0, jnp.sum(a < jnp.inf, dtype=int), next_spike, start)
    return best[jnp.sum(is_spike, dtype=int)]
