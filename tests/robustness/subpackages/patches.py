"""Entries of `ngcx.patches`."""

from ngcx import patches

from .._entries import Array, Entry, Flag, Key, Name, Other, Size, members


ANY = "float int bool complex"
IMAGES = Array("batch height width channels", ANY)
SHAPE = Other(
    (2, 3),
    {
        "None": None,
        "a number": 2,
        "text": "ab",
        "0": (0, 3),
        "negative": (-1, 2),
        "four": (2, 3, 1, 1),
        "floats": (2.5, 3.0),
        "too large": (9, 9),
    },
)
PADDING = Other(
    1, {"None": None, "text": "ab", "negative": -1, "three": (1, 1, 1), "a float": 0.5}
)
STRIDE = Other((2, 3), {"text": "ab", "0": 0, "three": (1, 1, 1), "a float": 0.5})
OVERLAP = Other(
    None, {"text": "ab", "negative": -1, "as large": 2, "both": 1, "a float": 0.5}
)
GRID = {"stride": STRIDE, "overlap": OVERLAP, "padding": PADDING}
ALIGNMENTS = {
    "horizontal_alignment": Name("fit"),
    "vertical_alignment": Name("bottom"),
}

ENTRIES = {
    "extract_patches": Entry(
        patches.extract_patches,
        {
            "images": IMAGES,
            "patch_shape": SHAPE,
            **GRID,
            "mode": Name("constant"),
            "center": Flag(True),
        },
        empty="anything",
    ),
    "frame": Entry(patches.frame, {"images": IMAGES, "padding": PADDING}),
    "square_images": Entry(patches.square_images, {"rows": Array("batch 9", ANY)}),
    "reconstruct": Entry(
        patches.reconstruct,
        {
            # Four of them cover an image of 4 x 6.
            "patches": Array("batch 4 2 3 channels", ANY),
            "image_shape": Other(
                (2, 4, 6, 2),
                {
                    "None": None,
                    "a number": 4,
                    "text": "abcd",
                    "two": (4, 6),
                    "0": (2, 0, 6, 2),
                    "negative": (2, -4, 6, 2),
                    "too large": (2, 5, 6, 2),
                    "another batch": (3, 4, 6, 2),
                    "floats": (2, 4.5, 6, 2),
                },
            ),
            "dimensions": Other(2, {"None": None, "0": 0, "four": 4, "text": "2"}),
            "stride": Other(None, STRIDE.wrongs),
            "overlap": Other(None, OVERLAP.wrongs),
            "padding": Other(0, PADDING.wrongs),
        },
    ),
    "sample_patches": Entry(
        patches.sample_patches,
        {
            "key": Key(),
            "images": IMAGES,
            "patch_shape": SHAPE,
            "n": Size(2, low=0),
            "replace": Flag(),
            "center": Flag(True),
            "per_image": Flag(True),
            "return_means": Flag(True),
        },
        empty="anything",
    ),
    "PatchGenerator": Entry(
        patches.PatchGenerator,
        {
            "patch_height": Size(2),
            "patch_width": Size(3),
            **ALIGNMENTS,
            "horizontal_stride": Size(2, optional=True),
            "vertical_stride": Size(2, optional=True),
        },
    ),
}
ENTRIES |= members(
    "PatchGenerator",
    patches.PatchGenerator(2, 3, "fit", "bottom"),
    __call__={"images": IMAGES},
    positions={"height": Size(5, low=2), "width": Size(6, low=3)},
)
