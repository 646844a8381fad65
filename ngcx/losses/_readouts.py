"""What a loss or a score is taken of: numbers for each class, from spikes or potentials
over time.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import mean, widened
from .._typing import Count, Natural


@compiled(static=("steps",))
def time_mask(
    lengths: Integer[Array, "*batch"], steps: Natural
) -> Bool[Array, "time *batch"]:
    """Says which steps each sample has: true in the first `lengths` of all `steps`.

    Give it as `where` to losses and metrics that have a value for every step.

    **Arguments:**

    - `lengths`: how many steps each sample has.
    - `steps`: how many steps the arrays have.

    **Returns:** Booleans of shape (steps, *batch).

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import time_mask
    >>> print(time_mask(jnp.array([1, 3]), steps=3).T)
    [[ True False False]
     [ True  True  True]]

    ```
    """
    # A wider dtype than that of the lengths, since uint8 ends at 255.
    time = jnp.arange(steps).reshape(-1, *(1,) * lengths.ndim)
    return time < lengths.astype(time.dtype)[None]


@compiled(static=("population",))
def spike_count(
    spikes: Float[Array, "time *batch neurons"],
    *,
    lengths: Integer[Array, "*batch"] | None = None,
    population: Count = 1,
) -> Float[Array, "*batch classes"]:
    r"""How many spikes the neurons of each class emit, $n_c = \sum_t \sum_i s_{ti}$
    over the neurons $i$ of class $c$.

    **Arguments:**

    - `spikes`: the spikes of the output neurons, time first.
    - `lengths`: how many steps each sample has; all if not given.
    - `population`: how many neurons, next to each other, stand for a class.

    **Returns:** counts in the dtype of `spikes`, for [`ngcx.losses.cross_entropy`][]
    or [`ngcx.metrics.accuracy`][].

    **Raises:** `ValueError` if the neurons cannot be divided among the classes.

    **See also:** [`ngcx.losses.spike_rate`][], which does not grow with the length of a
    sequence.

    ??? cite "Reference"
        Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong and Lu,
        *Training spiking neural networks using lessons from deep learning*, Proceedings
        of the IEEE 2023.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import spike_count
    >>> spikes = jnp.ones((5, 1, 4))  # two classes of two neurons each
    >>> print(spike_count(spikes, population=2, lengths=jnp.array([3])))
    [[6. 6.]]

    ```
    """
    return _counts(spikes, lengths, population).astype(spikes.dtype)


@compiled(static=("population",))
def spike_rate(
    spikes: Float[Array, "time *batch neurons"],
    *,
    lengths: Integer[Array, "*batch"] | None = None,
    population: Count = 1,
) -> Float[Array, "*batch classes"]:
    r"""The mean number of spikes of a neuron in a step, $n_c / (T P)$:
    [`ngcx.losses.spike_count`][] divided by the number $T$ of steps and the size $P$ of
    the population. It is 0 for a sample without steps.

    **Arguments:**

    - `spikes`: the spikes of the output neurons, time first.
    - `lengths`: how many steps each sample has; all if not given.
    - `population`: how many neurons, next to each other, stand for a class.

    **Returns:** rates from 0 to 1 in the dtype of `spikes`.

    **Raises:** `ValueError` if the neurons cannot be divided among the classes.

    **See also:** [`ngcx.metrics.firing_rate`][], a score for all neurons;
    [`ngcx.losses.spike_count`][], without the division.

    ??? cite "Reference"
        Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong and Lu,
        *Training spiking neural networks using lessons from deep learning*, Proceedings
        of the IEEE 2023.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import spike_rate
    >>> spikes = jnp.ones((5, 1, 4))
    >>> print(spike_rate(spikes, population=2, lengths=jnp.array([3])))
    [[1. 1.]]

    ```
    """
    counts = _counts(spikes, lengths, population)
    number = jnp.maximum(_steps(spikes, lengths, counts.dtype), 1)
    return (counts / (number * population)).astype(spikes.dtype)


@compiled
def mean_over_time(
    potentials: Float[Array, "time *batch classes"],
    *,
    lengths: Integer[Array, "*batch"] | None = None,
) -> Float[Array, "*batch classes"]:
    r"""The mean potential $\frac{1}{T} \sum_t v_t$ over the $T$ steps that each sample
    has, or 0 if it has none.

    **Arguments:**

    - `potentials`: the potentials of a read-out, time first.
    - `lengths`: how many steps each sample has; all if not given.

    **Returns:** one potential for each class, in the dtype of `potentials`.

    ??? cite "Reference"
        Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong and Lu,
        *Training spiking neural networks using lessons from deep learning*, Proceedings
        of the IEEE 2023.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import mean_over_time
    >>> potentials = jnp.array([[[1.0, 0.0]], [[3.0, 4.0]], [[9.0, 9.0]]])
    >>> print(mean_over_time(potentials, lengths=jnp.array([2])))
    [[2. 2.]]

    ```
    """
    where = None
    if lengths is not None:
        where = time_mask(lengths, len(potentials))[..., None]
        where = jnp.broadcast_to(where, potentials.shape)
    return mean(widened(potentials), 0, where).astype(potentials.dtype)


@compiled
def maximum(
    potentials: Float[Array, "time *batch classes"],
    *,
    lengths: Integer[Array, "*batch"] | None = None,
) -> Float[Array, "*batch classes"]:
    r"""The highest potential over time, $\max_t v_t$. It is the lowest number of the
    dtype for a sample without steps.

    Its gradient goes only to the step of the maximum, which may be any step. So it
    suits classes that can be recognised at one moment, such as words.

    **Arguments:**

    - `potentials`: the potentials of a read-out, time first.
    - `lengths`: how many steps each sample has; all if not given.

    **Returns:** one potential for each class, in the dtype of `potentials`.

    ??? cite "Reference"
        Cramer, Stradmann, Schemmel and Zenke, *The Heidelberg spiking data sets for the
        systematic evaluation of spiking neural networks*, IEEE TNNLS 2022.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import maximum
    >>> potentials = jnp.array([[[1.0, 0.0]], [[3.0, 4.0]], [[9.0, 9.0]]])
    >>> print(maximum(potentials, lengths=jnp.array([2])))
    [[3. 4.]]

    ```
    """
    lowest = jnp.finfo(potentials.dtype).min
    return jnp.max(_within(potentials, lengths, lowest), axis=0, initial=lowest)


@compiled
def last_step(
    potentials: Float[Array, "time *batch classes"],
    *,
    lengths: Integer[Array, "*batch"] | None = None,
) -> Float[Array, "*batch classes"]:
    """The potential in the last step of each sample, $v_T$, or 0 if it has no steps.

    **Arguments:**

    - `potentials`: the potentials of a read-out, time first.
    - `lengths`: how many steps each sample has; all if not given.

    **Returns:** one potential for each class, in the dtype of `potentials`.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import last_step
    >>> potentials = jnp.array([[[1.0, 0.0]], [[3.0, 4.0]], [[9.0, 9.0]]])
    >>> print(last_step(potentials, lengths=jnp.array([2])))
    [[3. 4.]]

    ```
    """
    steps = len(potentials)
    if steps == 0:
        return jnp.zeros(potentials.shape[1:], potentials.dtype)
    if lengths is None:
        return potentials[-1]
    place = jnp.clip(lengths.astype(int) - 1, 0, steps - 1)[None, ..., None]
    return jnp.take_along_axis(_within(potentials, lengths, 0), place, axis=0)[0]


@compiled
def first_spike_time(
    spikes: Float[Array, "time *batch neurons"],
    *,
    lengths: Integer[Array, "*batch"] | None = None,
) -> Float[Array, "*batch neurons"]:
    r"""The step of the first spike, counted from 0, or the number of steps if there is
    no spike.

    $$T = \sum_t \prod_{u \le t} (1 - s_u)$$

    counts the steps before the first spike $s_u = 1$. The gradient is that of this
    formula, and says how an additional or missing spike in step $u$ would change the
    time: before the first spike, a spike would make it earlier by the steps in between;
    without the first spike, the second would come first; later spikes do not matter.
    For a silent neuron, the gradient counts the steps that remain, which makes it fire.

    The negative of this time is largest for the class that fires first. Divide it by a
    temperature of some steps, and use it as logits for [`ngcx.losses.cross_entropy`][].

    **Arguments:**

    - `spikes`: 0 or 1, time first; several spikes in a step count as one.
    - `lengths`: how many steps each sample has; all if not given.

    **Returns:** one time for each neuron, in the dtype of `spikes`.

    ??? cite "Reference"
        Bohte, Kok and La Poutré, *Error-backpropagation in temporally encoded networks
        of spiking neurons*, Neurocomputing 2002, learn from the times of first spikes.

    ```python
    >>> import jax.numpy as jnp
    >>> import jax
    >>> from ngcx.losses import first_spike_time
    >>> spikes = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    >>> print(first_spike_time(spikes))
    [1. 4.]
    >>> print(jax.grad(lambda s: first_spike_time(s).sum())(spikes).T)
    [[-1. -2. -0. -0.]
     [-4. -3. -2. -1.]]

    ```
    """
    wide = _within(widened(spikes), lengths, 0)
    silent = jnp.cumprod(1 - jnp.where(wide > 1, 1, wide), axis=0)
    return jnp.sum(_within(silent, lengths, 0), axis=0).astype(spikes.dtype)


def shares(spikes, lengths):
    """The spikes of each neuron in a step, over all steps of all samples."""
    wide = _within(widened(spikes), lengths, 0)
    number = jnp.sum(_steps(spikes, lengths, wide.dtype))
    total = jnp.sum(wide, axis=tuple(range(spikes.ndim - 1)))
    return total / jnp.maximum(number, 1)


def _counts(spikes, lengths, population: int):
    counts = jnp.sum(_within(widened(spikes), lengths, 0), axis=0)
    neurons = counts.shape[-1]
    if neurons % population:
        raise ValueError(
            f"`population` must divide the {neurons} neurons of `spikes`; got "
            f"{population}."
        )
    shape = (*counts.shape[:-1], neurons // population, population)
    return jnp.sum(counts.reshape(shape), axis=-1)


def _steps(x, lengths, dtype):
    """How many steps each sample has, with an axis for the neurons."""
    steps, *batch, _ = x.shape
    if lengths is None:
        return jnp.full((*batch, 1), steps, dtype)
    return jnp.clip(lengths[..., None].astype(int), 0, steps).astype(dtype)


def _within(x, lengths, filler):
    """`x`, and the filler where a sample is over."""
    if lengths is None:
        return x
    return jnp.where(time_mask(lengths, len(x))[..., None], x, filler)
