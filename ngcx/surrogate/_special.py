import jax.numpy as jnp
import jax.random as jr

from .._checks import check_non_negative, check_positive
from .._closed_form import tanh
from .._precision import wide_dtype
from .._typing import Parameter, typed
from ._base import AbstractStep, AbstractSurrogate, step
from ._compose import Sparse
from ._piecewise import LeakyReLU
from ._sigmoidal import FastSigmoid


@typed
class SparseFastSigmoid(AbstractStep):
    r"""[`ngcx.surrogate.FastSigmoid`][], whose derivative is cut to 0 where
    $|x| \ge B$: $E(x) = F(\operatorname{clip}(x, -B, B))$ with the fast sigmoid $F$.

    **Elsewhere:** snnTorch `SFS(slope=25, B=1)` has the height of `gain=2 / alpha`, but
    keeps the derivative where $x > B$, the opposite of what the paper describes.

    ??? cite "Reference"
        Perez-Nieves and Goodman, *Sparse spiking gradient descent*, NeurIPS 2021.
    """

    alpha: Parameter = 25.0
    """Sharpness, positive."""
    B: Parameter = 1.0
    """Half-width of the support of the derivative, positive."""
    gain: Parameter = 2 / 25
    equation = (
        r"\frac{1}{2} \left(1 + \frac{\alpha y}{1 + \alpha |y|}\right)"
        r"\ \text{with}\ y = \operatorname{clip}(x, -B, B)"
    )

    def __check_init__(self):
        check_positive("alpha", self.alpha)
        check_positive("B", self.B)

    def _primitive(self, x):
        return self._sparse()._primitive(x)

    def _derivative(self, x):
        return self._sparse()._derivative(x)

    def _sparse(self):
        return Sparse(FastSigmoid(self.alpha, gain=1.0), self.B)


@typed
class StochasticSpikeOperator(AbstractSurrogate):
    r"""A derivative of 1 on spikes, and a random one below the threshold,
    $(u + \text{mean}) \cdot \text{variance}$ with $u$ uniform in
    $[-\frac{1}{2}, \frac{1}{2})$, drawn for every neuron from the `key` of the call.

    Without a key, and for `primitive` and `derivative`, $u$ is 0, its mean.

    **Elsewhere:** snnTorch `SSO(mean=0, variance=0.2)`, with `gain=1`.
    """

    mean: Parameter = 0.0
    variance: Parameter = 0.2
    """The width of the random slopes, 0 or more (not their variance)."""
    gain: Parameter = 1.0
    equation = r"\text{mean} \cdot \text{variance} \cdot \min(x, 0) + \max(x, 0)"

    def __check_init__(self):
        check_non_negative("variance", self.variance)

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


@typed
class SecantLIF(AbstractStep):
    r"""$E(j) = \max(0, c_1 \tanh c_2 j)$ of the input current $j$, with
    $E'(j) = c_1 c_2 \operatorname{sech}^2 c_2 j$ for $j > 0$, else 0.

    `derivative(j)` takes the current itself. Where the surrogate is called on membrane
    potentials, the derivative is evaluated at $v - \theta$, as for all others.

    **Elsewhere:** ngc-learn `secant_lif_estimator(c1=0.82, c2=0.08)` returns
    $\operatorname{sech} c_2 j$, not squared and without $c_1 c_2$ by default, which is
    the derivative of another function; no `gain` reproduces it.

    ??? cite "Reference"
        Samadi, Lillicrap and Tweed, *Deep learning with dynamic spiking neurons and
        fixed feedback weights*, Neural Computation 29, 2017.
    """

    c1: Parameter = 0.82
    """Positive."""
    c2: Parameter = 0.08
    """Positive."""
    gain: Parameter = 1.0
    equation = r"\max(0, c_1 \tanh c_2 j)"

    def __check_init__(self):
        check_positive("c1", self.c1)
        check_positive("c2", self.c2)

    def _primitive(self, x):
        return self.c1 * tanh(self.c2 * jnp.maximum(x, 0))

    def _derivative(self, x):
        # sech(z) = 2 e^-z / (1 + e^-2z) does not overflow. Its square underflows only
        # with the result, as the factors come between.
        decayed = jnp.exp(-self.c2 * jnp.maximum(x, 0))
        sech = 2 * decayed / (1 + jnp.square(decayed))
        slope = self.c1 * self.c2 * sech * sech
        return jnp.where(x > 0, slope, 0)
