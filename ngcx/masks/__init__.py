"""Masks: which patches of an image a model sees, and which it predicts."""

from ._multi_block import (
    Masks as Masks,
    MultiBlockMask as MultiBlockMask,
    PatchSet as PatchSet,
)
