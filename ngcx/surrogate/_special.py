import math

import jax.numpy as jnp
import jax.random as jr

from .._numerics import sech, tanh, wide_dtype
from .._typing import NonNegative, Parameter, Positive
from ._base import AbstractStep, AbstractSurrogate, step
from ._compose import Sparse
from ._piecewise import LeakyReLU
from ._scaled import scaled, squared
from ._sigmoidal import FastSigmoid


class SparseFastSigmoid(AbstractStep):
    r"""[`ngcx.surrogate.FastSigmoid`][], whose derivative is cut to 0 where
    $|x| \ge B$: $E(x) = F(\operatorname{clip}(x, -B, B))$ with the fast sigmoid $F$.

    **Arguments:**

    - `alpha`: the sharpness.
    - `B`: half the width of the support of the derivative.
    - `gain`: scales $E$ and $E'$ alike. The default makes the derivative 1 at the
        threshold: it is `2 / alpha`.

    **Elsewhere:** snnTorch `SFS(slope=25, B=1)` has the height of `gain=2 / alpha`, but
    keeps the derivative where $x > B$, the opposite of what the paper describes.

    ??? cite "Reference"
        Perez-Nieves and Goodman, *Sparse spiking gradient descent*, NeurIPS 2021.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import SparseFastSigmoid
        >>> spike, v = SparseFastSigmoid(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.   0.08 0.01]

        ```
    """

    alpha: Positive[Parameter] = 25.0
    B: Positive[Parameter] = 1.0
    gain: Parameter = 2 / 25
    equation = (
        r"\frac{1}{2} \left(1 + \frac{\alpha y}{1 + \alpha |y|}\right)"
        r"\ \text{with}\ y = \operatorname{clip}(x, -B, B)"
    )

    def _primitive(self, x):
        return self._sparse()._primitive(x)

    def _derivative(self, x):
        return self._sparse()._derivative(x)

    def _sparse(self):
        return Sparse(FastSigmoid(self.alpha, gain=1.0), self.B)


class StochasticSpikeOperator(AbstractSurrogate):
    r"""A derivative of 1 on spikes, and a random one below the threshold,
    $(u + \text{mean}) \cdot \text{variance}$ with $u$ uniform in
    $[-\frac{1}{2}, \frac{1}{2})$, drawn for every neuron from the `key` of the call.

    If there is no key, and for `primitive` and `derivative`, $u$ is 0, its mean.

    **Arguments:**

    - `mean`: the centre of the random slopes, divided by `variance`.
    - `variance`: the width of the random slopes (not their variance).
    - `gain`: scales $E$ and $E'$ alike; 1 by default, the derivative on spikes.

    **Elsewhere:** snnTorch `SSO(mean=0, variance=0.2)`, with `gain=1`.

    ??? cite "Reference"
        Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong and Lu,
        *Training spiking neural networks using lessons from deep learning*, Proceedings
        of the IEEE 2023, in snnTorch.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import StochasticSpikeOperator
        >>> spike, v = StochasticSpikeOperator(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0. 0. 1.]

        ```
    """

    mean: Parameter = 0.0
    variance: NonNegative[Parameter] = 0.2
    gain: Parameter = 1.0
    equation = r"\text{mean} \cdot \text{variance} \cdot \min(x, 0) + \max(x, 0)"

    def _primitive(self, x):
        return LeakyReLU(self.mean * self.variance)._primitive(x)

    def _derivative(self, x):
        return LeakyReLU(self.mean * self.variance)._derivative(x)

    def _emit(self, v, threshold, key):
        if key is None:
            return step(self, v, threshold, None)
        dtype = wide_dtype(v.dtype)
        noise = jr.uniform(key, v.shape, dtype, minval=-0.5, maxval=0.5)
        mean, variance = (
            jnp.asarray(each, dtype) for each in (self.mean, self.variance)
        )
        leaky = LeakyReLU((noise + mean) * variance, gain=self.gain)
        return step(leaky, v, threshold, None)


class SecantLIF(AbstractStep):
    r"""$E(j) = \max(0, c_1 \tanh c_2 j)$ of the input current $j$, with
    $E'(j) = c_1 c_2 \operatorname{sech}^2 c_2 j$ for $j > 0$, else 0.

    `derivative(j)` takes the current itself. When the surrogate is called on membrane
    potentials, the derivative is evaluated at $v - \theta$, as for all surrogates.

    **Arguments:**

    - `c1`: $c_1$, the rate that a strong current approaches.
    - `c2`: $c_2$, how soon it does so. Both defaults are those of the paper and of
        ngc-learn.
    - `gain`: scales $E$ and $E'$ alike. With 1, the default, the derivative is
        $c_1 c_2 = 0.0656$ just above 0, that of the rate; `1 / (c1 * c2)` makes it 1.

    **Elsewhere:** ngc-learn `secant_lif_estimator(c1=0.82, c2=0.08)` returns
    $\operatorname{sech} c_2 j$, not squared and without $c_1 c_2$ by default, which is
    the derivative of another function; no `gain` reproduces it.

    ??? cite "Reference"
        Samadi, Lillicrap and Tweed, *Deep learning with dynamic spiking neurons and
        fixed feedback weights*, Neural Computation 29, 2017.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.surrogate import SecantLIF
        >>> spike, v = SecantLIF(), jnp.array([-1.0, -0.1, 0.3])
        >>> print(spike(v), spike.derivative(v).round(2))
        [0. 0. 1.] [0.   0.   0.07]

        ```
    """

    c1: Positive[Parameter] = 0.82
    c2: Positive[Parameter] = 0.08
    gain: Parameter = 1.0
    equation = r"\max(0, c_1 \tanh c_2 j)"

    def _primitive(self, x):
        return self.c1 * _tanh(jnp.where(x > 0, x, 0), self.c2)

    def _derivative(self, x):
        slope = _tanh_slope(jnp.where(x > 0, x, 0), self.c2)
        return self.c1 * jnp.where(x > 0, slope, 0)


_tanh, _tanh_slope = scaled(
    tanh,
    decay=squared(sech),
    first=jnp.ones_like,
    second=lambda u: -2 * tanh(u),
    spread=lambda u: 1 - 2 * u * tanh(u),
    limit=1e4,
    exponent=lambda u: u - math.log(2),
)
