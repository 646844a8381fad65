"""Weights that make a membrane potential fluctuate."""

import math
from typing import Annotated

from .._typing import Fraction, Must, Positive
from ._distributions import Gaussian
from ._fans import AbstractVarianceScaling, fan_in


Below1 = Annotated[float, Must("from 0 to below 1", lambda value: 0 <= value < 1, 0, 1)]
Between = Annotated[float, Must("between 0 and 1", lambda value: 0 < value < 1, 0, 1)]


class FluctuationDriven(AbstractVarianceScaling):
    r"""A normal distribution with which the membrane potential of a leaky neuron
    fluctuates up to its threshold, as it does in the cortex: the threshold is $\xi$
    standard deviations above the mean potential.

    In a network with such weights, every layer is active from the first step on,
    however deep the network is, and every neuron has a gradient.

    $n$ inputs (the fan-in) that spike with probability $p$ in each step give the
    potential, where it is not reset, over time the mean $\mu_U$ and variance
    $\sigma_U^2$

    $$\mu_U = n \, p \, \mu_w \sum_k \epsilon_k, \qquad
    \sigma_U^2 = n \, p (1 - p) \, (\sigma_w^2 + \mu_w^2) \sum_k \epsilon_k^2$$

    where $\epsilon_k$ is the response to a spike $k$ steps ago, $\beta^k$ for
    [`ngcx.neurons.LIF`][] and its convolution with $\alpha^k$ for
    [`ngcx.neurons.SynapticLIF`][]. These are solved for the mean $\mu_w$ and the
    standard deviation $\sigma_w$ of the weights, with
    $\sigma_U = (\theta - \mu_U) / \xi$.

    A neuron then fires in at most a share $Q(\xi)$ of the steps, where $Q$ is the upper
    tail of the normal distribution, since a reset only lowers potentials: 16 % at $\xi
    = 1$, 7 % at 1.5, 2 % at 2. Besides, the mean potential differs between neurons,
    because their weights do, with the standard deviation $\sigma_w p \sqrt{n} \sum_k
    \epsilon_k$, so some neurons fire more.

    **Arguments:**

    - `rate`: $p$, the probability that an input spikes in a step.
    - `decay`: $\beta$, the factor by which the potential leaks in a step.
        [`ngcx.neurons.decay_factor`][] computes it from a time constant.
    - `synaptic_decay`: $\alpha$, the decay factor of the synaptic current; 0 without a
        synapse.
    - `xi`: $\xi$, how many standard deviations below the threshold the mean lies; from
        1 to 3 in the article.
    - `mean`: $\mu_U$, the mean potential.
    - `threshold`: $\theta$.
    - `share`: how much of the mean and of the variance comes from these weights, where
        a neuron has several kinds: for example 0.9 for weights from the layer before
        and 0.1 for recurrent ones.
    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    ??? cite "Reference"
        Rossbroich, Gygax and Zenke, *Fluctuation-driven initialization for spiking
        neural network training*, Neuromorphic Computing and Engineering 2022.

    !!! example

        ```python
        >>> import equinox as eqx, jax
        >>> from ngcx.init import FluctuationDriven, reinitialize
        >>> from ngcx.neurons import LIF, Stack
        >>> linear = eqx.nn.Linear(100, 100, use_bias=False, key=jax.random.key(0))
        >>> stack = Stack(linear, LIF(decay=0.9))
        >>> law = FluctuationDriven(rate=0.05, decay=0.9)
        >>> stack = reinitialize(stack, law, jax.random.key(1))

        ```
    """

    rate: Between = 0.05
    decay: Below1 = 0.9
    synaptic_decay: Below1 = 0.0
    xi: Positive[float] = 1.0
    mean: float = 0.0
    threshold: float = 1.0
    share: Fraction[float] = 1.0

    def __check_init__(self):
        if self.mean >= self.threshold:
            raise ValueError(
                f"`mean` must be below the `threshold` {self.threshold}; got "
                f"{self.mean}."
            )

    def law(self, shape, in_axis, out_axis, batch_axis):  # pyright: ignore
        """What weights of that shape are drawn from."""
        a, b = self.synaptic_decay, self.decay
        # The sum of all responses, and that of their squares.
        total = 1 / ((1 - a) * (1 - b))
        squares = (1 + a * b) / ((1 - a * b) * (1 - a * a) * (1 - b * b))
        events = fan_in(shape, out_axis, batch_axis) * self.rate
        mean = self.share * self.mean / (events * total)
        fluctuation = (self.threshold - self.mean) / self.xi
        power = self.share * fluctuation**2 / (events * (1 - self.rate) * squares)
        if power < mean**2:
            raise ValueError(
                f"`xi` must be smaller for a `mean` of {self.mean}: the spikes of the "
                f"inputs alone make the potential fluctuate more; got {self.xi}."
            )
        return Gaussian(mean, math.sqrt(power - mean**2))
