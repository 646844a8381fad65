"""The public names of `ngcx.viz`, which loads them when the first is used."""

from ._confusion import confusion as confusion
from ._gallery import (
    activation_gallery as activation_gallery,
    surrogate_gallery as surrogate_gallery,
)
from ._latents import latents as latents
from ._projections import pca as pca, tsne as tsne
from ._raster import raster as raster, spike_comparison as spike_comparison
from ._receptive_fields import (
    animate_receptive_fields as animate_receptive_fields,
    macro_grid as macro_grid,
    receptive_fields as receptive_fields,
)
from ._traces import (
    compartments as compartments,
    membrane as membrane,
    traces as traces,
)
