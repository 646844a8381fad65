import math

import equinox as eqx

from .._typing import typed
from ._base import AbstractInitializer
from ._distributions import Gaussian, Uniform


@typed
class FanInUniform(AbstractInitializer):
    r"""Uniform on $[-\sqrt{1/n}, \sqrt{1/n})$, where $n$ is the fan-in: the size of
    `in_axis` times the receptive field (every axis but `in_axis` and `out_axis`).

    The default axes fit `x @ weight` and kernels of shape (height, width, in, out).

    ??? cite "Reference"
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998.
    """

    in_axis: int = eqx.field(static=True, default=-2)
    out_axis: int = eqx.field(static=True, default=-1)

    def _sample(self, source, shape):
        limit = math.sqrt(1 / fan_in(shape, self.in_axis, self.out_axis))
        return Uniform(-limit, limit)._sample(source, shape)


@typed
class FanInGaussian(AbstractInitializer):
    r"""The normal distribution $\mathcal{N}(0, 1/n)$, where $n$ is the fan-in: the size
    of `in_axis` times the receptive field (every axis but `in_axis` and `out_axis`).

    The default axes fit `x @ weight` and kernels of shape (height, width, in, out).

    ??? cite "Reference"
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998.
    """

    in_axis: int = eqx.field(static=True, default=-2)
    out_axis: int = eqx.field(static=True, default=-1)

    def _sample(self, source, shape):
        std = math.sqrt(1 / fan_in(shape, self.in_axis, self.out_axis))
        return Gaussian(std=std)._sample(source, shape)


def fan_in(shape: tuple[int, ...], in_axis: int, out_axis: int) -> int:
    """The number of inputs that each output sums over; at least 1."""
    check_axes(shape, in_axis, out_axis)
    out_axis %= len(shape)
    inputs = [size for axis, size in enumerate(shape) if axis != out_axis]
    return max(1, math.prod(inputs))


def check_axes(
    shape: tuple[int, ...],
    in_axis: int,
    out_axis: int,
    batch_axis: tuple[int, ...] = (),
):
    rank, axes = len(shape), (in_axis, out_axis, *batch_axis)
    known = all(-rank <= axis < rank for axis in axes)
    if not known or len({axis % rank for axis in axes}) < len(axes):
        further = f" and `batch_axis`={batch_axis}" if batch_axis else ""
        raise ValueError(
            f"`shape` must have different axes `in_axis`={in_axis}, "
            f"`out_axis`={out_axis}{further}; got {shape}."
        )
