"""Surrogates: spikes in the forward pass, a smooth derivative in the backward pass."""

from ._base import AbstractSurrogate as AbstractSurrogate
from ._create import create as create
from ._smooth import Arctan as Arctan
from ._straight_through import StraightThrough as StraightThrough
