"""Entries of `ngcx.ops`."""

import jax.numpy as jnp

from ngcx import activations, ops

from .._entries import Array, Axis, Entry, Fixed, Flag, Key, Number, Other, Size


MATRIX = Array("*batch rows columns")
X = Array("*shape")
BROADCAST = Number(0.5, scalar=False)
ORDER = Number(2, low=1, array=False)
BLOCK = Other((2, 3), {"None": None, "a number": 2, "0": (0, 3), "text": "ab"})
SIDE = Other(0, {"None": None, "2": 2, "text": "rows"})

ENTRIES = {
    "TensorStats": Entry(
        ops.TensorStats, {f: Fixed(jnp.zeros(())) for f in ops.TensorStats._fields}
    ),
    "Equations": Entry(lambda: ops.Equations(a="x"), {}),
    "equations": Entry(ops.equations, {"model": Fixed(activations.Tanh())}),
    "binarize": Entry(
        ops.binarize, {"x": X, "threshold": BROADCAST}, like="x", differentiable=False
    ),
    "block_matrix": Entry(
        ops.block_matrix,
        {
            "connectivity": Array("*batch rows columns", "float int bool"),
            "block_shape": BLOCK,
            "inhibition": Number(-1.0),
            "excitation": Number(1.0),
        },
    ),
    "chebyshev_norm": Entry(
        ops.chebyshev_norm, {"x": X, "axis": Axis(), "keepdims": Flag()}
    ),
    "clamp_max": Entry(
        ops.clamp_max, {"x": Array("*shape", "float int"), "maximum": BROADCAST}, "x"
    ),
    "clamp_min": Entry(
        ops.clamp_min, {"x": Array("*shape", "float int"), "minimum": BROADCAST}, "x"
    ),
    "decompose_to_mps": Entry(
        ops.decompose_to_mps, {"weights": MATRIX, "bond_dimension": Size(2)}
    ),
    "dropout": Entry(
        ops.dropout, {"key": Key(), "x": X, "rate": Number(0.5, low=0, high=1)}, "x"
    ),
    "eye_wrapped": Entry(
        ops.eye_wrapped,
        {"size": Size(3), "shift": Size(1, low=None), "values": BROADCAST},
    ),
    "group_mean": Entry(
        ops.group_mean,
        {
            "x": Array("*batch features"),
            "masks": Array("groups features", "bool float int"),
        },
        like="x",
    ),
    "inverse_logistic": Entry(
        ops.inverse_logistic, {"x": X, "clip_bound": Number(0.1, low=0, high=0.5)}, "x"
    ),
    "inverse_tanh": Entry(
        ops.inverse_tanh, {"x": X, "clip_bound": Number(0.1, low=0, high=1)}, "x"
    ),
    "layer_normalize": Entry(
        ops.layer_normalize,
        {
            "x": X,
            "shift": BROADCAST,
            "scale": BROADCAST,
            "axis": Axis(),
            "where": Array("*shape", "bool", optional=True),
        },
        like="x",
    ),
    "normalize_block_matrix": Entry(
        ops.normalize_block_matrix,
        {
            "matrix": MATRIX,
            "block_shape": BLOCK,
            "order": ORDER,
            "axis": SIDE,
            "norm": Number(1.0, low=0),
        },
        like="matrix",
    ),
    "normalize_matrix": Entry(
        ops.normalize_matrix,
        {"x": MATRIX, "norm": Number(1.0, low=0), "order": ORDER, "axis": SIDE},
        like="x",
    ),
    "one_hot_argmax": Entry(
        ops.one_hot_argmax, {"x": X, "axis": Axis()}, like="x", differentiable=False
    ),
    "sample_values_by_group": Entry(
        ops.sample_values_by_group,
        {"key": Key(), "values": Array("*batch columns"), "groups": Size(2)},
        like="values",
        differentiable=False,
    ),
    "tensor_stats": Entry(
        ops.tensor_stats,
        {
            "tree": Other(
                jnp.ones((2, 3)), {"None": None, "text": "text", "nothing": []}
            )
        },
    ),
}
