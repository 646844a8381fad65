"""Initializers: distributions to draw the first weights of a model from."""

from ._base import AbstractInitializer as AbstractInitializer
from ._distributions import (
    Constant as Constant,
    Gaussian as Gaussian,
    Uniform as Uniform,
)
from ._fan_in import FanInGaussian as FanInGaussian, FanInUniform as FanInUniform
