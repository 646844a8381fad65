"""Masks: which patches of an image a model sees, and which it predicts."""

from ._masks import (
    Masks as Masks,
    MultiBlockMask as MultiBlockMask,
    PatchSet as PatchSet,
    RandomMask as RandomMask,
    TubeMask as TubeMask,
)
