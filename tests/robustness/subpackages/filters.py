"""Entries of `ngcx.filters`."""

from ngcx import filters

from .._entries import Array, Entry, Name, Number, Size


IMAGES = {"images": Array("*batch height width")}
HOW = {"radius": Size(1, low=0), "mode": Name("edge")}
SIGMA = Number(0.5, low=0)
SIGMAS = {"center_sigma": SIGMA, "surround_sigma": Number(1.0, low=0)}
POSITIVE = Number(1.5, low=0, open=True)
FURTHER = {
    "gaussian_blur": {"sigma": SIGMA, **HOW},
    "difference_of_gaussians": SIGMAS | HOW,
    "ratio_of_gaussians": SIGMAS | HOW | {"epsilon": POSITIVE},
    "cortical_difference_of_gaussians": SIGMAS | HOW,
    "cortical_ratio_of_gaussians": {
        **SIGMAS,
        **HOW,
        "semi_saturation": POSITIVE,
        "excitation_exponent": POSITIVE,
        "inhibition_exponent": POSITIVE,
    },
}
ENTRIES = {
    name: Entry(getattr(filters, name), IMAGES | further, like="images")
    for name, further in FURTHER.items()
}
