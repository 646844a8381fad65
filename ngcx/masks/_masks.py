"""Masks of the patches of images: several blocks, as joint-embedding predictive
architectures use them, and scattered patches, as masked autoencoders do.
"""

from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Count, Must
from ._block_sizes import block_sizes, blocks_to_cover, worst_chance_of_a_context


class PatchSet(Module):
    """Some patches of a grid, as a boolean image and as a list of fixed length.

    Patch `(row, column)` has the index `row * width + column`, or in a video `(frame *
    height + row) * width + column`.

    **Attributes:**

    - `grid`: which patches are in the set, as an array of shape (..., height, width).
        In a video, the axis before `height` is time.
    - `indices`: their indices, ascending, followed by indices of other patches up to a
        fixed length. No index comes twice.
    - `valid`: which of the indices belong to patches in the set; these come first.
    """

    grid: Bool[Array, "..."]
    indices: Int[Array, "*sets size"]
    valid: Bool[Array, "*sets size"]


class Masks(Module):
    """The patches of an image that a model sees, and those that it predicts.

    **Attributes:**

    - `context`: the patches to see; never empty.
    - `targets`: the patches to predict, the union of the blocks; disjoint from the
        context.
    - `blocks`: each block, with a leading axis of `num_blocks`; they may overlap.
    """

    context: PatchSet
    targets: PatchSet
    blocks: PatchSet


class MultiBlockMask(Module):
    r"""Draws blocks of patches to predict from the patches around them, as for the
    I-JEPA (Assran et al., 2023).

    For each key, one size is drawn for all blocks: they cover a fraction $s$ of the $H
    \times W$ grid at a ratio $r$ of height to width, both uniform in their ranges,

    $$n = \lfloor H W s \rfloor, \quad h = \mathrm{round} \sqrt{n r}, \quad w =
    \mathrm{round} \sqrt{n / r},$$

    If a side is 0 or longer than the grid, it becomes 1 or the side of the grid, and
    the other side is $n$ divided by it. The block then has another ratio, but still
    covers the right fraction. Each block is placed at random, with equal chances
    wherever it fits. The context is what remains; blocks that leave nothing are placed
    again.

    Sizes of arrays depend only on the fields, so it compiles once, and `jax.vmap` over
    keys gives a batch. For several kinds of blocks, make several masks.

    **Arguments:**

    - `grid_shape`: height and width of the image, in patches.
    - `scale`: the range of $s$, the fraction of the grid that a block covers.
    - `aspect_ratio`: the range of $r$, height over width.
    - `num_blocks`: how many blocks there are.
    - `max_keep`: the largest number of patches in the context, of which a random subset
        is kept, with equal chances. `None` keeps all.

    **Raises:** `ValueError` for ranges that are not positive and ascending, a scale
    above 1, and blocks that are so large or so many that they always, or nearly always,
    cover the grid.

    **See also:** [`ngcx.masks.RandomMask`][] for scattered patches;
    [`ngcx.masks.TubeMask`][] for videos.

    !!! example

        ```python
        >>> import jax
        >>> from ngcx.masks import MultiBlockMask
        >>> mask = MultiBlockMask((14, 14))
        >>> masks = jax.vmap(mask)(jax.random.split(jax.random.key(0), 32))
        >>> print(masks.blocks.grid.shape)
        (32, 4, 14, 14)
        >>> print(bool((masks.context.grid != masks.targets.grid).all()))
        True

        ```
    """

    grid_shape: tuple[int, int] = eqx.field(static=True)
    scale: tuple[float | int, float | int] = eqx.field(static=True, default=(0.15, 0.2))
    aspect_ratio: tuple[float | int, float | int] = eqx.field(
        static=True, default=(0.75, 1.5)
    )
    num_blocks: Count = eqx.field(static=True, default=4)
    max_keep: Count | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if min(self.grid_shape) < 1:
            raise ValueError(f"`grid_shape` must be positive; got {self.grid_shape}.")
        for name, (low, high), end in (
            ("scale", self.scale, 1),
            ("aspect_ratio", self.aspect_ratio, float("inf")),
        ):
            if not (0 < low <= high <= end and high < float("inf")):
                raise ValueError(
                    f"`{name}` must be a positive range, low before high"
                    f"{', up to 1' if end == 1 else ''}; got {(low, high)}."
                )
        chance = worst_chance_of_a_context(
            self.grid_shape, self._sizes, self.num_blocks
        )
        if chance < _LEAST_CHANCE:
            raise ValueError(
                "`scale` and `num_blocks` must leave patches for a context; got blocks "
                f"of {self.scale} of the grid, {self.num_blocks} of them, which may "
                f"cover all of {self.grid_shape}."
            )

    @compiled
    def __call__(self, key: PRNGKeyArray) -> Masks:
        """The masks of one image.

        **Arguments:**

        - `key`: a key of `jax.random`; the same key gives the same masks.

        **Returns:** the patches of context and targets.
        """
        size_key, place_key, keep_key = jr.split(key, 3)
        height, width = self._size(size_key)
        blocks = self._blocks(place_key, height, width)
        targets = jnp.any(blocks, 0)
        context = ~targets
        largest_context, largest_targets, largest_block = self._capacities
        if self.max_keep is not None and self.max_keep < largest_context:
            context = _subset(keep_key, context, self.max_keep)
            largest_context = self.max_keep
        return Masks(
            _patch_set(context, largest_context),
            _patch_set(targets, largest_targets),
            jax.vmap(lambda block: _patch_set(block, largest_block))(blocks),
        )

    @property
    def _sizes(self):
        return block_sizes(self.grid_shape, self.scale, self.aspect_ratio)

    @property
    def _capacities(self) -> tuple[int, int, int]:
        """The most patches in a context, in the targets, and in a block."""
        height, width = self.grid_shape
        areas = self._sizes.heights * self._sizes.widths
        smallest, largest = int(areas.min()), int(areas.max())
        largest_targets = min(height * width - 1, self.num_blocks * largest)
        return height * width - smallest, largest_targets, largest

    def _size(self, key):
        # 32 random bits are compared, so that the law is exact to 2^-32.
        ends = np.floor(self._sizes.cumulative[:-1] * 2.0**32).astype(np.uint32)
        drawn = jnp.sum(jr.bits(key, dtype=jnp.uint32) >= ends, dtype=jnp.int32)
        return (
            jnp.asarray(self._sizes.heights)[drawn],
            jnp.asarray(self._sizes.widths)[drawn],
        )

    def _blocks(self, key, height, width):
        def draw(key):
            start_key, next_key = jr.split(key)
            free = jnp.stack([self.grid_shape[0] - height, self.grid_shape[1] - width])
            tops, lefts = jr.randint(
                start_key, (2, self.num_blocks), 0, free[:, None] + 1, jnp.int32
            )
            rows = _within(self.grid_shape[0], tops, height)
            columns = _within(self.grid_shape[1], lefts, width)
            return rows[:, :, None] & columns[:, None, :], next_key

        drawn = draw(key)
        needed = blocks_to_cover(self.grid_shape, self._sizes).min()
        if self.num_blocks >= needed:
            drawn = jax.lax.while_loop(
                lambda drawn: jnp.all(jnp.any(drawn[0], 0)),
                lambda drawn: draw(drawn[1]),
                drawn,
            )
        return drawn[0]


class RandomMask(Module):
    r"""Draws patches to predict that are scattered over the image, as for the masked
    autoencoder (He et al., 2022).

    It predicts $\mathrm{round}(\rho H W)$ of $H \times W$ patches, but at least one and
    not all. Every set of this size has the same chance. The context is what remains.
    All lists have exactly the length that they need, so `valid` is true throughout.
    There is one block, the targets.

    Sizes of arrays depend only on the fields, and `jax.vmap` over keys gives a batch.

    **Arguments:**

    - `grid_shape`: height and width of the image, in patches.
    - `ratio`: $\rho$, the share of the patches to predict.

    **Raises:** `ValueError` for a ratio that is not between 0 and 1, and a grid of
    fewer than two patches.

    **See also:** [`ngcx.masks.MultiBlockMask`][] for blocks; [`ngcx.masks.TubeMask`][]
    for videos.

    !!! example

        ```python
        >>> import jax
        >>> from ngcx.masks import RandomMask
        >>> masks = RandomMask((14, 14), ratio=0.75)(jax.random.key(0))
        >>> print(masks.context.indices.shape, masks.targets.indices.shape)
        (49,) (147,)

        ```
    """

    grid_shape: tuple[int, int] = eqx.field(static=True)
    ratio: Annotated[float, Must("between 0 and 1", lambda x: 0 < x < 1)] = eqx.field(
        static=True, default=0.75
    )

    def __check_init__(self):
        if min(self.grid_shape) < 1 or max(self.grid_shape) < 2:
            problem = f"must have two patches or more; got {self.grid_shape}."
            raise ValueError(f"`grid_shape` {problem}")

    @compiled
    def __call__(self, key: PRNGKeyArray) -> Masks:
        """The masks of one image.

        **Arguments:**

        - `key`: a key of `jax.random`; the same key gives the same masks.

        **Returns:** the patches of context and targets.
        """
        grid = jnp.ones(self.grid_shape, bool)
        size = min(max(round(self.ratio * grid.size), 1), grid.size - 1)
        targets = _patch_set(_subset(key, grid, size), size)
        context = _patch_set(~targets.grid, grid.size - size)
        return Masks(context, targets, jax.tree.map(lambda x: x[None], targets))


class TubeMask(Module):
    """Uses a mask of images for videos, the same in every frame. Its patches are tubes
    through time, so none can be copied from another frame (Tong et al., 2022).

    `TubeMask(RandomMask((14, 14), 0.9), 8)` is the mask of VideoMAE, and
    `TubeMask(MultiBlockMask((14, 14)), 8)` has the blocks of the V-JEPA (Bardes et al.,
    2024).

    **Arguments:**

    - `mask`: the mask of each frame.
    - `frames`: how many frames there are; if a patch covers several frames, how many
        patches follow each other in time.

    !!! example

        ```python
        >>> import jax
        >>> from ngcx.masks import RandomMask, TubeMask
        >>> masks = TubeMask(RandomMask((14, 14), 0.9), frames=8)(jax.random.key(0))
        >>> print(masks.context.grid.shape, masks.context.indices.shape)
        (8, 14, 14) (160,)

        ```
    """

    mask: RandomMask | MultiBlockMask
    frames: Count = eqx.field(static=True)

    @compiled
    def __call__(self, key: PRNGKeyArray) -> Masks:
        """The masks of one video.

        **Arguments:**

        - `key`: a key of `jax.random`; the same key gives the same masks.

        **Returns:** the patches of context and targets, of shape (frames, height,
        width), with one list of indices for all frames.
        """

        def tube(patches):
            grid = jnp.broadcast_to(patches.grid, (self.frames, *patches.grid.shape))
            return _patch_set(grid, self.frames * patches.indices.size)

        one = self.mask(key)
        return Masks(tube(one.context), tube(one.targets), jax.vmap(tube)(one.blocks))


# If a context were less likely than this, drawing until there is one would take too
# long.
_LEAST_CHANCE = 0.01


def _within(length: int, starts, size):
    """Which of the places along an axis each block covers."""
    places = jnp.arange(length, dtype=jnp.int32)[None]
    return (places >= starts[:, None]) & (places < starts[:, None] + size)


def _subset(key, grid, size: int):
    """At most `size` patches of a set, each with equal chances."""
    order = jr.permutation(key, grid.size)
    candidates = grid.reshape(-1)[order]
    kept = candidates & (jnp.cumsum(candidates, dtype=jnp.int32) <= size)
    return jnp.zeros(grid.size, bool).at[order].set(kept).reshape(grid.shape)


def _patch_set(grid, size: int):
    members = grid.reshape(-1)
    patches = jnp.arange(members.size, dtype=jnp.int32)
    # Members come first, then the others, both in order. Counting takes a sixth of the
    # time of sorting.
    inside = jnp.cumsum(members, dtype=jnp.int32)
    number = inside[-1]
    place = jnp.where(members, inside - 1, number + patches - inside)
    indices = jnp.zeros_like(patches).at[place].set(patches, unique_indices=True)
    return PatchSet(grid, indices[:size], patches[:size] < number)
