"""The law of block sizes, exactly: which there are, and how probable each is."""

import functools as ft
from typing import NamedTuple

import numpy as np


class BlockSizes(NamedTuple):
    """Sizes in patches, and where the probabilities add up to."""

    heights: np.ndarray
    widths: np.ndarray
    cumulative: np.ndarray


@ft.lru_cache
def block_sizes(
    grid_shape: tuple[int, int],
    scale: tuple[float | int, float | int],
    aspect_ratio: tuple[float | int, float | int],
) -> BlockSizes:
    """Of blocks that cover a fraction s of the grid at a ratio r of height to width,
    both uniform: n = ⌊H W s⌋, h = round √(n r) and w = round √(n / r), within the grid.
    """
    height, width = grid_shape
    areas, area_weights = _areas(height * width, *scale)
    low, high = aspect_ratio
    # The ratios at which a side of n patches rounds to the next whole number.
    n = np.maximum(areas, 1)[:, None]
    taller = np.square(np.arange(height) + 0.5) / n
    wider = n / np.square(np.arange(width) + 0.5)
    edges = np.clip(np.concatenate([taller, wider], 1), low, high)
    ends = np.full((len(areas), 1), [low]), np.full((len(areas), 1), [high])
    edges = np.sort(np.concatenate([*ends, edges], 1), axis=1)
    if low == high:
        ratios, ratio_weights = np.full((len(areas), 1), low), np.ones((len(areas), 1))
    else:
        ratios = (edges[:, 1:] + edges[:, :-1]) / 2
        ratio_weights = np.diff(edges) / (high - low)
    # At least one patch: rounded down to none, a block would predict nothing.
    heights = np.clip(np.rint(np.sqrt(areas[:, None] * ratios)), 1, height)
    widths = np.clip(np.rint(np.sqrt(areas[:, None] / ratios)), 1, width)
    weights = area_weights[:, None] * ratio_weights
    possible = weights > 0
    sizes, which = np.unique(
        np.stack([heights[possible], widths[possible]]).astype(np.int32),
        axis=1,
        return_inverse=True,
    )
    cumulative = np.cumsum(np.bincount(which.reshape(-1), weights[possible]))
    return BlockSizes(sizes[0], sizes[1], cumulative / cumulative[-1])


def _areas(patches: int, low: float, high: float):
    """The whole numbers of patches, and the share of the scales that gives each."""
    if low == high:
        return np.array([int(patches * low)]), np.ones(1)
    areas = np.arange(int(patches * low), int(patches * high) + 1)
    ends = np.clip(np.append(areas, areas[-1] + 1) / patches, low, high)
    return areas, np.diff(ends) / (high - low)


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
