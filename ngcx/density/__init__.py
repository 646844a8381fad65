"""Densities: mixture models, fitted by expectation maximisation."""

from ._base import AbstractMixture as AbstractMixture
from ._em import FitResult as FitResult, Statistics as Statistics
from ._factorial import (
    BernoulliMixture as BernoulliMixture,
    ExponentialMixture as ExponentialMixture,
)
from ._gaussian import GaussianMixture as GaussianMixture
