from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jaxtyping import Array, Float, Integer, Key, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._typing import Natural
from ..neurons import (
    AbstractCell,
    Each,
    Frozen,
    Parallel,
    Recurrent,
    Residual,
    Shared,
    Stack,
)


@compiled(static=("stack", "batched", "steps"))
def synaptic_operations(
    stack: AbstractCell,
    inputs: Float[Array, "..."],
    state: Any = None,
    *,
    key: PRNGKeyArray | Key[Array, " batch"] | None = None,
    batched: bool = False,
    lengths: Integer[Array, "..."] | None = None,
    steps: Natural | None = None,
) -> dict[str, Float[Array, "..."]]:
    r"""Counts how many synapses pass a spike on, in each layer of weights:

    $$\sum_t \sum_i [x_{t, i} \ne 0] \cdot \text{fan-out}_i$$

    where $x_t$ is the input of the layer in step $t$, and the fan-out of an input is
    the number of nonzero weights that connect it to an output. In a convolution, all
    places of the kernel count that stride and padding allow.

    This is the work of an event-driven chip. Where inputs are spikes, the operations
    are additions; where they are not, as in the first layer of a network that is given
    currents, they are multiplications. Biases and the neurons themselves are not
    counted.

    **Arguments:**

    - `stack`: a network. If it normalises or drops out, it must be in inference mode.
    - `inputs`: time first, then the batch if `batched`.
    - `state`: the state that samples share, as `stack.rest(state)` gives it.
    - `key`, `batched`, `lengths`, `steps`: as for [`ngcx.neurons.AbstractCell.run`][].

    **Returns:** a dictionary with the operations of each sample over all of its steps,
    for each layer of weights, by the path that `watch` uses for it. The counts are
    floats, which in float32 are exact below $2^{24}$.

    **Raises:** `ValueError` for a layer with weights that is neither an
    `equinox.nn.Linear` nor a convolution.

    ??? cite "Reference"
        Yik et al., *The NeuroBench framework for benchmarking neuromorphic computing
        algorithms and systems*, Nature Communications 2025: effective accumulates.

    ```python
    >>> import equinox as eqx, jax, jax.numpy as jnp
    >>> from ngcx.metrics import synaptic_operations
    >>> from ngcx.neurons import LIF, Recurrent, Stack
    >>> first = eqx.nn.Linear(3, 5, key=jax.random.key(0))
    >>> stack = Stack(first, Recurrent(LIF(threshold=-9.0), jnp.ones((5, 5))))
    >>> print(synaptic_operations(stack, jnp.eye(3)))
    {'0': Array(15., dtype=float32), '1.1': Array(50., dtype=float32)}

    ```
    """
    cell = counting(stack, "")
    sample_axes = int(batched)
    lead = sample_axes + (steps is None)  # time, the batch
    after, *_ = cell.run(
        inputs,
        _at_rest(cell.init(inputs.shape[lead:], inputs.dtype), state),
        key=key,
        batched=batched,
        lengths=lengths,
        steps=steps,
    )
    is_counted = lambda node: isinstance(node, _Counted)  # noqa: E731
    counted = filter(is_counted, jax.tree.leaves(after, is_leaf=is_counted))
    return {
        each.path: jnp.sum(each.count, tuple(range(sample_axes, each.count.ndim)))
        for each in counted
    }


def _at_rest(fresh, state):
    """What is shared in the state of the network, in that of the one that counts."""

    def is_shared(node):
        return isinstance(node, Shared)

    given = dict(jtu.tree_leaves_with_path(state, is_leaf=is_shared))
    return jtu.tree_map_with_path(
        lambda path, node: given.get(path) if is_shared(node) else None,
        fresh,
        is_leaf=is_shared,
    )


class _Counted(Module):
    """The operations of a layer so far, and the path to it."""

    count: Array
    path: str = eqx.field(static=True)


class _Counting(AbstractCell[_Counted]):
    """A layer of weights, which counts its operations."""

    _layer: Any
    path: str = eqx.field(static=True)

    def init(self, shape, dtype=jnp.float32) -> _Counted:
        return _Counted(jnp.zeros(()), self.path)

    def __call__(self, state: _Counted, x, *, key: PRNGKeyArray | None = None):
        # Where weights and spikes are ones, each output is how many reach it.
        there = (self._layer.weight != 0).astype(float)
        no_bias = jax.tree.map(lambda x: jnp.zeros_like(x, float), self._layer)
        ones = eqx.tree_at(lambda layer: layer.weight, no_bias, there)
        arrived = jnp.sum(ones((x != 0).astype(float)))
        return _Counted(state.count + arrived, self.path), self._layer(x)


WEIGHTS = eqx.nn.Linear | eqx.nn.Conv | eqx.nn.ConvTranspose


def counting(layer, path: str) -> Any:
    """The same layer, whose parts count their operations."""
    inner = f"{path}." if path else ""
    if isinstance(layer, Frozen):
        return counting(layer.value, path)
    if isinstance(layer, WEIGHTS):
        return _Counting(layer, path)
    if isinstance(layer, Stack):
        return Stack(*_each(layer.layers, inner))
    if isinstance(layer, Parallel):
        return Parallel(*_each(layer.cells, inner), combine=layer.combine)
    if isinstance(layer, Residual):
        cell, shortcut = _each((layer.cell, layer.shortcut), inner)
        return Residual(cell, layer.combine, shortcut)
    if isinstance(layer, Recurrent):
        cell, feedback = _each((layer.cell, _as_layer(layer.feedback)), inner)
        return Recurrent(cell, feedback, layer.combine)
    if isinstance(layer, Each):
        return Each(counting(layer.layer, f"{inner}0"))
    _check_has_no_weights(layer, path)
    return layer


def _each(layers, inner: str):
    return [counting(layer, f"{inner}{i}") for i, layer in enumerate(layers)]


def _as_layer(feedback):
    """A matrix as the layer whose product it is."""
    if isinstance(feedback, Frozen):
        feedback = feedback.value
    if not eqx.is_array(feedback):
        return feedback
    linear = eqx.nn.Linear(*feedback.shape, use_bias=False, key=jr.key(0))
    return eqx.tree_at(lambda linear: linear.weight, linear, feedback.T)


def _check_has_no_weights(layer, path: str):
    nodes = jax.tree.leaves(layer, is_leaf=lambda node: isinstance(node, WEIGHTS))
    # A cell may have parameters for each neuron, whatever the shape of its layer.
    matrices = not isinstance(layer, AbstractCell)
    for node in nodes:
        if isinstance(node, WEIGHTS) or (
            matrices and eqx.is_array(node) and node.ndim > 1
        ):
            raise ValueError(
                f"Layer {path} ({type(layer).__name__}) of `stack` has weights whose "
                "fan-out is not known.\nGive the `Linear` and `Conv` layers that it is "
                "made of to a `Stack` one by one."
            )
