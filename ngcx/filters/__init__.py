"""Filters: differences and ratios of Gaussians, as in the early visual system."""

from ._blur import gaussian_blur as gaussian_blur
from ._center_surround import (
    difference_of_gaussians as difference_of_gaussians,
    ratio_of_gaussians as ratio_of_gaussians,
)
from ._cortical import (
    cortical_difference_of_gaussians as cortical_difference_of_gaussians,
    cortical_ratio_of_gaussians as cortical_ratio_of_gaussians,
)
