"""Laws whose variance depends on how many inputs or outputs a weight connects."""

import math
from collections.abc import Callable
from typing import ClassVar, Literal

import equinox as eqx
import jax.nn.initializers as jni

from .._typing import Positive
from ._base import AbstractInitializer
from ._distributions import Gaussian, Uniform
from ._from_jax import FromJax


Axes = tuple[int, ...]


class AbstractVarianceScaling(AbstractInitializer):
    """A law whose variance is a number divided by a fan of the weight. The fan is the
    number of inputs that an output sums over, or of outputs that an input reaches,
    including the receptive field.

    The default axes fit `x @ weight` and kernels of shape (height, width, in, out).

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.
    """

    in_axis: int = eqx.field(static=True, kw_only=True, default=-2)
    out_axis: int = eqx.field(static=True, kw_only=True, default=-1)
    batch_axis: Axes = eqx.field(static=True, kw_only=True, default=())
    law: ClassVar[Callable[..., AbstractInitializer]]
    """What `law(shape, in_axis, out_axis, batch_axis)` returns is drawn from."""

    def _sample(self, source, shape):
        axes = (self.in_axis, self.out_axis, *self.batch_axis)
        rank = len(shape)
        known = all(-rank <= axis < rank for axis in axes)
        if not known or len({axis % rank for axis in axes}) < len(axes):
            further = f" and `batch_axis`={self.batch_axis}" if self.batch_axis else ""
            raise ValueError(
                f"`shape` must have different axes `in_axis`={self.in_axis}, "
                f"`out_axis`={self.out_axis}{further}; got {shape}."
            )
        if 0 in shape:  # such a weight has no fans
            return source.xp.zeros(shape, source.wide)
        law = self.law(shape, self.in_axis, self.out_axis, self.batch_axis)
        return law._sample(source, shape)


def _jax_law(scale: float, mode: str, distribution: str):
    """A law that JAX knows and draws."""

    def law(shape: tuple[int, ...], *axes):
        """What weights of that shape are drawn from."""
        return FromJax(jni.variance_scaling(scale, mode, distribution, *axes))  # pyright: ignore[reportArgumentType]

    return staticmethod(law)


def _fan_in_law(make: Callable[[float], AbstractInitializer]):
    """A law of our own, made from one over the square root of the fan-in."""

    def law(shape: tuple[int, ...], in_axis: int, out_axis: int, batch_axis: Axes):
        """What weights of that shape are drawn from."""
        return make(math.sqrt(1 / fan_in(shape, out_axis, batch_axis)))

    return staticmethod(law)


def fan_in(shape: tuple[int, ...], out_axis: int, batch_axis: Axes) -> int:
    """How many inputs an output sums over, receptive field included."""
    others = {axis % len(shape) for axis in (out_axis, *batch_axis)}
    return math.prod(size for axis, size in enumerate(shape) if axis not in others)


class VarianceScaling(AbstractVarianceScaling):
    r"""A law of mean 0 whose variance is `scale` divided by a fan.

    | `VarianceScaling` | is |
    | --- | --- |
    | `(1.0, "fan_in", "truncated_normal")` | [`ngcx.init.LeCunNormal`][] |
    | `(1.0, "fan_in", "uniform")` | [`ngcx.init.LeCunUniform`][] |
    | `(1.0, "fan_in", "normal")` | the law of [`ngcx.init.FanInGaussian`][] |
    | `(2.0, "fan_in", "truncated_normal")` | [`ngcx.init.HeNormal`][] |
    | `(2.0, "fan_in", "uniform")` | [`ngcx.init.HeUniform`][] |
    | `(1.0, "fan_avg", "truncated_normal")` | [`ngcx.init.GlorotNormal`][] |
    | `(1.0, "fan_avg", "uniform")` | [`ngcx.init.GlorotUniform`][] |

    The default axes fit `x @ weight` and kernels of shape (height, width, in, out).

    **Arguments:**

    - `scale`: the number that is divided by the fan. The defaults are those of Keras
        and Flax.
    - `mode`: the fan: of the inputs, of the outputs, or the mean of both.
    - `distribution`: the shape of the law. The truncated normal law ends at two
        standard deviations.
    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    ??? cite "Reference"
        He, Zhang, Ren and Sun, *Delving deep into rectifiers*, ICCV 2015.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import VarianceScaling
        >>> weight = VarianceScaling(2.0, "fan_avg", "normal")(jr.key(0), (400, 100))
        >>> print(weight.std().round(3))
        0.09

        ```
    """

    scale: Positive[float] = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg"] = eqx.field(
        static=True, default="fan_in"
    )
    distribution: Literal["truncated_normal", "normal", "uniform"] = eqx.field(
        static=True, default="truncated_normal"
    )

    def law(self, shape, *axes):  # pyright: ignore
        """What weights of that shape are drawn from."""
        return _jax_law(self.scale, self.mode, self.distribution)(shape, *axes)


class FanInUniform(AbstractVarianceScaling):
    r"""Uniform on $[-\sqrt{1/n}, \sqrt{1/n})$, where $n$ is the fan-in: the size of
    `in_axis` times the receptive field (every axis but `in_axis`, `out_axis` and
    `batch_axis`).

    The default axes fit `x @ weight` and kernels of shape (height, width, in, out).

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.LeCunUniform`][], whose variance is three times as large.

    ??? cite "Reference"
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> import numpy as np
        >>> from ngcx.init import FanInUniform
        >>> weight = FanInUniform()(jr.key(0), (400, 100))
        >>> print(weight.shape)
        (400, 100)
        >>> print(np.asarray(weight.std()).round(3))
        0.029

        ```
    """

    law = _fan_in_law(lambda limit: Uniform(-limit, limit))


class FanInGaussian(AbstractVarianceScaling):
    r"""The normal distribution $\mathcal{N}(0, 1/n)$, where $n$ is the fan-in: the size
    of `in_axis` times the receptive field (every axis but `in_axis`, `out_axis` and
    `batch_axis`).

    The default axes fit `x @ weight` and kernels of shape (height, width, in, out).

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.LeCunNormal`][], which has the same variance but is
    truncated.

    ??? cite "Reference"
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import FanInGaussian
        >>> weight = FanInGaussian()(jr.key(0), (400, 100))
        >>> print(weight.shape, weight.std().round(3))
        (400, 100) 0.05

        ```
    """

    law = _fan_in_law(lambda std: Gaussian(std=std))


class GlorotUniform(AbstractVarianceScaling):
    r"""Uniform with variance $\frac{2}{n_\text{in} + n_\text{out}}$.

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.GlorotNormal`][].

    ??? cite "Reference"
        Glorot and Bengio, *Understanding the difficulty of training deep feedforward
        neural networks*, AISTATS 2010.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import GlorotUniform
        >>> weight = GlorotUniform()(jr.key(0), (400, 100))
        >>> print(weight.shape, weight.std().round(3))
        (400, 100) 0.063

        ```
    """

    law = _jax_law(1.0, "fan_avg", "uniform")


class GlorotNormal(AbstractVarianceScaling):
    r"""Normal, truncated at two standard deviations, with variance
    $\frac{2}{n_\text{in} + n_\text{out}}$.

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.GlorotUniform`][].

    ??? cite "Reference"
        Glorot and Bengio, *Understanding the difficulty of training deep feedforward
        neural networks*, AISTATS 2010.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import GlorotNormal
        >>> weight = GlorotNormal()(jr.key(0), (400, 100))
        >>> print(weight.shape, weight.std().round(3))
        (400, 100) 0.063

        ```
    """

    law = _jax_law(1.0, "fan_avg", "truncated_normal")


class HeUniform(AbstractVarianceScaling):
    r"""Uniform with variance $\frac{2}{n_\text{in}}$.

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.HeNormal`][].

    ??? cite "Reference"
        He, Zhang, Ren and Sun, *Delving deep into rectifiers*, ICCV 2015.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import HeUniform
        >>> weight = HeUniform()(jr.key(0), (400, 100))
        >>> print(weight.shape, weight.std().round(3))
        (400, 100) 0.071

        ```
    """

    law = _jax_law(2.0, "fan_in", "uniform")


class HeNormal(AbstractVarianceScaling):
    r"""Normal, truncated at two standard deviations, with variance
    $\frac{2}{n_\text{in}}$.

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.HeUniform`][]; [`ngcx.init.FluctuationDriven`][] for
    layers of spiking neurons.

    ??? cite "Reference"
        He, Zhang, Ren and Sun, *Delving deep into rectifiers*, ICCV 2015.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import HeNormal
        >>> weight = HeNormal()(jr.key(0), (400, 100))
        >>> print(weight.shape, weight.std().round(3))
        (400, 100) 0.071

        ```
    """

    law = _jax_law(2.0, "fan_in", "truncated_normal")


class LeCunUniform(AbstractVarianceScaling):
    r"""Uniform with variance $\frac{1}{n_\text{in}}$.

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.FanInUniform`][], whose variance is a third of it.

    ??? cite "Reference"
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import LeCunUniform
        >>> weight = LeCunUniform()(jr.key(0), (400, 100))
        >>> print(weight.shape, weight.std().round(3))
        (400, 100) 0.05

        ```
    """

    law = _jax_law(1.0, "fan_in", "uniform")


class LeCunNormal(AbstractVarianceScaling):
    r"""Normal, truncated at two standard deviations, with variance
    $\frac{1}{n_\text{in}}$.

    **Arguments:**

    - `in_axis`: the axis of the inputs.
    - `out_axis`: the axis of the outputs.
    - `batch_axis`: axes over which weights are independent, and which no fan counts.

    **See also:** [`ngcx.init.FanInGaussian`][], which has the same variance but is not
    truncated.

    ??? cite "Reference"
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import LeCunNormal
        >>> weight = LeCunNormal()(jr.key(0), (400, 100))
        >>> print(weight.shape, weight.std().round(3))
        (400, 100) 0.05

        ```
    """

    law = _jax_law(1.0, "fan_in", "truncated_normal")
