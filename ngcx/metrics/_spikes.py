import math

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from .._compiled import compiled
from .._numerics import mean, ratio, rescaled, wide_dtype, widened
from .._reduction import Reduction, filled, reduce
from .._typing import Positive, Scalar
from ..ops import layer_normalize
from ._sums import follows_from, no_sums


@compiled(static=("reduction",))
def firing_rate(
    spikes: Float[Array, "*batch time neurons"],
    *,
    dt: Positive[Scalar] | None = None,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""How often neurons fire, $\frac{1}{T} \sum_t s_t$, in spikes per step or in Hz.
    It is 0 without any step.

    **Arguments:**

    - `spikes`: spike trains.
    - `dt`: the length of a step in ms; if given, rates are in Hz.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` rates of shape `(*batch, neurons)`, in the
    dtype of `spikes`.

    **See also:** [`ngcx.losses.spike_rate`][], which gives one number for each class.

    ??? cite "Reference"
        Dayan and Abbott, *Theoretical Neuroscience*, MIT Press 2001.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import firing_rate
        >>> spikes = jnp.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> print(firing_rate(spikes, reduction="none"), firing_rate(spikes, dt=1.0))
        [0.5  0.25] 375.0

        ```
    """
    # float16 counts to 2,048 only.
    rates = mean(widened(spikes), -2)
    if dt is not None:
        rates = rates * (1000 / jnp.asarray(dt, rates.dtype))
    return reduce(rates, reduction, where).astype(spikes.dtype)


@compiled(static=("reduction",))
def fano_factor(
    spikes: Float[Array, "*batch time neurons"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""The Fano factor $\sigma^2 / \mu$ of each neuron: how variable its count is.

    $\mu$ and $\sigma^2$ are the mean and the (population) variance of the counts over
    time. It is 1 for a Poisson process and 0 for a constant count. A silent neuron
    gives 0, with gradient 0; `where` leaves it out of the mean.

    **Arguments:**

    - `spikes`: spike trains, or spike counts in longer windows; 0 or more.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)`, in
    the dtype of `spikes`.

    ??? cite "Reference"
        Fano, *Ionization yield of radiations. II. The fluctuations of the number of
        ions*, Physical Review 1947.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import fano_factor
    >>> fano_factor(jnp.array([[0.0, 1.0], [2.0, 1.0]]), reduction="none")
    Array([1., 0.], dtype=float32)

    ```
    """
    # A mean that is rounded may be off by more than counts vary.
    with jax.enable_x64(True):
        unit, scale = rescaled(filled(spikes.astype(float), where, -2), -2)
        means = mean(unit, -2)
        variances = mean(jnp.square(unit - means[..., None, :]), -2)
    wide = wide_dtype(spikes.dtype)
    scale, means, variances = (
        each.astype(wide) for each in (scale[..., 0, :], means, variances)
    )
    factors = scale * ratio(variances, means)
    return reduce(factors, reduction, where).astype(spikes.dtype)


@follows_from(no_sums)
@compiled(static=("reduction",))
def breadth_of_tuning_curve(
    responses: Float[Array, "*trials stimuli neurons"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, " neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""How broadly each neuron is tuned: near 0 if it responds to few stimuli (or in
    few time steps), and 1 if it responds to all alike.

    $$\frac{1}{1 + (\sigma / \mu)^2} = \frac{\mu^2}{\frac{1}{T} \sum_t r_t^2}$$

    where $r_t$ is the response to stimulus $t$, averaged over the trials, and $\mu$ and
    $\sigma$ are its mean and its (population) standard deviation over the $T$ stimuli.
    It does not depend on the scale of the responses. A silent neuron gives 0, with
    gradient 0; `where` leaves it out of the mean.

    **Arguments:**

    - `responses`: spike trains, counts or rates; all leading axes are trials.
    - `reduction`: over the neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(neurons,)`, in the dtype
    of `responses`.

    ??? cite "Reference"
        Rolls and Tovee, *Sparseness of the neuronal representation of stimuli in the
        primate temporal visual cortex*, Journal of Neurophysiology 1995.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.metrics import breadth_of_tuning_curve
    >>> breadth_of_tuning_curve(jnp.array([[0.0, 1.0], [4.0, 1.0]]), reduction="none")
    Array([0.5, 1. ], dtype=float32)

    ```
    """
    *batch, stimuli, neurons = responses.shape
    # The axis of the neurons is the last.
    trials = filled(widened(responses), where, ())
    trials = trials.reshape(math.prod(batch), stimuli, neurons)
    unit, _ = rescaled(mean(trials, 0), 0)
    breadths = ratio(jnp.square(mean(unit, 0)), mean(jnp.square(unit), 0))
    return reduce(breadths, reduction, where).astype(responses.dtype)


@compiled(static=("reduction",))
def pearson_correlation(
    a: Float[Array, "*batch time neurons"],
    b: Float[Array, "*batch time neurons"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch neurons"] | None = None,
) -> Float[Array, "..."]:
    r"""Pearson's correlation of two signals over time, neuron by neuron.

    $$\frac{\sum_t (a_t - \bar{a}) (b_t - \bar{b})}
    {\sqrt{\sum_t (a_t - \bar{a})^2 \sum_t (b_t - \bar{b})^2}}$$

    It does not depend on the scale of either. A constant signal, such as a silent one,
    has the correlation 0 with any other, with gradient 0; `where` leaves it out of the
    mean.

    **Arguments:**

    - `a`, `b`: signals, such as rates, membrane potentials or spikes.
    - `reduction`: over batch and neurons: `"mean"`, `"sum"` or `"none"`.
    - `where`: the neurons that count.

    **Returns:** a scalar, or with `"none"` an array of shape `(*batch, neurons)` with
    values in [-1, 1], in the dtype of `a`.

    ??? cite "Reference"
        Pearson, *Note on regression and inheritance in the case of two parents*,
        Proceedings of the Royal Society of London 1895.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.metrics import pearson_correlation
        >>> time = jnp.arange(5.0)[:, None]
        >>> print(pearson_correlation(time, 3 - 2 * time).round(3))
        -1.0

        ```
    """
    first = filled(widened(a), where, -2)
    second = filled(b.astype(first.dtype), where, -2)
    standard_a, standard_b = (layer_normalize(x, axis=-2) for x in (first, second))
    correlations = mean(standard_a * standard_b, -2)
    # Rounding errors are taken off, and the gradient is left as it is.
    excess = stop_gradient(correlations - jnp.clip(correlations, -1, 1))
    return reduce(correlations - excess, reduction, where).astype(a.dtype)
