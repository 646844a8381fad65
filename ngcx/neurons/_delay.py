from typing import cast

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Int, PRNGKeyArray, Shaped

from .._compiled import compiled
from .._typing import Natural
from .._words import in_words
from ._base import AbstractCell, Shape, described


class Delay(AbstractCell[Array]):
    r"""Delays its input by some steps: $y_t = x_{t - d}$, and 0 before there is any.

    **Arguments:**

    - `delay`: d, in whole steps: one number, or an array that broadcasts to the input,
        with a delay for each neuron. A delay above `max_delay` counts as `max_delay`,
        and one below 0 as 0.
    - `max_delay`: how many steps the state remembers. If None, it is `delay`, which
        then must be a number.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.neurons import Delay
        >>> x = jnp.arange(1.0, 5.0)[:, None] * jnp.ones(2)
        >>> print(Delay(jnp.array([1, 3]), max_delay=3).run(x)[1])
        [[0. 0.]
         [1. 0.]
         [2. 0.]
         [3. 1.]]

        ```
    """

    delay: Natural | Int[Array, "..."]
    max_delay: Natural | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if not isinstance(self.delay, int) and self.max_delay is None:
            raise ValueError("`max_delay` must be given where `delay` is an array.")
        if isinstance(self.delay, int) and self.delay > self._memory:
            raise ValueError(
                f"`delay` must be at most `max_delay`, {self.max_delay}; got "
                f"{self.delay}."
            )

    @property
    def _memory(self) -> int:
        longest = self.delay if self.max_delay is None else self.max_delay
        return cast(int, longest)

    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        """The last `max_delay` inputs, 0 at first, the oldest first."""
        shape, dtype = described(shape, dtype)
        return jnp.zeros((self._memory, *shape), dtype)

    @compiled
    def __call__(
        self,
        state: Shaped[Array, "max_delay *shape"],
        x: Shaped[Array, "*shape"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Shaped[Array, "max_delay *shape"], Shaped[Array, "*shape"]]:
        """Steps once; returns the new memory and the input of `delay` steps ago."""
        del key
        if state.dtype != x.dtype or state.shape[1:] != x.shape:
            raise ValueError(
                f"`state` must remember what is like `x`, {in_words(x)}; got "
                f"{in_words(state)}."
            )
        memory = jnp.concatenate([state, x[None]])
        if isinstance(self.delay, int):
            return memory[1:], memory[self._memory - self.delay]
        ago = jnp.clip(jnp.asarray(self.delay), 0, self._memory)
        place = jnp.broadcast_to(self._memory - ago, x.shape)
        return memory[1:], jnp.take_along_axis(memory, place[None], axis=0)[0]
