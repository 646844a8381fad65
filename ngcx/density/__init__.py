"""Densities: mixture models, fitted by expectation maximisation."""

from ._components import AbstractComponents as AbstractComponents
from ._em import FitResult as FitResult, Statistics as Statistics
from ._factorial import Bernoullis as Bernoullis, Exponentials as Exponentials
from ._fit import (
    BernoulliMixture as BernoulliMixture,
    ExponentialMixture as ExponentialMixture,
    GaussianMixture as GaussianMixture,
)
from ._gaussians import Gaussians as Gaussians
from ._mixture import Mixture as Mixture
