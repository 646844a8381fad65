import jax.numpy as jnp
from jaxtyping import Array, Float

from .._closed_form import rounded_once
from .._compiled import compiled
from .._numerics import sigmoid, sigmoid_slope, softplus, tanh_slope
from .._typing import Scalar
from ..ops import inverse_logistic, inverse_tanh
from ._base import AbstractElementwise


class Sigmoid(AbstractElementwise):
    r"""$f(x) = \sigma(x) = \frac{1}{1 + e^{-x}}$, with
    $f'(x) = \sigma(x)\,\sigma(-x)$.

    **See also:** [`ngcx.surrogate.Sigmoid`][], which emits spikes and is differentiated
    as a sigmoid.

    ??? cite "Reference"
        Rumelhart, Hinton and Williams, *Learning representations by back-propagating
        errors*, Nature 1986.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Sigmoid
        >>> f, x = Sigmoid(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [0.12 0.38 0.5  0.73]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.1  0.24 0.25 0.2 ]

        ```
    """

    equation = r"\frac{1}{1 + e^{-x}}"

    def _value(self, x):
        return sigmoid(x)

    def _derivative(self, x):
        return sigmoid_slope(x)

    @compiled(jit=False)
    def inverse(
        self, y: Float[Array, "*shape"], clip_bound: Scalar = 0.03
    ) -> Float[Array, "*shape"]:
        r"""Computes $\ln \frac{p}{1 - p}$ for $p = y$ clipped to $[b, 1 - b]$, where
        $b$ is `clip_bound`; 0 clips nothing, so that 0 and 1 give $\mp\infty$.
        """
        return inverse_logistic(y, clip_bound)


class Tanh(AbstractElementwise):
    r"""$f(x) = \tanh x$, with $f'(x) = \operatorname{sech}^2 x$.

    ??? cite "Reference"
        LeCun, Bottou, Orr and Müller, *Efficient backprop*, in Neural Networks: Tricks
        of the Trade, 1998.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Tanh
        >>> f, x = Tanh(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.96 -0.46  0.    0.76]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.07 0.79 1.   0.42]

        ```
    """

    equation = r"\tanh x"

    def _value(self, x):
        return jnp.tanh(x)

    def _derivative(self, x):
        return tanh_slope(x)

    @compiled
    def inverse(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes $\frac{1}{2} \ln \frac{1 + y}{1 - y}$: $\mp\infty$ at $\mp 1$ and
        beyond.
        """
        return inverse_tanh(y)


class Softplus(AbstractElementwise):
    r"""$f(x) = \ln(1 + e^x)$, with $f'(x) = \sigma(x)$, the logistic function.

    ??? cite "Reference"
        Dugas, Bengio, Bélisle, Nadeau and Garcia, *Incorporating second-order
        functional knowledge for better option pricing*, NIPS 2000.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Softplus
        >>> f, x = Softplus(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [0.13 0.47 0.69 1.31]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.12 0.38 0.5  0.73]

        ```
    """

    equation = r"\ln(1 + e^x)"

    def _value(self, x):
        return softplus(x)

    def _derivative(self, x):
        return sigmoid(x)

    @compiled
    @rounded_once
    def inverse(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Computes $\ln(e^y - 1)$ for $y > 0$: $-\infty$ at 0, and NaN below."""
        # The same as y + ln(1 - e^-y) cannot overflow.
        return y + jnp.log(-jnp.expm1(-y))


class LogSigmoid(AbstractElementwise):
    r"""$f(x) = \ln \sigma(x) = -\ln(1 + e^{-x})$, the logarithm of the logistic
    function, with $f'(x) = \sigma(-x)$.

    ??? cite "Reference"
        Mächler, *Accurately computing log(1 - exp(-|a|))*, 2012, also for the logarithm
        of $1 + e^x$.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import LogSigmoid
        >>> f, x = LogSigmoid(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-2.13 -0.97 -0.69 -0.31]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.88 0.62 0.5  0.27]

        ```
    """

    equation = r"-\ln(1 + e^{-x})"

    def _value(self, x):
        return -softplus(-x)

    def _derivative(self, x):
        return sigmoid(-x)


class Softsign(AbstractElementwise):
    r"""$f(x) = \frac{x}{1 + |x|}$, with $f'(x) = \frac{1}{(1 + |x|)^2}$.

    ??? cite "Reference"
        Bergstra, Desjardins, Lamblin and Bengio, *Quadratic polynomials learn better
        image features*, 2009.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import Softsign
        >>> f, x = Softsign(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.67 -0.33  0.    0.5 ]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.11 0.44 1.   0.25]

        ```
    """

    equation = r"\frac{x}{1 + |x|}"

    def _value(self, x):
        return x / (1 + jnp.abs(x))

    def _derivative(self, x):
        # The square comes last, because (1 + |x|)^2 overflows.
        return jnp.square(1 / (1 + jnp.abs(x)))
