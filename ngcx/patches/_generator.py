from collections.abc import Callable
from typing import Literal

import equinox as eqx
import numpy as np
from jaxtyping import Int

from .._compiled import compiled
from .._module import Module
from .._typing import Count
from ._windows import Images, Patches, batch_axes, check_axes, check_fits, windows


class PatchGenerator(Module):
    r"""Cuts images of any size into patches that are aligned with an edge, with the
    middle, or with both edges.

    Along each axis of length $L$, with patches of length $l$ and stride $s$, patches
    begin at

    | alignment | positions |
    | --- | --- |
    | `"left"`, `"top"` | $0, s, 2s, \dots$, at most $L - l$ |
    | `"right"`, `"bottom"` | $L - l, L - l - s, \dots$, at least $0$ |
    | `"center"` | $m, m + s, \dots$, at most $L - l$, and $m - l, m - l - s, \dots$, at least $0$, where $m = \lfloor L / 2 \rfloor$: patches grow from the middle towards both edges, and none crosses it |
    | `"fit"` | $e, e + s, \dots$, at most $L - l$, where $e$ is half of what would remain at the right, rounded down |

    Every row of patches is combined with every column, and patches come in the order
    of reading, whatever the alignment.

    **Arguments:**

    - `patch_height`, `patch_width`: the size of a patch.
    - `horizontal_alignment`: an alignment of the table, for the columns of patches.
    - `vertical_alignment`: an alignment of the table, for the rows of patches.
    - `horizontal_stride`: the distance from one column of patches to the next; by
        default `patch_width`.
    - `vertical_stride`: the distance from one row of patches to the next; by default
        `patch_height`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.patches import PatchGenerator
        >>> generator = PatchGenerator(2, 2, "fit", "bottom", horizontal_stride=3)
        >>> print(generator.positions(height=5, width=6))
        [[1 0]
         [1 3]
         [3 0]
         [3 3]]
        >>> generator(jnp.zeros((5, 6))).shape
        (4, 2, 2)

        ```
    """  # noqa: E501

    patch_height: Count = eqx.field(static=True)
    patch_width: Count = eqx.field(static=True)
    horizontal_alignment: Literal["left", "right", "center", "fit"] = eqx.field(
        static=True, default="left"
    )
    vertical_alignment: Literal["top", "bottom", "center", "fit"] = eqx.field(
        static=True, default="top"
    )
    horizontal_stride: Count | None = eqx.field(static=True, default=None)
    vertical_stride: Count | None = eqx.field(static=True, default=None)

    @compiled
    def __call__(self, images: Images) -> Patches:
        """The patches of images.

        **Arguments:**

        - `images`: (height, width), (batch, height, width) or (batch, height, width,
            channels), of any dtype.

        **Returns:** patches of shape (patches, patch_height, patch_width), after
        `batch` and before `channels` where the images have them, in the same dtype.

        **Raises:** `ValueError` for an image in which no patch fits.
        """
        check_axes(images.shape, 2)
        starts = self._starts(images.shape)
        return windows(images, starts, (self.patch_height, self.patch_width))

    # This is not compiled, so that the corners are known while tracing.
    @compiled(jit=False)
    def positions(self, height: int, width: int) -> Int[np.ndarray, "patches 2"]:
        """The row and the column of the upper left corner of each patch.

        **Arguments:**

        - `height`, `width`: the size of the image.

        **Returns:** a numpy array, even while tracing.

        **Raises:** `ValueError` for an image in which no patch fits.
        """
        rows, columns = self._starts((height, width))
        return np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)

    def _starts(self, shape: tuple[int, ...]):
        axis = batch_axes(len(shape), 2)
        height, width = shape[axis : axis + 2]
        check_fits(
            (self.patch_height, self.patch_width),
            (height, width),
            shape,
            "`patch_height` and `patch_width` must fit into the image",
        )
        vertical = self.patch_height, self.vertical_alignment, self.vertical_stride
        horizontal = self.patch_width, self.horizontal_alignment, self.horizontal_stride
        return [
            _starts("vertical", height, *vertical),
            _starts("horizontal", width, *horizontal),
        ]


def _starts(axis: str, length: int, patch: int, alignment: str, stride: int | None):
    last, step = length - patch, stride or patch
    starts = _ALIGNMENTS[alignment](length, patch, last, step)
    if not starts:
        raise ValueError(
            f'`{axis}_alignment` of "{alignment}" has no patch: none of length {patch} '
            f'fits beside the middle of a length of {length}; "fit" has one that does.'
        )
    return np.asarray(starts, np.int32)


# Each function takes the length of the image, that of the patch, their difference, and
# the stride.
_ALIGNMENTS: dict[str, Callable[[int, int, int, int], list[int]]] = {
    "left": lambda length, patch, last, step: [*range(0, last + 1, step)],
    "right": lambda length, patch, last, step: [*range(last % step, last + 1, step)],
    "center": lambda length, patch, last, step: [
        *reversed(range(length // 2 - patch, -1, -step)),
        *range(length // 2, last + 1, step),
    ],
    "fit": lambda length, patch, last, step: [*range(last % step // 2, last + 1, step)],
}
_ALIGNMENTS |= {"top": _ALIGNMENTS["left"], "bottom": _ALIGNMENTS["right"]}
