"""Feature dictionaries: many functions of a few variables, for regression on them."""

from ._base import AbstractLibrary as AbstractLibrary
from ._combined import (
    ConcatenatedLibrary as ConcatenatedLibrary,
    FunctionLibrary as FunctionLibrary,
    ProductLibrary as ProductLibrary,
)
from ._fourier import FourierLibrary as FourierLibrary
from ._polynomial import PolynomialLibrary as PolynomialLibrary
