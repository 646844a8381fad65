import abc
import math
from typing import Any, Literal, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from .._precision import widened
from ..metrics import accuracy
from ..metrics._numbers import ratio
from ..ops._numbers import shrinking


Task = Literal["classification", "regression"]
Features = (
    Float[Array, "samples *tokens features"]
    | Float[np.ndarray, "samples *tokens features"]
)
# Tokens, and which of them count.
Masked = tuple[
    Features, Bool[Array, "samples *tokens"] | Bool[np.ndarray, "samples *tokens"]
]
Inputs = Features | Masked
Targets = (
    Int[Array, " samples"]
    | Int[np.ndarray, " samples"]
    | Float[Array, "samples outputs"]
    | Float[np.ndarray, "samples outputs"]
)
Predictions = Int[Array, " samples"] | Float[Array, "samples outputs"]
Probe = TypeVar("Probe", bound="AbstractProbe")


class AbstractProbe(eqx.Module):
    """A simple model of targets, to learn what a representation makes easy to read.

    A probe is made of its hyper-parameters; `fit` returns one that is fitted.

    Representations are of shape `(samples, features)`, or `(samples, tokens, features)`
    with any number of axes of tokens. Targets are class indices, of shape `(samples,)`,
    or rows of shape `(samples, outputs)`: probabilities of classes, such as one-hot
    ones, for `task="classification"`, any numbers for `task="regression"`.
    """

    @abc.abstractmethod
    def fit(
        self: Probe, key: PRNGKeyArray, x: Features, y: Targets
    ) -> tuple[Probe, Any]:
        """A probe fitted to `x` and `y`, and how that went."""

    @abc.abstractmethod
    def __call__(self, x: Features) -> Float[Array, "samples outputs"]:
        """The probabilities of the classes, or the values, of every row."""

    @abc.abstractmethod
    def predict(self, x: Features) -> Predictions:
        """The class of every row, the lowest of those that are equally probable (-1 if
        the probabilities are NaN); or its values."""

    @abc.abstractmethod
    def score(self, x: Features, y: Targets) -> Float[Array, ""]:
        """How good the probe is; the more the better, and 1 at best."""


def predicted(task: Task, outputs, dtype):
    """What outputs that are not yet rounded to `dtype` predict."""
    return outputs.astype(dtype) if task == "regression" else likeliest(outputs)


def likeliest(outputs):
    # Of an infinite logarithm, the probabilities are NaN.
    broken = ~jnp.isfinite(jnp.max(outputs, -1))
    return jnp.where(broken, -1, jnp.argmax(outputs, -1))


def evaluate(task: Task, outputs, y) -> Float[Array, ""]:
    """The accuracy, or the coefficient of determination of all outputs together.

    That is 1 - Σ(ŷ - y)² / Σ(y - ȳ)²; of constant targets, -inf unless all are met.
    """
    if task == "classification":
        return accuracy(likeliest(outputs), classes(y))
    # A quarter, so that no difference overflows.
    outputs = widened(outputs) / 4
    y = y.astype(outputs.dtype) / 4
    # Constant targets differ by 0 from the first, but not from their rounded mean.
    spread = y - y[:1]
    missed, spread = outputs - y, spread - jnp.mean(spread, 0, keepdims=True)
    unit = shrinking(jnp.max(jnp.abs(jnp.concatenate([missed, spread])), initial=0))
    missed, spread = (jnp.sum(jnp.square(each * unit)) for each in (missed, spread))
    hopeless = jnp.where(missed > 0, jnp.inf, missed)  # 0, or NaN
    return (1 - jnp.where(spread > 0, ratio(missed, spread), hopeless)).astype(float)


def classes(y):
    return y if jnp.issubdtype(y.dtype, jnp.integer) else jnp.argmax(y, -1)


def as_rows(y, outputs: int, dtype) -> Float[Array, "samples outputs"]:
    """Class indices become one-hot rows."""
    if jnp.issubdtype(y.dtype, jnp.integer):
        return jax.nn.one_hot(y, outputs, dtype=dtype)
    return y.astype(dtype)


def flattened(x):
    return x.reshape(len(x), math.prod(x.shape[1:]))


def check_data(task: Task, outputs: int | None, x, y) -> int:
    """Raises `ValueError` where `y` cannot be the targets of so many outputs.

    Returns: how many there are, where that is not known.
    """
    features = x[0] if isinstance(x, tuple) else x
    if features.size == 0:
        raise ValueError(
            "`x` must have at least one sample, and one feature; got shape "
            f"{features.shape}."
        )
    labels = np.issubdtype(y.dtype, np.integer)
    if task == "regression" and labels:
        raise ValueError(
            "`y` must be floats of shape (samples, outputs) for regression; got "
            f"{y.dtype} of shape {y.shape}."
        )
    if not labels:
        if outputs not in (None, y.shape[1]):
            raise ValueError(
                f"`y` must have a column for each of the {outputs} outputs; got "
                f"{y.shape[1]}."
            )
        return y.shape[1]
    if isinstance(y, Tracer):
        if outputs is None:
            raise ValueError("`num_classes` must be given where `y` is traced.")
        return outputs
    y = np.asarray(y)  # of numpy, or a compiled caller would trace what is known
    low, high = int(y.min()), int(y.max())
    if low < 0 or (outputs is not None and high >= outputs):
        limit = "" if outputs is None else f" and below the {outputs} classes"
        raise ValueError(f"`y` must be 0 or more{limit}; got {low} to {high}.")
    return high + 1 if outputs is None else outputs


def check_fitted(fitted: bool, probe: AbstractProbe):
    if not fitted:
        name = type(probe).__name__
        raise ValueError(
            f"`{name}` must be fitted first: "
            f"probe, result = {name}(...).fit(key, x, y)."
        )


def check_features(features: int, x):
    if x.shape[-1] != features:
        raise ValueError(
            f"`x` must have the {features} features of the fit; got {x.shape[-1]}."
        )
