import abc
import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._integers import beyond_32_bits, is_beyond_32_bits
from .._module import Module
from .._numerics import power_of_two, ratio, widened
from ..metrics import accuracy


Task = Literal["classification", "regression"]
Features = Float[Array | np.ndarray, "samples *tokens features"]
# A pair holds the tokens, and which of them count.
Inputs = Features | tuple[Features, Bool[Array | np.ndarray, "samples *tokens"]]
Targets = (
    Integer[Array | np.ndarray, " samples"]
    | Float[Array | np.ndarray, "samples outputs"]
)
Predictions = Int[Array, " samples"] | Float[Array, "samples outputs"]
Probe = TypeVar("Probe", bound="AbstractProbe")


class AbstractProbe(Module):
    """The recipe for a simple model of targets, which shows what is easy to read from a
    representation.

    A recipe holds only hyper-parameters. Its `fit` makes an
    [`ngcx.analysis.AbstractFittedProbe`][], and one recipe can be fitted many times.

    Representations are of shape `(samples, features)`, or `(samples, tokens, features)`
    with any number of axes of tokens. Targets are class indices, of shape `(samples,)`,
    or rows of shape `(samples, outputs)`: probabilities of classes, such as one-hot
    rows, for `task="classification"`, and any numbers for `task="regression"`.
    """

    if TYPE_CHECKING:
        # Annotated, they would pass for the first arguments of every final class.
        task = cast(Task, ...)
        num_classes = cast(int | None, ...)
    else:
        task: eqx.AbstractVar[Task]
        num_classes: eqx.AbstractVar[int | None]

    @abc.abstractmethod
    def fit(
        self, key: PRNGKeyArray, x: Features, y: Targets
    ) -> tuple["AbstractFittedProbe", Any]:
        """Fits the model to `x` and `y`. Returns the fitted model, and a record of the
        fit."""


class AbstractFittedProbe(Module):
    """A simple model that was fitted to a representation and its targets.

    It takes representations with the same features as in the fit, and raises a
    `ValueError` for others.
    """

    @abc.abstractmethod
    def __call__(self, x: Features) -> Float[Array, "samples outputs"]:
        """The probabilities of the classes, or the values, of every row.

        **Arguments:**

        - `x`: representations, like those of the fit.

        **Returns:** an array in the dtype of `x`.
        """

    @abc.abstractmethod
    def predict(self, x: Features) -> Predictions:
        """The class of every row, the lowest of those that are equally probable (-1 if
        the probabilities are NaN); or its values. `x` is that of a call."""

    @abc.abstractmethod
    def score(self, x: Features, y: Targets) -> Float[Array, ""]:
        """How good the probe is: the higher the better, and 1 at best.

        **Arguments:**

        - `x`: representations, like those of the fit.
        - `y`: their targets.

        **Returns:** a scalar.
        """


class AbstractPredictor(AbstractFittedProbe):
    """A fitted probe for classification or regression, as its recipe says."""

    recipe: eqx.AbstractVar[Any]

    @abc.abstractmethod
    def _unrounded(self, x: Any) -> Float[Array, "samples outputs"]:
        """Values, or what grows with the probabilities of classes; in the dtype to
        compute in."""

    @compiled
    def predict(self, x: Inputs) -> Predictions:
        """The class of every row, the lowest of those that are equally probable (-1 if
        the probabilities are NaN); or its values.

        Arguments and errors are those of a call.
        """
        outputs = self._unrounded(x)
        if self.recipe.task == "classification":
            return likeliest(outputs)
        return outputs.astype(dtype_of(x))

    @compiled
    def score(self, x: Inputs, y: Targets) -> Float[Array, ""]:
        """The accuracy, or the coefficient of determination of all outputs together.

        The latter is 1 - Σ(ŷ - y)² / Σ(y - ȳ)², and -inf for constant targets that are
        not all met.
        """
        return evaluate(self.recipe.task, self._unrounded(x), y)


def likeliest(outputs):
    """The class with the largest output of every row, the first of equal ones."""
    # An infinite logarithm makes all probabilities NaN.
    broken = ~jnp.isfinite(jnp.max(outputs, -1))
    return jnp.where(broken, -1, jnp.argmax(outputs, -1))


def evaluate(task: Task, outputs, y) -> Float[Array, ""]:
    """The accuracy, or the coefficient of determination of all outputs together."""
    if task == "classification":
        return accuracy(likeliest(outputs), classes(y))
    if y.shape != outputs.shape:
        raise ValueError(
            f"`y` must be values of shape {outputs.shape}, like those predicted; got "
            f"{y.dtype} of shape {y.shape}."
        )
    outputs = widened(outputs) / 4  # so that no difference overflows
    y = y.astype(outputs.dtype) / 4
    # Constant targets differ by 0 from the first, but not from their rounded mean.
    spread = y - y[:1]
    both = jnp.stack([outputs - y, spread - jnp.mean(spread, 0, keepdims=True)])
    both = both * power_of_two(jnp.max(jnp.abs(both), initial=0))
    missed, spread = (jnp.sum(jnp.square(each)) for each in both)
    hopeless = jnp.where(missed > 0, jnp.inf, missed)  # 0, or NaN
    return (1 - ratio(missed, spread, hopeless)).astype(float)


def classes(y) -> Int[Array, " samples"]:
    """Class indices, of targets of either form."""
    _check_columns(y)
    return y if jnp.issubdtype(y.dtype, jnp.integer) else jnp.argmax(y, -1)


def _check_columns(y):
    """Raises for rows of one probability, which is that of the only class."""
    if jnp.issubdtype(y.dtype, jnp.floating) and y.shape[-1] == 1:
        raise ValueError(
            f"`y` must have a column for each class; got shape {y.shape}.\n"
            "Class indices are `y[:, 0].astype(int)`."
        )


def as_rows(y, outputs, dtype) -> Float[Array, "samples outputs"]:
    """Targets as rows; class indices become one-hot."""
    if jnp.issubdtype(y.dtype, jnp.integer):
        return jax.nn.one_hot(y, outputs, dtype=dtype)
    return y.astype(dtype)


def in_dtype(x, dtype, power: float = 1):
    """`x` in a dtype that may be narrower. What is finite stays so: its magnitude is at
    most such a power of the largest number.
    """
    limit = float(min(jnp.finfo(dtype).max, jnp.finfo(x.dtype).max)) ** power
    return jnp.where(jnp.isfinite(x), jnp.clip(x, -limit, limit), x).astype(dtype)


def dtype_of(tree: PyTree):
    """The dtype of the first array."""
    return jtu.tree_leaves(tree)[0].dtype


def flattened(x) -> Float[Array, "samples features"]:
    """Samples whose tokens are concatenated."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


@compiled(jit=False)  # the values of the targets decide
def counted(probe: Probe, x: Inputs, y: Targets) -> Probe:
    """The recipe with the number of outputs, which the targets tell if it does not.

    Raises `ValueError` where `y` cannot be the targets of `x`, or of so many outputs.
    """
    outputs, shape = probe.num_classes, jtu.tree_leaves(x)[0].shape
    if 0 in shape:
        raise ValueError(f"`x` must not be empty; got shape {shape}.")
    if is_beyond_32_bits(y):
        raise ValueError(beyond_32_bits("`y`", y))
    if probe.task == "classification":
        _check_columns(y)
    for name, values in (("x", x), ("y", y)):
        if any(isinstance(leaf, Tracer) for leaf in jtu.tree_leaves(values)):
            continue
        with jax.ensure_compile_time_eval():
            finite = bool(_is_finite(values))
        if not finite:
            raise ValueError(f"`{name}` must be finite; got NaN or an infinity.")
    if not jnp.issubdtype(y.dtype, jnp.integer):
        found = y.shape[-1]
        if outputs not in (None, found):
            raise ValueError(
                f"`y` must have a column for each of {outputs} outputs; got {found}."
            )
    elif probe.task == "regression":
        raise ValueError(
            "`y` must be floats of shape (samples, outputs) for regression; got "
            f"{y.dtype} of shape {y.shape}.\nOne output is `y[:, None].astype(float)`."
        )
    elif isinstance(y, Tracer):
        found = outputs
        if found is None:
            raise ValueError("`num_classes` must be given where `y` is traced.")
    else:
        # An array of JAX would be traced in a compiled caller, though it is known.
        known = np.asarray(y)
        low, high = int(known.min()), int(known.max())
        if low < 0 or high >= (outputs or math.inf):
            limit = "" if outputs is None else f" and below the {outputs} classes"
            raise ValueError(f"`y` must be 0 or more{limit}; got {low} to {high}.")
        found = high + 1
    return probe if outputs else dataclasses.replace(probe, num_classes=found)


@compiled
def _is_finite(values: PyTree) -> Bool[Array, ""]:
    """Whether all is finite that counts."""
    if isinstance(values, tuple):  # tokens, and which of them count
        x, mask = values
        values = jnp.where(mask[..., None], x, 0)
    return jnp.all(jnp.isfinite(values))


def counting(probe: AbstractProbe, key, x, y, **_) -> dict[str, Any]:
    """What is done before a `fit` is compiled: targets are judged by their values."""
    return {"self": counted(probe, x, y)}


def held_back(key, data, share):
    """A further key, and the samples to train with and those that are held back."""
    size = len(data[1])
    count = round(share * size) if 0 < share < 1 else 0
    if not 0 < count < size:
        raise ValueError(
            "`validation` must be a pair, or a share between 0 and 1 that leaves some "
            f"samples on both sides; got {share}, of {size} samples."
        )
    order_key, key = jr.split(key)
    order = jr.permutation(order_key, size)

    def of(rows):
        return jax.tree.map(lambda x: jnp.take(x, rows, 0), data)

    return key, of(order[count:]), of(order[:count])


def check_features(features: int, x):
    if x.shape[-1] != features:
        raise ValueError(
            f"`x` must have the {features} features of the fit; got {x.shape[-1]}."
        )
