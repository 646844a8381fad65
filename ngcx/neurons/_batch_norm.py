import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray

from .._compiled import compiled
from .._module import Module
from .._numerics import ratio, root, wide_dtype, widened
from .._trees import is_bound, manual_axes, varying
from .._typing import Count, Fraction, NonNegative, Positive
from ._base import AbstractCell, Shape, at_rest
from ._shared import Shared
from ._visits import AllTime


class Statistics(Module):
    """The running statistics of a batch normalisation.

    **Attributes:**

    - `mean`: the mean of each channel.
    - `variance`: unbiased.

    **See also:** [`ngcx.density.Statistics`][], those of a mixture.
    """

    mean: Float[Array, " channels"]
    variance: Float[Array, " channels"]


class BatchNorm(AbstractCell[Shared]):
    r"""Batch normalisation of currents, with one statistic for each channel, which is
    the first axis of the input of a sample:

    $$y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + b, \qquad
    \hat\mu \leftarrow m \hat\mu + (1 - m) \mu$$

    where $\mu$ and $\sigma^2$ are the mean and variance of the batch over the axes of
    `over`, and of the space if there is any; $\gamma$ is `weight`, at first the
    threshold of the neurons that follow; $b$ is `bias`, $m$ `momentum` and $\epsilon$
    `eps`. In inference, $\hat\mu$ and $\hat\sigma^2$ (unbiased) are used instead.
    Padding beyond `lengths` has no weight.

    The running statistics are [`ngcx.neurons.Shared`][] between samples:
    `stack.rest(state)` carries them from one batch to the next. A layer that normalises
    over time must see all steps at once. So in training it cannot be inside a
    [`ngcx.neurons.Recurrent`][], and a sequence in pieces gives another result than the
    whole.

    ??? cite "Reference"
        Ioffe and Szegedy, *Batch normalization*, ICML 2015; over time and scaled by the
        threshold Zheng, Wu, Deng, Hu and Li, *Going deeper with directly-trained larger
        spiking neural networks*, AAAI 2021.

    !!! example

        ```python
        >>> import equinox as eqx
        >>> import jax.random as jr
        >>> from ngcx.neurons import LIF, BatchNorm, Stack
        >>> stack = Stack(BatchNorm(3), LIF())
        >>> x = 5 + jr.normal(jr.key(0), (20, 8, 3))
        >>> state, spikes = stack.run(x, batched=True)
        >>> print(state[0].value.mean.round(1), spikes.mean().round(1))
        [0.5 0.5 0.5] 0.1
        >>> deployed = eqx.nn.inference_mode(stack)
        >>> _, spikes = deployed.run(x[:, 0], stack.rest(state))

        ```
    """

    weight: Float[Array, " channels"]
    bias: Float[Array, " channels"]
    momentum: Fraction[float | int]
    eps: NonNegative[float | int]
    over: tuple[str, ...] = eqx.field(static=True)
    inference: bool

    @compiled(jit=False)
    def __init__(
        self,
        size: Count,
        *,
        threshold: Positive[float | int] = 1.0,
        momentum: Fraction[float | int] = 0.9,
        eps: NonNegative[float | int] = 1e-5,
        over: tuple[str, ...] = ("time", "batch"),
        inference: bool = False,
    ):
        """
        **Arguments:**

        - `size`: the number of channels.
        - `threshold`: the threshold of the neurons that follow, with which the weights
            start.
        - `momentum`: the share of the running statistics that is kept at each update.
        - `eps`: is added to the variance.
        - `over`: `("time", "batch")` for one statistic and one update per run,
            `("batch",)` for one per step. You may also name the axes of a
            `jax.shard_map` over which the batch is spread.
        - `inference`: whether the running statistics are used; `eqx.nn.inference_mode`
            sets it.

        **Raises:** `ValueError` in training where a statistic has only a single value.
        """
        self.bias = jnp.zeros(size)
        self.weight = jnp.full_like(self.bias, threshold)
        self.momentum, self.eps = momentum, eps
        self.over, self.inference = over, inference

    def __check_init__(self):
        if "batch" not in self.over:
            raise ValueError(f'`over` must have "batch" in it; got {self.over}.')

    @property
    def _sees_all_time(self) -> bool:
        return "time" in self.over and not self.inference

    @compiled(jit=False)
    def init(self, shape: Shape, dtype: DTypeLike = jnp.float32) -> Shared:
        """A mean of 0 and a variance of 1."""
        sample = at_rest(shape, dtype)
        size, wide = sample.shape[:1], wide_dtype(sample.dtype)
        if size != self.weight.shape:
            raise ValueError(
                f"`shape` must begin with the {self.weight.size} channels; got {shape}."
            )
        return Shared(Statistics(jnp.zeros(size, wide), jnp.ones(size, wide)))

    @compiled
    def __call__(
        self,
        state: Shared,
        x: Float[Array, "channels *space"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Shared, Float[Array, "channels *space"]]:
        """Steps once."""
        del key
        if self._sees_all_time:
            raise ValueError(
                "`over` must be ('batch',) for steps in training: what is normalised "
                "over time must see all of it, by `run`."
            )
        state, y = self.over_time(state, x[None], keys=None, valid=None)
        return state, y[0]

    @compiled
    def over_time(
        self,
        state: Shared,
        inputs: Float[Array, "time channels *space"],
        *,
        keys: Key[Array, " time"] | None = None,
        valid: Bool[Array, " time"] | None = None,
    ) -> tuple[Shared, Float[Array, "time channels *space"]]:
        """Normalises all steps of one sample, with statistics of all samples."""
        del keys
        alone = valid if valid is None else valid[:, None]
        state, y = self._normalized(state, inputs[:, None], alone)
        return state, y[:, 0]

    def _through_time(self, time: AllTime, state: Shared, xs):
        if time.looks_inside() and not self._sees_all_time:
            return time.scan(self, state, xs)
        if time.batch is not None:
            return self._normalized(state, xs, time.valid)
        return self.over_time(state, xs, valid=time.valid)

    def _normalized(self, state: Shared, inputs, valid):
        """Normalises (time, batch, channels, *space)."""
        lead, space = inputs.shape[:3], inputs.shape[3:]
        if lead[2:] != self.weight.shape:
            raise ValueError(
                f"`x` must begin with the {self.weight.size} channels; got "
                f"{inputs.shape[2:]}."
            )
        running, x = state.value, widened(inputs).reshape(*lead, math.prod(space))

        def columns(values):
            return values.astype(x.dtype)[None, None, :, None]

        if self.inference:
            mean, variance = (
                columns(each) for each in (running.mean, running.variance)
            )
        else:
            mean, variance, _ = moments = self._moments(x, valid)
            state = Shared(self._updated(running, moments))
        # A channel that does not vary is its bias, also without `eps`.
        scale = ratio(columns(self.weight), root(variance + self.eps))
        y = (x - mean) * scale + columns(self.bias)
        return state, y.reshape(inputs.shape).astype(inputs.dtype)

    def _moments(self, x, valid):
        """Means and variances, one for each step or one for all, and of how many."""
        axes = (0, 1, 3) if "time" in self.over else (1, 3)
        names = [name for name in self.over if name != "time" and is_bound(name)]
        each = math.prod(x.shape[axis] for axis in axes)
        count = each * math.prod(jax.lax.axis_size(name) for name in names)
        # Shapes are found by one sample alone inside `jax.shard_map`.
        tries = manual_axes() and x.shape[:2] == (1, 1)
        if count == 1 and not tries:
            raise ValueError("a single value has no variance; give a batch.")

        def total(values):
            values = jnp.sum(values, axis=axes, keepdims=True)
            return jax.lax.psum(values, names) if names else values

        if valid is None:
            weight = jnp.ones((), x.dtype)
            count = jnp.full_like(total(x), count)
        else:
            weight = valid.astype(x.dtype)[..., None, None]
            count = total(jnp.broadcast_to(weight, x.shape))
        divisor = jnp.maximum(count, 1)
        mean = total(weight * x) / divisor
        variance = total(weight * jnp.square(x - mean)) / divisor
        return mean, _within_range(variance), count

    def _updated(self, running, moments):
        """The running statistics after all of these."""
        mean, variance, count = (each[:, 0, :, 0] for each in moments)
        unbiased = _within_range(variance * (count / jnp.maximum(count - 1, 1)))

        def update(running, now):
            *moments, count = now
            kept = jnp.where(count > 0, self.momentum, 1).astype(count.dtype)

            def mixed(old, new):
                new = kept * old.astype(new.dtype) + (1 - kept) * new
                return new.astype(old.dtype)

            return jax.tree.map(mixed, running, tuple(moments)), None

        old = (running.mean, running.variance)
        now = (mean, unbiased, count)
        new, _ = jax.lax.scan(update, varying(old, now), now)
        return jax.lax.stop_gradient(Statistics(*new))


def _within_range(variance):
    # An infinite one would make NaN of gradients, and of running statistics.
    return jnp.minimum(variance, float(jnp.finfo(variance.dtype).max))
