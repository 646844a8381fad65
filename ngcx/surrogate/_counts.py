import jax.numpy as jnp

from .._typing import Count, Parameter
from ._base import AbstractSurrogate, above, emission


class MultiLevelSpikeCount(AbstractSurrogate):
    r"""Emits a number of spikes, $v - \theta$ rounded to an integer from 0 to
    `max_count` (half to even). Its primitive is $E(x) = \operatorname{clip}(x, a, b)$,
    so $E'(x) = 1$ on the window $[a, b]$, else 0.

    Inside [`ngcx.surrogate.EscapeNoise`][] it rounds up or down at random, so that $E(v
    - \theta)$ is the expected count.

    **Arguments:**

    - `max_count`: the most spikes of a neuron in a step.
    - `window`: $(a, b)$, where the derivative is 1; from 0 to `max_count` if not given.
    - `gain`: scales $E$ and $E'$ alike; 1 by default, the height.

    **Elsewhere:** SpikingJelly `MultiLevelSpikeCount(max_spike_count)`, with `gain=1`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import MultiLevelSpikeCount
        >>> spike, v = MultiLevelSpikeCount(), jnp.array([-1.0, 0.3, 2.6])
        >>> print(spike(v, threshold=0.5), spike.derivative(v).round(2))
        [0. 0. 2.] [0. 1. 1.]

        ```
    """

    max_count: Count = 4
    window: tuple[float | int, float | int] | None = None
    gain: Parameter = 1.0
    binary = False
    equation = r"\operatorname{clip}(x, a, b)"

    def __check_init__(self):
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"`window` must be (low, high); got {self.window}.")

    def _primitive(self, x):
        return jnp.clip(x, *self._bounds())

    def _derivative(self, x):
        low, high = self._bounds()
        return ((low <= x) & (x <= high)).astype(x.dtype)

    def _bounds(self):
        return (0, self.max_count) if self.window is None else self.window

    def _emit(self, v, threshold, key):
        return _count(self, v, threshold, key)


@emission
def _count(surrogate, v, threshold, key):
    del key
    expected = jnp.clip(above(v, threshold), 0, surrogate.max_count)
    return jnp.round(expected).astype(v.dtype)
