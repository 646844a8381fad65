import jax.numpy as jnp
import jax.random as jr
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import wide_dtype
from .._typing import Fraction
from ._base import AbstractCell, Shape, at_rest


class DropoutState(Module):
    """The state of a dropout of one mask a sequence.

    **Attributes:**

    - `mask`: which neurons are kept.
    - `is_drawn`: whether the mask has been drawn; this happens in the first step.
    """

    mask: Bool[Array, "*shape"]
    is_drawn: Bool[Array, ""]


class Dropout(AbstractCell[DropoutState]):
    """Drops the same neurons in all steps of a sequence, each with the probability `p`.
    The others are divided by 1 - p.

    The mask is part of the state, so it stays the same when a sequence is run in
    pieces. For a new mask in every step, use `eqx.nn.Dropout`.

    **Arguments:**

    - `p`: the probability that a neuron is dropped.
    - `inference`: whether nothing is dropped; `eqx.nn.inference_mode` sets it.

    **See also:** [`ngcx.ops.dropout`][], a function that draws a mask at every call.

    ??? cite "Reference"
        Gal and Ghahramani, *A theoretically grounded application of dropout in
        recurrent neural networks*, NeurIPS 2016.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.neurons import Dropout
        >>> print(Dropout(0.5).run(jnp.ones((2, 6)), key=jr.key(0))[1])
        [[0. 2. 2. 2. 2. 0.]
         [0. 2. 2. 2. 2. 0.]]

        ```
    """

    p: Fraction[float | int] = 0.5
    inference: bool = False

    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> DropoutState:
        """No mask, until the first step draws one."""
        kept = at_rest(shape, dtype).astype(bool)
        return DropoutState(kept, jnp.zeros((), bool))

    @compiled
    def __call__(
        self,
        state: DropoutState,
        x: Float[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[DropoutState, Float[Array, "*shape"]]:
        """Steps once, and draws the mask in the first step; `key` is needed unless
        `inference`.
        """
        if state.mask.shape != x.shape:
            raise ValueError(
                f"`state` must have a mask of the shape of `x`, {x.shape}; got "
                f"{state.mask.shape}."
            )
        if self.inference or self.p == 0:
            return state, x
        if key is None:
            raise ValueError("`key` must be given, since `Dropout` draws a mask.")
        drawn = jr.bernoulli(key, 1 - self.p, x.shape)
        mask = jnp.where(state.is_drawn, state.mask, drawn)
        scale = jnp.asarray(0 if self.p == 1 else 1 / (1 - self.p), wide_dtype(x.dtype))
        kept = jnp.where(mask, x.astype(scale.dtype) * scale, 0).astype(x.dtype)
        return DropoutState(mask, jnp.ones_like(state.is_drawn)), kept
