"""Layers without a state, and the nodes of NIR that mean the same."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import nir
import numpy as np

from ..neurons import AbstractCell, Delay, Frozen
from ._scale import Scale


def as_numbers(value: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """An array of numpy, in which folding a gain into weights of float32 and out of
    them again loses nothing.
    """
    value = value.value if isinstance(value, Frozen) else value
    array = np.array(value, np.float64)
    if shape is None:
        return array
    try:
        return np.broadcast_to(array, shape).copy()
    except ValueError:
        raise ValueError(
            f"Its parameters must be one for all of {shape}, or one for each; got the "
            f"shape {array.shape}."
        ) from None


def learnt_names(*modules: Any) -> dict[str, str]:
    """The metadata that tell parameters which are learnt from numbers, where they are
    the same for all neurons.
    """
    names = [
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(getattr(value, "tau", value), jax.Array)
    ]
    return {"learnt": " ".join(names)} if names else {}


def parameter(node: nir.NIRNode, name: str, numbers: Any, dtype) -> float | jax.Array:
    """A number if it is the same for all neurons and was not learnt."""
    numbers = np.asarray(numbers, np.float64)
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"Its parameters must be finite; got {numbers}.")
    learnt = name in str(node.metadata.get("learnt", "")).split()
    if np.ptp(numbers) == 0 and not learnt:
        return float(numbers.flat[0])
    return jnp.asarray(numbers, dtype)


def layer_node(layer: Any, shape: tuple[int, ...], dt: float) -> nir.NIRNode | None:
    """The node of a layer for inputs of that shape; None if it has none."""
    if isinstance(layer, eqx.nn.Linear):
        return _linear_node(layer)
    if isinstance(layer, eqx.nn.Conv) and layer.num_spatial_dims in (1, 2):
        return _conv_node(layer, shape)
    if isinstance(layer, eqx.nn.Pool):
        return _pool_node(layer)
    if isinstance(layer, Scale):
        node = nir.Scale(as_numbers(layer.factor, shape))
        node.metadata = learnt_names(layer)
        return node
    if isinstance(layer, Delay):
        longest = layer.delay if layer.max_delay is None else layer.max_delay
        steps = np.clip(as_numbers(layer.delay, shape), 0, longest)
        return nir.Delay(steps * dt)
    if layer is jnp.ravel or getattr(layer, "fn", None) is jnp.ravel:
        return nir.Flatten({"input": np.array(shape)}, start_dim=0, end_dim=-1)
    return None


def _linear_node(layer: eqx.nn.Linear) -> nir.NIRNode:
    if "scalar" in (layer.in_features, layer.out_features):
        raise ValueError("NIR has vectors only; take 1 in place of 'scalar'.")
    weight = as_numbers(layer.weight)
    if layer.bias is None:
        return nir.Linear(weight)
    return nir.Affine(weight, as_numbers(layer.bias))


def _conv_node(layer: eqx.nn.Conv, shape: tuple[int, ...]) -> nir.NIRNode:
    padding = layer.padding
    _check_same(padding, layer.stride)
    if layer.padding_mode != "ZEROS" or padding == "SAME_LOWER":
        raise ValueError(
            "NIR pads with zeros alone, and the same on both sides; pad the input."
        )
    if not isinstance(padding, str):
        padding = _symmetric(padding)
    one = layer.num_spatial_dims == 1
    bias = None if layer.bias is None else as_numbers(layer.bias).ravel()

    def each(values) -> Any:
        return values[0] if one and not isinstance(values, str) else values

    node = (nir.Conv1d if one else nir.Conv2d)(
        input_shape=each(shape[1:]),
        weight=as_numbers(layer.weight),
        stride=each(layer.stride),
        padding=padding.lower() if isinstance(padding, str) else each(padding),
        dilation=each(layer.dilation),
        groups=layer.groups,
        bias=np.zeros(layer.out_channels) if bias is None else bias,
    )
    node.metadata = {} if layer.use_bias else {"use_bias": False}
    return node


def _check_same(padding, stride):
    if str(padding).upper() == "SAME" and any(each != 1 for each in stride):
        raise ValueError(
            f"Padding that keeps the size needs a stride of 1; got {stride}."
        )


def _pool_node(layer: eqx.nn.Pool) -> nir.NIRNode | None:
    if layer.operation is not jax.lax.add or layer.num_spatial_dims != 2:
        return None
    if layer.use_ceil:
        raise ValueError("NIR leaves out windows that are not whole; pad the input.")
    kind = nir.AvgPool2d if isinstance(layer, eqx.nn.AvgPool2d) else nir.SumPool2d
    padding = _symmetric(layer.padding)
    return kind(*map(np.array, (layer.kernel_size, layer.stride, padding)))


def _symmetric(padding) -> tuple[int, ...]:
    if any(low != high for low, high in padding):
        raise ValueError(
            f"NIR pads the same on both sides; got {padding}. Pad the input."
        )
    return tuple(low for low, _ in padding)


def shape_after(layer: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the output of a layer, which is not computed."""
    if isinstance(layer, AbstractCell):
        return shape
    dtypes = {x.dtype for x in jax.tree.leaves(layer) if eqx.is_inexact_array(x)}
    dtype = jnp.result_type(*dtypes or {jnp.float32})
    return jax.eval_shape(layer, jax.ShapeDtypeStruct(shape, dtype)).shape


def node_layer(node: nir.NIRNode, shape: tuple[int, ...], dt: float, dtype) -> Any:
    """The layer of a node for inputs of that shape; None if it changes nothing."""

    def array(value):
        return jnp.asarray(np.asarray(value), dtype)

    match node:
        case nir.Linear() | nir.Affine():
            return _linear(node, array)
        case nir.Conv1d() | nir.Conv2d():
            return _conv(node, array)
        case nir.AvgPool2d() | nir.SumPool2d():
            kernel, stride = _whole(node.kernel_size, 2), _whole(node.stride, 2)
            padding = _whole(node.padding, 2)
            if isinstance(node, nir.AvgPool2d):
                return eqx.nn.AvgPool2d(kernel, stride, padding)
            return eqx.nn.Pool(0, jax.lax.add, 2, kernel, stride, padding)
        case nir.Scale():
            # What was put in for a gain is one again when that is taken out.
            if np.allclose(np.asarray(node.scale), 1, rtol=1e-12, atol=0):
                return None
            return Scale(parameter(node, "factor", node.scale, dtype))
        case nir.Delay():
            return _delay(np.asarray(node.delay), dt)
        case nir.Flatten():
            first, last = _axis(node.start_dim, shape), _axis(node.end_dim, shape)
            if (first, last) != (0, len(shape) - 1) and len(shape) > 1:
                raise ValueError(
                    "It must flatten all axes of a sample, without that of the batch: "
                    f"`start_dim=0, end_dim=-1`; got {node.start_dim} and "
                    f"{node.end_dim} for the shape {shape}."
                )
            return jnp.ravel
    raise ValueError(f"ngcx has no layer like `{type(node).__name__}`.")


def _axis(axis, shape) -> int:
    return int(axis) + len(shape) if axis < 0 else int(axis)


def _whole(values, number: int) -> tuple[int, ...]:
    """Whole numbers, one for each axis."""
    values = np.ravel(np.asarray(values))
    if len(values) not in (1, number) or np.any(values != np.round(values)):
        raise ValueError(f"It must have {number} whole numbers; got {values}.")
    return tuple(int(each) for each in np.broadcast_to(values, number))


def _linear(node, array) -> eqx.nn.Linear:
    weight = array(node.weight)
    if weight.ndim != 2:
        raise ValueError(f"Its weight must have two axes; got {weight.shape}.")
    has_bias = isinstance(node, nir.Affine)
    outputs, inputs = weight.shape
    layer = eqx.filter_eval_shape(
        eqx.nn.Linear, inputs, outputs, use_bias=has_bias, key=jr.key(0)
    )
    return _filled(layer, weight, array(node.bias) if has_bias else None)


def _conv(node, array) -> eqx.nn.Conv:
    weight = array(node.weight)
    number = 1 if isinstance(node, nir.Conv1d) else 2
    groups, padding = int(node.groups), node.padding
    if weight.ndim != number + 2:
        raise ValueError(f"Its weight must have {number + 2} axes; got {weight.shape}.")
    stride = _whole(node.stride, number)
    _check_same(padding, stride)
    use_bias = bool(node.metadata.get("use_bias", True)) and node.bias is not None
    layer = eqx.filter_eval_shape(
        eqx.nn.Conv1d if number == 1 else eqx.nn.Conv2d,
        weight.shape[1] * groups,
        weight.shape[0],
        weight.shape[2:],
        stride=stride,
        padding=padding.upper()
        if isinstance(padding, str)
        else _whole(padding, number),
        dilation=_whole(node.dilation, number),
        groups=groups,
        use_bias=use_bias,
        key=jr.key(0),
    )
    bias = array(node.bias).reshape(-1, *[1] * number) if use_bias else None
    return _filled(layer, weight, bias)


def _filled(layer, weight, bias):
    """Puts arrays into a layer whose shapes alone were made."""
    if bias is not None and bias.shape != layer.bias.shape:
        raise ValueError(
            f"Its bias must have {layer.bias.size} numbers; got {bias.size}."
        )
    return eqx.tree_at(
        lambda layer: (layer.weight, layer.bias),
        layer,
        (weight, bias),
        is_leaf=lambda leaf: leaf is None,
    )


def _delay(seconds: np.ndarray, dt: float) -> Delay:
    steps = np.round(seconds / dt)
    if np.any(np.abs(seconds / dt - steps) > 1e-6) or np.any(steps < 0):
        raise ValueError(
            f"Its delays must be whole steps of `dt`, {dt} s; got {np.unique(seconds)}."
        )
    if np.ptp(steps) == 0:
        return Delay(int(steps.flat[0]))
    return Delay(jnp.asarray(steps, jnp.int32), max_delay=int(steps.max()))
