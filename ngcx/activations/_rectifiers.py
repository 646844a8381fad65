import jax.numpy as jnp
from jaxtyping import Array, Float

from .._closed_form import rounded_once
from .._compiled import compiled
from .._typing import Parameter
from ._base import AbstractElementwise


class Identity(AbstractElementwise):
    r"""$f(x) = x$, with $f'(x) = 1$.

    **See also:** [`ngcx.init.Identity`][], a matrix of ones on the diagonal.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import Identity
        >>> f, x = Identity(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [-2.  -0.5  0.   1. ] [1. 1. 1. 1.]

        ```
    """

    equation = r"x"

    def _value(self, x):
        return x

    def _derivative(self, x):
        return jnp.ones_like(x)

    @compiled
    def inverse(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Returns `y`."""
        return y


class ReLU(AbstractElementwise):
    r"""$f(x) = \max(0, x)$, with $f'(x) = 1$ for $x > 0$ and $0$ elsewhere.

    At the kink the derivative is that of `jax.nn.relu`: $f'(0) = 0$.

    ??? cite "Reference"
        Nair and Hinton, *Rectified linear units improve restricted Boltzmann
        machines*, ICML 2010.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import ReLU
        >>> f, x = ReLU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [0. 0. 0. 1.] [0. 0. 0. 1.]

        ```
    """

    equation = r"\max(0, x)"

    def _value(self, x):
        return jnp.maximum(x, 0)

    def _derivative(self, x):
        return jnp.where(x > 0, jnp.ones_like(x), 0)


class ReLUSquared(AbstractElementwise):
    r"""$f(x) = \max(0, x)^2$, with $f'(x) = 2 \max(0, x)$. It is infinite where the
    square is beyond the largest number.

    ??? cite "Reference"
        So, Mańke, Liu, Dai, Shazeer and Le, *Primer: searching for efficient
        transformers for language modeling*, NeurIPS 2021.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import ReLUSquared
        >>> f, x = ReLUSquared(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [0. 0. 0. 1.] [0. 0. 0. 2.]

        ```
    """

    equation = r"\max(0, x)^2"

    def _value(self, x):
        return jnp.square(jnp.maximum(x, 0))

    def _derivative(self, x):
        return jnp.where(x > 0, 2 * x, 0)


class LeakyReLU(AbstractElementwise):
    r"""$f(x) = x$ for $x \ge 0$ and $a x$ below, with $f'(x) = 1$ and $a$.

    At the kink the derivative is that of `jax.nn.leaky_relu`: $f'(0) = 1$. With an
    array for $a$, which is then learnt, this is the parametric rectifier (PReLU).

    **Arguments:**

    - `negative_slope`: $a$, 0.01 by default as in `jax.nn.leaky_relu`.

    **See also:** [`ngcx.surrogate.LeakyReLU`][], which emits spikes and has two slopes
    as its derivative.

    ??? cite "Reference"
        Maas, Hannun and Ng, *Rectifier nonlinearities improve neural network acoustic
        models*, ICML 2013; He, Zhang, Ren and Sun, *Delving deep into rectifiers*, ICCV
        2015, for the learnt slope.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import LeakyReLU
        >>> f, x = LeakyReLU(negative_slope=0.1), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.2  -0.05  0.    1.  ]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.1 0.1 1.  1. ]

        ```
    """

    negative_slope: Parameter = 0.01
    equation = r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}"

    def _value(self, x):
        return jnp.where(x >= 0, x, self.negative_slope * x)

    def _derivative(self, x):
        return jnp.where(x >= 0, jnp.ones_like(x), self.negative_slope)

    @compiled
    @rounded_once
    def inverse(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Computes the $x$ with $f(x) = y$, for a positive slope."""
        return jnp.where(y >= 0, y, y / self.negative_slope)


class ReLU6(AbstractElementwise):
    r"""$f(x) = \min(\max(0, x), 6)$, with $f'(x) = 1$ for $0 < x < 6$ and $0$
    elsewhere.

    ??? cite "Reference"
        Krizhevsky, *Convolutional deep belief networks on CIFAR-10*, 2010.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import ReLU6
        >>> f, x = ReLU6(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [0. 0. 0. 1.] [0. 0. 0. 1.]

        ```
    """

    equation = r"\min(\max(0, x), 6)"

    def _value(self, x):
        return jnp.clip(x, 0, 6)

    def _derivative(self, x):
        return jnp.where((x > 0) & (x < 6), jnp.ones_like(x), 0)


class HardTanh(AbstractElementwise):
    r"""$f(x) = \min(\max(-1, x), 1)$, with $f'(x) = 1$ for $|x| \le 1$ and $0$
    elsewhere.

    ??? cite "Reference"
        Collobert, *Large scale machine learning*, PhD thesis, 2004.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import HardTanh
        >>> f, x = HardTanh(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [-1.  -0.5  0.   1. ] [0. 1. 1. 1.]

        ```
    """

    equation = r"\min(\max(-1, x), 1)"

    def _value(self, x):
        return jnp.clip(x, -1, 1)

    def _derivative(self, x):
        return jnp.where(jnp.abs(x) <= 1, jnp.ones_like(x), 0)


class HardSigmoid(AbstractElementwise):
    r"""$f(x) = \min(\max(0, x + 3), 6) / 6$, with $f'(x) = \frac{1}{6}$ for $|x| < 3$
    and $0$ elsewhere.

    ??? cite "Reference"
        Howard et al., *Searching for MobileNetV3*, ICCV 2019.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import HardSigmoid
        >>> f, x = HardSigmoid(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [0.17 0.42 0.5  0.67]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [0.17 0.17 0.17 0.17]

        ```
    """

    equation = r"\frac{\min(\max(0, x + 3), 6)}{6}"

    def _value(self, x):
        return jnp.clip(x + 3, 0, 6) / 6

    def _derivative(self, x):
        return jnp.where(jnp.abs(x) < 3, jnp.full_like(x, 1 / 6), 0)


class HardSiLU(AbstractElementwise):
    r"""$f(x) = x \, \frac{\min(\max(0, x + 3), 6)}{6}$, also known as hard swish, with
    $f'(x) = \frac{2x + 3}{6}$ for $|x| < 3$, $1$ above and $0$ below.

    At the kinks the derivative is that of `jax.nn.hard_silu`: $f'(-3) = 0$ and
    $f'(3) = 1$.

    ??? cite "Reference"
        Howard et al., *Searching for MobileNetV3*, ICCV 2019.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.activations import HardSiLU
        >>> f, x = HardSiLU(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(np.asarray(f(x)).round(2))
        [-0.33 -0.21  0.    0.67]
        >>> print(np.asarray(f.derivative(x)).round(2))
        [-0.17  0.33  0.5   0.83]

        ```
    """

    equation = r"x \, \frac{\min(\max(0, x + 3), 6)}{6}"

    def _value(self, x):
        return x * (jnp.clip(x + 3, 0, 6) / 6)

    def _derivative(self, x):
        # The branch that is not taken is kept from overflowing.
        near = jnp.clip(x, -3, 3)
        return jnp.where(jnp.abs(x) < 3, (2 * near + 3) / 6, jnp.heaviside(x, 0))


class SparsePlus(AbstractElementwise):
    r"""$f(x) = 0$ for $x \le -1$, $\frac{(x + 1)^2}{4}$ for $|x| < 1$ and $x$ for
    $x \ge 1$: a softplus that is exactly 0 below and linear above, with $f'(x) =
    \frac{\min(\max(0, x + 1), 2)}{2}$, the [`ngcx.activations.SparseSigmoid`][].

    ??? cite "Reference"
        Blondel, Martins and Niculae, *Learning with Fenchel-Young losses*, JMLR 21,
        2020.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import SparsePlus
        >>> f, x = SparsePlus(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [0.   0.06 0.25 1.  ] [0.   0.25 0.5  1.  ]

        ```
    """

    equation = (
        r"\begin{cases} 0 & x \le -1 \\ \frac{(x + 1)^2}{4} & |x| < 1 \\ "
        r"x & x \ge 1 \end{cases}"
    )

    def _value(self, x):
        return jnp.where(x >= 1, x, jnp.square(_ramp(x)))

    def _derivative(self, x):
        return _ramp(x)


class SparseSigmoid(AbstractElementwise):
    r"""$f(x) = \frac{\min(\max(0, x + 1), 2)}{2}$, with $f'(x) = \frac{1}{2}$ for
    $|x| < 1$ and $0$ beyond: the derivative of [`ngcx.activations.SparsePlus`][].

    At the kinks the derivative is that of `jax.nn.sparse_sigmoid`:
    $f'(\pm 1) = \frac{1}{4}$.

    ??? cite "Reference"
        Blondel, Martins and Niculae, *Learning with Fenchel-Young losses*, JMLR 21,
        2020.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import SparseSigmoid
        >>> f, x = SparseSigmoid(), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [0.   0.25 0.5  1.  ] [0.   0.5  0.5  0.25]

        ```
    """

    equation = r"\frac{\min(\max(0, x + 1), 2)}{2}"

    def _value(self, x):
        return _ramp(x)

    def _derivative(self, x):
        return (jnp.sign(x + 1) + jnp.sign(1 - x)) / 4


def _ramp(x):
    return jnp.clip(x + 1, 0, 2) / 2


class Clip(AbstractElementwise):
    r"""$f(x) = \min(\max(x, \text{min}), \text{max})$, with $f'(x) = 1$ between the
    bounds, $\frac{1}{2}$ at each (as `jax.grad` of `jnp.clip`) and $0$ beyond.

    **Arguments:**

    - `min`, `max`: the bounds; the first must be less than the second.

    **See also:** [`ngcx.init.Clip`][], which bounds the weights that are drawn.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.activations import Clip
        >>> f, x = Clip(min=-1.0, max=0.5), jnp.array([-2.0, -0.5, 0.0, 1.0])
        >>> print(f(x).round(2), f.derivative(x).round(2))
        [-1.  -0.5  0.   0.5] [0. 1. 1. 0.]

        ```
    """

    min: Parameter
    max: Parameter
    equation = r"\min(\max(x, \text{min}), \text{max})"

    def __check_init__(self):
        numbers = isinstance(self.min, int | float), isinstance(self.max, int | float)
        if all(numbers) and not self.min < self.max:
            raise ValueError(
                f"`min` must be less than `max`; got min={self.min}, max={self.max}."
            )

    def _value(self, x):
        return jnp.clip(x, self.min, self.max)

    def _derivative(self, x):
        above = (jnp.sign(x - self.min) + 1) / 2
        below = (jnp.sign(self.max - x) + 1) / 2
        return above * below
