import math
from typing import Annotated, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from .._module import Module
from .._numerics import power_of_two
from .._typing import Count, Must
from ..activations import GELU
from ._base import Inputs, Task, in_dtype
from ._training import AbstractTrainedProbe


class AttentiveProbe(AbstractTrainedProbe):
    """Trained queries that attend to the tokens, and a perceptron.

    The queries attend to the tokens of a sample (cross-attention), then to each other
    (self-attention, around which there is a skip connection); a perceptron of three
    layers, with another skip connection, and a linear layer read the first query out.
    Samples without an axis of tokens count as one token. By default, it is trained by
    Adam, for 50 epochs in batches of 100.

    Representations may also be a pair `(x, mask)`, where `mask`, of shape `(samples,
    tokens)`, says which tokens count. The others may hold anything. Samples in which no
    token counts all have the same finite outputs.

    **Arguments:**

    - `task`: the kind of targets: `"classification"`, of class indices or rows of
        probabilities, or `"regression"`, of values.
    - `num_classes`: how many classes there are. With `None`, it is the number of
        columns of the targets, or their largest index plus 1.
    - `attention_size`: the total size of all heads of the cross-attention.
    - `query_size`: the size of a query and of all that follows. It is also the total
        size of the heads of the self-attention, and the widest layer of the perceptron
        is four times as large.
    - `layer_norm`: whether to normalise the inputs of the self-attention and of the
        perceptron.
    - `input_layer_norm`: whether to normalise queries and tokens.
    - `dropout`: the probability that a weight of an attention is dropped in training.
    - `num_heads`: how many heads each attention has.
    - `num_queries`: how many queries are trained; only the first one is read out.

    !!! example

        ```python
        >>> import jax
        >>> from ngcx.analysis import AttentiveProbe
        >>> x = jax.random.normal(jax.random.key(0), (64, 3, 8))
        >>> y = (x[:, 0, 0] > 0).astype(int)
        >>> probe = AttentiveProbe(attention_size=16, num_heads=2)
        >>> fitted, result = probe.fit(jax.random.key(1), x, y, epochs=2)
        >>> fitted(x).shape
        (64, 2)

        ```
    """

    task: Task = eqx.field(static=True, default="classification")
    num_classes: Count | None = eqx.field(static=True, default=None)
    num_heads: Count = eqx.field(static=True, default=8)
    attention_size: Count = eqx.field(static=True, default=64)
    query_size: Count = eqx.field(static=True, default=32)
    num_queries: Count = eqx.field(static=True, default=1)
    layer_norm: bool = eqx.field(static=True, default=True)
    input_layer_norm: bool = eqx.field(static=True, default=False)
    dropout: Annotated[float, Must("0 or more and below 1", lambda p: 0 <= p < 1)] = 0.5

    batch_size: ClassVar = 100
    epochs: ClassVar = 50

    def __check_init__(self):
        for name in ("attention_size", "query_size"):
            if (value := getattr(self, name)) % self.num_heads:
                raise ValueError(
                    f"`{name}` must be a multiple of `num_heads`={self.num_heads}; "
                    f"got {value}."
                )

    def _prepare(self, x: Inputs, dtype):
        x, mask = x if isinstance(x, tuple) else (x, None)
        tokens = x.reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1])
        # No projection of them overflows.
        tokens = in_dtype(tokens, dtype, power=0.5)
        if tokens.shape[1] == 0:
            raise ValueError(f"`x` must have at least one token; got shape {x.shape}.")
        if mask is None:
            return tokens, None
        mask = mask.reshape(tokens.shape[:-1])
        return jnp.where(mask[..., None], tokens, 0), mask

    def _create(self, key, sample, outputs):
        tokens, _ = sample
        return _Attentive(self, tokens.shape[-1], outputs, tokens.dtype, key)

    def _optimizer(self, whole):
        return _ADAM

    def _penalty(self, network) -> float:
        return 0.0

    def _frame(self, samples, y):
        return None

    def _placed(self, frame, samples, y):
        return samples, y

    def _restored(self, frame, network):
        return network


_ADAM = optax.adam(2e-4)


class _Norm(Module):
    """The normalisation of a layer, of samples of any finite size."""

    layer: eqx.nn.LayerNorm

    def __call__(self, x, *, key=None):
        del key  # nothing is random
        # The size changes nothing, and the variance of large numbers would overflow.
        largest = jnp.max(jnp.abs(x))
        shrink = jnp.where(largest > 2**20, power_of_two(largest) * 2**20, 1)
        return self.layer(x * shrink)


def _bounded(query, key, value):
    """Heads whose products do not overflow."""
    limit = (float(jnp.finfo(query.dtype).max) / query.shape[-1]) ** 0.5
    return jnp.clip(query, -limit, limit), jnp.clip(key, -limit, limit), value


class _Attentive(Module):
    features: int = eqx.field(static=True)
    queries: Float[Array, "queries size"]
    query_norm: _Norm | eqx.nn.Identity
    token_norm: _Norm | eqx.nn.Identity
    cross: eqx.nn.MultiheadAttention
    block_norm: _Norm | eqx.nn.Identity
    block: eqx.nn.MultiheadAttention
    perceptron: eqx.nn.Sequential
    readout: eqx.nn.Linear

    def __init__(self, probe: AttentiveProbe, features: int, outputs: int, dtype, key):
        size, heads = probe.query_size, probe.num_heads
        keys = jr.split(key, 7)

        def attention(key, inputs, width):
            return eqx.nn.MultiheadAttention(
                heads,
                size,
                key_size=inputs,
                value_size=inputs,
                qk_size=width // heads,
                vo_size=width // heads,
                use_query_bias=True,
                use_key_bias=True,
                use_value_bias=True,
                use_output_bias=True,
                dropout_p=probe.dropout,
                dtype=dtype,
                key=key,
            )

        def norm(used, width):
            layer = eqx.nn.LayerNorm(width, dtype=dtype)
            return _Norm(layer) if used else eqx.nn.Identity()

        def layer(key, inputs, outputs):
            linear = eqx.nn.Linear(inputs, outputs, dtype=dtype, key=key)
            return norm(probe.layer_norm, inputs), linear

        gelu = GELU("tanh")
        self.features = features
        self.queries = 0.02 * jr.normal(keys[0], (probe.num_queries, size), dtype)
        self.query_norm = norm(probe.input_layer_norm, size)
        self.token_norm = norm(probe.input_layer_norm, features)
        self.cross = attention(keys[1], features, probe.attention_size)
        self.block_norm = norm(probe.layer_norm, size)
        self.block = attention(keys[2], size, size)
        sizes = (size, size, 4 * size, size)
        first, second, third = map(layer, keys[3:6], sizes[:-1], sizes[1:])
        self.perceptron = eqx.nn.Sequential([*first, gelu, *second, gelu, *third])
        self.readout = eqx.nn.Linear(size, outputs, dtype=dtype, key=keys[6])

    def __call__(self, sample, key: PRNGKeyArray | None):
        """The outputs of the tokens of a sample, (tokens, features), and of their mask,
        which may be `None`.
        """
        (tokens, mask), inference = sample, key is None
        cross_key, block_key = (None, None) if key is None else jr.split(key)
        if mask is not None:
            mask = jnp.broadcast_to(mask[None], (len(self.queries), len(mask)))
        queries = jax.vmap(self.query_norm)(self.queries)
        tokens = jax.vmap(self.token_norm)(tokens)
        options: Any = {"inference": inference, "process_heads": _bounded}
        found = self.cross(queries, tokens, tokens, mask, key=cross_key, **options)
        each = jax.vmap(self.block_norm)(found)
        found = found + self.block(each, each, each, key=block_key, **options)
        first = found[0]
        return self.readout(first + self.perceptron(first))
