"""Patches: cutting images into patches, and putting them together again."""

from ._extract import (
    extract_patches as extract_patches,
    frame as frame,
    square_images as square_images,
)
from ._generator import PatchGenerator as PatchGenerator
from ._reconstruct import reconstruct as reconstruct
from ._sample import sample_patches as sample_patches
