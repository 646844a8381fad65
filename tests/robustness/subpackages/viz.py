"""Entries of `ngcx.viz`."""

import functools as ft
from unittest import mock

import jax.numpy as jnp
import numpy as np
import sklearn.manifold

from ngcx import activations, surrogate, viz

from .._entries import Array, Entry, Flag, Key, Name, Number, Other, Size


NAMES = Other(tuple("abc"), {"a number": 3, "too few": ("a",), "numbers": (1, 2, 3)})
AX = Other(None, {"text": "text", "a number": 3})
INDICES = Other(
    (0, 2),
    {
        "text": "text",
        "a number": 1,
        "floats": (0.5,),
        "out of range": (7,),
        "negative": (-1,),
        "floats of JAX": jnp.ones(2),
        "a matrix": jnp.zeros((1, 1), int),
    },
)
DT = Number(0.5, low=0, open=True, array=False)
THRESHOLD = Number(1.0, optional=True)
HISTORY = Array("time neurons", "float int bool")
NEURONS = {"names": NAMES, "indices": INDICES, "ax": AX}
LOOK = {"columns": Size(2, optional=True), "normalize": Flag(), "order": Name("F")}
PATCH = Other(
    (2, 3),
    {
        "None": None,
        "a number": 6,
        "text": "ab",
        "other pixels": (2, 2),
        "negative": (-2, -3),
        "floats": (2.5, 3.0),
    },
)
MISTAKES = {"None": None, "text": "text", "none": {}, "numbers": {"a": 3}}


def gallery(function, argument, members):
    return Entry(
        function,
        {
            argument: Other(members, MISTAKES),
            "x": Array("points", optional=True),
            "ax": AX,
        },
        on_host=True,
        also=("names",),
    )


@ft.wraps(viz.animate_receptive_fields)
def animate(*args, **kwargs):
    animation = viz.animate_receptive_fields(*args, **kwargs)
    # Otherwise matplotlib would warn that it was not shown.
    animation._draw_was_started = True  # pyright: ignore[reportAttributeAccessIssue]
    return animation


@ft.wraps(viz.tsne)
def tsne(*args, **kwargs):
    short = ft.partial(sklearn.manifold.TSNE, max_iter=250)
    with mock.patch("sklearn.manifold.TSNE", short):
        return viz.tsne(*args, **kwargs)


ENTRIES = {
    "activation_gallery": gallery(
        viz.activation_gallery, "activations", {"tanh": activations.Tanh()}
    ),
    "surrogate_gallery": gallery(
        viz.surrogate_gallery, "surrogates", {"arctan": surrogate.Arctan()}
    ),
    "confusion": Entry(
        viz.confusion,
        {
            "matrix": Array("classes classes", "int float"),
            "normalize": Name("row", optional=True),
            "names": NAMES,
            "ax": AX,
        },
        on_host=True,
        also=("names",),
    ),
    "latents": Entry(
        viz.latents,
        {
            "points": Array("samples 2"),
            "labels": Array("samples", "int float bool", optional=True),
            "names": NAMES,
            "ax": AX,
        },
        on_host=True,
        also=("names",),
    ),
    "pca": Entry(
        viz.pca,
        {"x": Array("samples features"), "dimensions": Size(2)},
        differentiable=False,
    ),
    "tsne": Entry(
        tsne,
        {
            "key": Key(),
            "x": Array("samples features"),
            "dimensions": Size(2),
            "perplexity": Number(30.0, low=0, open=True, array=False),
            "pca_dimensions": Size(2),
        },
        on_host=True,
        also=("names",),
    ),
    "raster": Entry(
        viz.raster,
        {
            "spikes": HISTORY,
            "dt": DT,
            "colors": Other("red", {"None": None, "unknown": "x", "two": ("r", "b")}),
            **NEURONS,
        },
        on_host=True,
        also=("names",),
    ),
    "spike_comparison": Entry(
        viz.spike_comparison,
        {"spikes": HISTORY, "targets": HISTORY, "dt": DT, **NEURONS},
        on_host=True,
        also=("names",),
    ),
    "traces": Entry(
        viz.traces,
        {
            "values": HISTORY,
            "dt": DT,
            "label": Other("mV", {"None": None, "a number": 3}),
            "threshold": THRESHOLD,
            **NEURONS,
        },
        on_host=True,
        also=("names",),
    ),
    "membrane": Entry(
        viz.membrane,
        {
            "potential": HISTORY,
            **{
                name: Array("time neurons", "float int bool", optional=True)
                for name in ("current", "spikes", "refractory")
            },
            "threshold": THRESHOLD,
            "dt": DT,
            **NEURONS,
        },
        on_host=True,
        also=("names",),
    ),
    "compartments": Entry(
        viz.compartments,
        {
            "histories": Other(
                {"a": jnp.ones((4, 3)), "b": np.ones((4, 3))},
                MISTAKES | {"other lengths": {"a": np.ones(4), "b": np.ones(5)}},
            ),
            "dt": DT,
            "indices": INDICES,
            "ax": AX,
        },
        on_host=True,
        also=("names",),
    ),
    "receptive_fields": Entry(
        viz.receptive_fields,
        {
            "weights": Array("neurons 6", "float int"),
            "patch_shape": PATCH,
            **LOOK,
            "ax": AX,
        },
        on_host=True,
        also=("names",),
    ),
    "macro_grid": Entry(
        viz.macro_grid,
        {
            "banks": Array("batch neurons 6", "float int"),
            "patch_shape": PATCH,
            "names": Other(("a", "b"), NAMES.wrongs),
            **LOOK,
            "ax": AX,
        },
        on_host=True,
        also=("names", "weights"),
    ),
    "animate_receptive_fields": Entry(
        animate,
        {
            "history": Array("time neurons 6", "float int"),
            "patch_shape": PATCH,
            "interval": Number(200, low=0, open=True, array=False),
            **LOOK,
            "ax": AX,
        },
        on_host=True,
        also=("weights",),
    ),
}
