"""The law of block sizes, exactly: which there are, and how probable each is."""

import functools as ft
from typing import NamedTuple

import numpy as np


class BlockSizes(NamedTuple):
    """Sizes in patches, and the cumulative sums of their probabilities."""

    heights: np.ndarray
    widths: np.ndarray
    cumulative: np.ndarray


@ft.lru_cache
def block_sizes(
    grid_shape: tuple[int, int],
    scale: tuple[float | int, float | int],
    aspect_ratio: tuple[float | int, float | int],
) -> BlockSizes:
    """The sizes of blocks that cover a fraction s of the grid at a ratio r of height to
    width, both uniform: n = ⌊H W s⌋, h = round √(n r) and w = round √(n / r). Where one
    of them is 0 or beyond the grid it is the nearest side there is, and the other one n
    divided by that.
    """
    height, width = grid_shape
    areas, area_weights = _areas(height * width, *scale)
    ratios, ratio_weights = _ratios(grid_shape, np.maximum(areas, 1), *aspect_ratio)
    # A block has one patch at least; rounded down to none, it would predict nothing.
    n = np.maximum(areas, 1)[:, None]
    heights, widths = np.rint(np.sqrt(n * ratios)), np.rint(np.sqrt(n / ratios))
    # If one side is too long, what the other one rounds to does not count.
    kept = (widths <= width) & ((heights < 1) | (heights > height))
    fixed = (widths > width) | (~kept & (widths < 1))
    h, w = np.clip(heights, 1, height), np.clip(widths, 1, width)
    heights = np.where(fixed, np.clip(np.rint(n / w), 1, height), h)
    widths = np.where(kept, np.clip(np.rint(n / h), 1, width), w)
    weights = area_weights[:, None] * ratio_weights
    possible = weights > 0
    sizes, which = np.unique(
        np.stack([heights[possible], widths[possible]]).astype(np.int32),
        axis=1,
        return_inverse=True,
    )
    cumulative = np.cumsum(np.bincount(which.reshape(-1), weights[possible]))
    return BlockSizes(sizes[0], sizes[1], cumulative / cumulative[-1])


def _areas(patches: int, low: float | int, high: float | int):
    """The whole numbers of patches, and the share of the scales that gives each."""
    if low == high:
        return np.array([int(patches * low)]), np.ones(1)
    areas = np.arange(int(patches * low), int(patches * high) + 1)
    ends = np.clip(np.append(areas, areas[-1] + 1) / patches, low, high)
    return areas, np.diff(ends) / (high - low)


def _ratios(
    grid_shape: tuple[int, int], areas: np.ndarray, low: float | int, high: float | int
):
    """The ratios that give each size there is, for each area, and the share of each."""
    height, width = grid_shape
    n = areas[:, None]
    if low == high:
        return np.full(n.shape, low), np.ones(n.shape)
    # A side rounds to the next whole number where it is a half more than a whole one;
    # the last of them is beyond the grid.
    taller = np.square(np.arange(height + 1) + 0.5) / n
    wider = n / np.square(np.arange(width + 1) + 0.5)
    inner = np.clip(np.concatenate([taller, wider], 1), low, high)
    edges = np.pad(
        np.sort(inner, 1), ((0, 0), (1, 1)), constant_values=((0, 0), (low, high))
    )
    return (edges[:, 1:] + edges[:, :-1]) / 2, np.diff(edges) / (high - low)


def blocks_to_cover(grid_shape: tuple[int, int], sizes: BlockSizes) -> np.ndarray:
    """How many blocks of each size it takes to cover the grid.

    Patches one block apart, along rows and columns, lie in a block each.
    """
    height, width = grid_shape
    return -(-height // sizes.heights) * -(-width // sizes.widths)


def worst_chance_of_a_context(
    grid_shape: tuple[int, int], sizes: BlockSizes, num_blocks: int
) -> float:
    """A lower bound, over the sizes, of the probability that a patch stays uncovered.

    One of all the places of a block covers the first corner, so that all blocks miss it
    with probability (1 - 1/places)^blocks.
    """
    height, width = grid_shape
    places = (height - sizes.heights + 1) * (width - sizes.widths + 1)
    certain = num_blocks < blocks_to_cover(grid_shape, sizes)
    return float(np.min(np.where(certain, 1, (1 - 1 / places) ** num_blocks)))
