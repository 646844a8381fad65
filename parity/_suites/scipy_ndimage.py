"""`scipy.ndimage.gaussian_filter` and what is made of it, at all borders."""

import numpy as np
import scipy.ndimage

from ngcx import filters

from . import equal


MODES = {"edge": "nearest", "reflect": "mirror", "symmetric": "reflect"}
MODES |= {"wrap": "wrap", "constant": "constant"}
IMAGES = {
    "usual": np.random.default_rng(0).uniform(0.1, 1, (3, 9, 12)),
    "constant": np.full((1, 5, 5), 0.3),
    "a dot": np.pad([[[1.0]]], ((0, 0), (3, 3), (3, 3))),
    "one pixel": np.full((1, 1, 1), 2.0),
}


def blurred(images, sigma, radius, mode):
    if sigma == 0:
        return images
    return scipy.ndimage.gaussian_filter(
        images, sigma, axes=(1, 2), radius=radius, mode=MODES[mode]
    )


for kind, values in IMAGES.items():
    for mode in MODES:
        for sigma, radius in ((0, 2), (0.7, 2), (3.0, 4), (1e3, 1)):
            equal(
                f"a blur of {kind} images, {mode}, {sigma} pixels",
                lambda x=values, s=sigma, r=radius, m=mode: blurred(x, s, r, m),
                lambda x=values, s=sigma, r=radius, m=mode: filters.gaussian_blur(
                    x.astype(np.float32), s, radius=r, mode=m
                ),
            )
