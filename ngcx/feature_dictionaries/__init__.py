"""Feature dictionaries: many functions of a few variables, for regression on them."""

from ._fourier import FourierLibrary as FourierLibrary
from ._polynomial import PolynomialLibrary as PolynomialLibrary
