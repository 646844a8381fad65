import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .._checks import check_count
from .._precision import widened
from .._typing import typed
from ._base import Inputs, Task, check_features
from ._training import AbstractTrainedProbe


@typed
class AttentiveProbe(AbstractTrainedProbe):
    """Trained queries that attend to the tokens, and a perceptron.

    The queries attend to the tokens of a sample (cross-attention), then to each other
    (self-attention, around which there is a skip connection); a perceptron of three
    layers, with another skip connection, and a linear layer read the first query out.
    Samples without an axis of tokens are one token; those with one have at least one.

    Representations may also be a pair `(x, mask)` of the tokens and which of them
    count, of shape `(samples, tokens)`. The others may hold anything. Where none
    counts, the outputs are finite, and the same for all such samples.

    !!! example

        ```python
        >>> import jax
        >>> x = jax.random.normal(jax.random.key(0), (64, 3, 8))
        >>> y = (x[:, 0, 0] > 0).astype(int)
        >>> probe = AttentiveProbe(attention_size=16, num_heads=2)
        >>> probe, result = probe.fit(jax.random.key(1), x, y, epochs=2)
        >>> probe(x).shape
        (64, 2)

        ```
    """

    task: Task = eqx.field(static=True, default="classification")
    num_classes: int | None = eqx.field(static=True, default=None)
    """`None` takes the columns of the targets, or their largest index plus 1."""
    num_heads: int = eqx.field(static=True, default=8)
    attention_size: int = eqx.field(static=True, default=64)
    """Of all heads of the cross-attention together."""
    query_size: int = eqx.field(static=True, default=32)
    """Of a query and of all that follows; the self-attention has as much for its heads,
    and the widest layer of the perceptron four times as much."""
    num_queries: int = eqx.field(static=True, default=1)
    layer_norm: bool = eqx.field(static=True, default=True)
    """Whether to normalise what the self-attention and the perceptron take."""
    input_layer_norm: bool = eqx.field(static=True, default=False)
    """Whether to normalise queries and tokens."""
    dropout: float = 0.5
    """The probability that a weight of an attention is dropped in training."""
    network: Any = None
    """What was fitted."""

    learning_rate: ClassVar[float] = 2e-4

    def __check_init__(self):
        check_count("num_classes", self.num_classes)
        for name in ("num_heads", "attention_size", "query_size", "num_queries"):
            check_count(name, getattr(self, name))
        for name in ("attention_size", "query_size"):
            if (value := getattr(self, name)) % self.num_heads:
                raise ValueError(
                    f"`{name}` must be a multiple of `num_heads`={self.num_heads}; "
                    f"got {value}."
                )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                f"`dropout` must be 0 or more and below 1; got {self.dropout}."
            )

    def _prepare(self, x: Inputs):
        x, mask = x if isinstance(x, tuple) else (x, None)
        x = widened(jnp.asarray(x))
        tokens = x.reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1])
        if tokens.shape[1] == 0:
            raise ValueError(f"`x` must have at least one token; got shape {x.shape}.")
        if self.network is not None:
            check_features(self.network.cross.key_size, tokens)
            tokens = tokens.astype(self.network.queries.dtype)
        if mask is None:
            return tokens, None
        mask = jnp.asarray(mask).reshape(tokens.shape[:-1])
        return jnp.where(mask[..., None], tokens, 0), mask

    def _create(self, key, sample, outputs):
        tokens, _ = sample
        return _Attentive(self, tokens.shape[-1], outputs, tokens.dtype, key)

    def _penalty(self, network) -> float:
        return 0.0


class _Attentive(eqx.Module):
    queries: Float[Array, "queries size"]
    query_norm: eqx.nn.LayerNorm | eqx.nn.Identity
    token_norm: eqx.nn.LayerNorm | eqx.nn.Identity
    cross: eqx.nn.MultiheadAttention
    block_norm: eqx.nn.LayerNorm | eqx.nn.Identity
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
                output_size=size,
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
            return eqx.nn.LayerNorm(width, dtype=dtype) if used else eqx.nn.Identity()

        def layer(key, inputs, outputs):
            linear = eqx.nn.Linear(inputs, outputs, dtype=dtype, key=key)
            return norm(probe.layer_norm, inputs), linear

        gelu = eqx.nn.Lambda(jax.nn.gelu)
        self.queries = 0.02 * jr.normal(keys[0], (probe.num_queries, size), dtype)
        self.query_norm = norm(probe.input_layer_norm, size)
        self.token_norm = norm(probe.input_layer_norm, features)
        self.cross = attention(keys[1], features, probe.attention_size)
        self.block_norm = norm(probe.layer_norm, size)
        self.block = attention(keys[2], size, size)
        self.perceptron = eqx.nn.Sequential(
            [
                *layer(keys[3], size, size),
                gelu,
                *layer(keys[4], size, 4 * size),
                gelu,
                *layer(keys[5], 4 * size, size),
            ]
        )
        self.readout = eqx.nn.Linear(size, outputs, dtype=dtype, key=keys[6])

    def __call__(
        self,
        sample: tuple[Float[Array, "tokens features"], Bool[Array, " tokens"] | None],
        key: PRNGKeyArray | None,
    ):
        (tokens, mask), inference = sample, key is None
        cross_key, block_key = (None, None) if key is None else jr.split(key)
        if mask is not None:
            mask = jnp.broadcast_to(mask[None], (len(self.queries), len(mask)))
        queries = jax.vmap(self.query_norm)(self.queries)
        tokens = jax.vmap(self.token_norm)(tokens)
        found = self.cross(
            queries, tokens, tokens, mask, key=cross_key, inference=inference
        )
        each = jax.vmap(self.block_norm)(found)
        found = found + self.block(each, each, each, key=block_key, inference=inference)
        first = found[0]
        return self.readout(first + self.perceptron(first))
