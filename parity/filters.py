import numpy as np

from ngcx import filters

from ._entries import equal, f32, ref


theirs = ref.filters
IMAGES = f32(np.random.default_rng(0).uniform(0.1, 1, (2, 1, 9, 8)))

equal(
    lambda x: theirs.gaussian_filter(x, 0.8, 1.5, 3),
    lambda x: filters.difference_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)
equal(
    lambda x: theirs.gaussian_filter(x, 0.8, 1.5, 3, True),
    lambda x: filters.ratio_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)
equal(
    lambda x: theirs.cortical_gaussian_filter(x, 0.8, 1.5, 3),
    lambda x: filters.cortical_difference_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)
equal(
    lambda x: theirs.cortical_gaussian_filter(x, 0.8, 1.5, 3, True),
    lambda x: filters.cortical_ratio_of_gaussians(x, 0.8, 1.5, radius=3),
    IMAGES,
)
