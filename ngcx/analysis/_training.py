"""Probes that are trained by gradients: one loop, compiled, for all of them."""

import abc
import contextlib
import dataclasses
import functools as ft
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import optax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._module import Module
from .._numerics import ratio, wide_dtype
from .._trees import varying
from .._typing import Count
from ..data import DataLoader
from ._base import (
    AbstractPredictor,
    AbstractProbe,
    Inputs,
    Targets,
    as_rows,
    check_features,
    counted,
    counting,
    dtype_of,
    held_back,
)


class TrainingResult(Module):
    """How a probe was trained. Its arrays have one entry per epoch, and NaN after the
    last one.

    All are arrays, so that a fit can be compiled, and mapped over keys and
    hyper-parameters.

    **Attributes:**

    - `loss`: the mean loss over the batches, including penalties.
    - `score`: the score of the validation data; `None` if there are none.
    - `epochs`: how many epochs were run.
    - `best_epoch`: the epoch, counted from 0, after which the fitted probe had its
        parameters.
    - `converged`: whether training stopped because no batch of an epoch had a slope
        beyond 1e-5. A convex loss, such as that of a linear probe, has its minimum
        there.
    """

    loss: Float[Array, " epochs"]
    score: Float[Array, " epochs"] | None
    epochs: Int[Array, ""]
    best_epoch: Int[Array, ""]
    converged: Bool[Array, ""]


class FittedNetwork(AbstractPredictor):
    """A trained network; [`ngcx.analysis.LinearProbe`][] and
    [`ngcx.analysis.AttentiveProbe`][] make it.

    **Arguments:**

    - `recipe`: the probe that was fitted.
    - `network`: the trained network with its parameters, an Equinox module.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.analysis import LinearProbe
        >>> x, y = jnp.array([[0.0], [1.0], [5.0]]), jnp.array([0, 0, 1])
        >>> fitted, _ = LinearProbe().fit(jr.key(0), x, y)
        >>> print(type(fitted).__name__, fitted.predict(x))
        FittedNetwork [0 0 1]

        ```
    """

    recipe: "AbstractTrainedProbe"
    network: PyTree

    @compiled
    def __call__(self, x: Inputs) -> Float[Array, "samples outputs"]:
        """The probabilities of the classes, or the values, of every row.

        **Arguments:**

        - `x`: representations, like those of the fit.

        **Returns:** an array in the dtype of `x`.

        **Raises:** `ValueError` if the features of `x` are not those of the fit.
        """
        outputs = self._unrounded(x)
        if self.recipe.task == "classification":
            outputs = jax.nn.softmax(outputs)
        return outputs.astype(dtype_of(x))

    def _unrounded(self, x):
        """Logarithms of probabilities up to a constant, or values."""
        samples = self.recipe._prepare(x, dtype_of(self.network))
        tokens = jtu.tree_leaves(samples)[0]
        check_features(self.network.features, tokens)
        outputs = ft.partial(self.network, key=None)
        if len(tokens) <= _ROWS:
            return jax.vmap(outputs)(samples)
        return jax.lax.map(outputs, samples, batch_size=_ROWS)


_ROWS = 256  # at once, so that memory does not grow with their number


class AbstractTrainedProbe(AbstractProbe):
    """A probe that is a network, trained in batches by a gradient method."""

    batch_size: ClassVar[int | None]
    """The size of a batch if none is given; `None` takes all samples."""
    epochs: ClassVar[int]
    """How many epochs at most if that is not given."""

    @abc.abstractmethod
    def _optimizer(self, whole: bool) -> optax.GradientTransformation:
        """The optimizer if none is given, of batches or of the whole data."""

    @abc.abstractmethod
    def _prepare(self, x: Inputs, dtype) -> PyTree[Array]:
        """All samples, in the form and the dtype in which the network takes each."""

    @abc.abstractmethod
    def _create(self, key: PRNGKeyArray, sample: PyTree, outputs: int) -> PyTree:
        """A new network for such samples; it knows the number of their `features`.

        It is called as `network(sample, key)`, with a key while it is trained, and
        `None` after that. The first of its arrays has the dtype of the samples.
        """

    @abc.abstractmethod
    def _penalty(self, network: PyTree) -> Float[Array, ""] | float:
        """What is added to the loss."""

    @abc.abstractmethod
    def _frame(self, samples: PyTree, y) -> PyTree:
        """What samples and targets are measured in while the network is trained."""

    @abc.abstractmethod
    def _placed(self, frame, samples: PyTree, y) -> tuple[PyTree, Any]:
        """Samples and targets, measured so."""

    @abc.abstractmethod
    def _restored(self, frame, network: PyTree) -> PyTree:
        """The network, for samples and targets as they are."""

    # This is not compiled as a whole, because the values of the targets are judged, and
    # a bar may be drawn.
    @compiled(jit=False, before=counting)
    def fit(
        self,
        key: PRNGKeyArray,
        x: Inputs,
        y: Targets,
        *,
        validation: tuple[Any, Any] | float | None = None,
        class_weight: Literal["balanced"] | Float[Array, " classes"] | None = None,
        batch_size: Count | None = None,
        epochs: Count | None = None,
        patience: Count = 20,
        optimizer: optax.GradientTransformation | None = None,
        progress: bool = False,
    ) -> tuple[FittedNetwork, TrainingResult]:
        """Trains a new network, in one compiled loop over epochs and batches.

        The loss is the mean over a batch of the cross-entropy of the softmax, or of the
        squared error summed over the outputs. Every epoch has its own order, and its
        last batch is filled up with its first samples.

        **Arguments:**

        - `key`: decides the network to start from, the orders of the epochs, and
            dropout.
        - `x`, `y`: representations and targets; see [`ngcx.analysis.AbstractProbe`][].
        - `validation`: a pair like `(x, y)`, or a share between 0 and 1 of the samples,
            which is held back at random. With it, the parameters of the epoch with the
            best score are kept (of equal ones, the first), and training stops after
            `patience` epochs in a row without an improvement. Without it, the last
            parameters are kept.
        - `class_weight`: how much each class counts in the loss, relative to the mean
            of the samples; `"balanced"` makes all classes count equally, however many
            samples they have. Scores count every sample once.
        - `batch_size`: how many samples a batch has; the default of the class if not
            given. If there are fewer samples, a batch holds all of them.
        - `epochs`: the largest number of epochs; the default of the class if not given.
        - `optimizer`: an optimiser of optax; the class says which is the default. Each
            new one compiles again, so make it once. The line searches of optax, as in
            L-BFGS, need `check_vma=False` inside `jax.shard_map`.
        - `patience`: see `validation`.
        - `progress`: whether to show a progress bar, which needs tqdm.

        **Returns:** the fitted probe, and a [`ngcx.analysis.TrainingResult`][].

        **Raises:** `ValueError` for targets that fit neither `x` nor `task`, for data
        that are not finite, a `class_weight` that is not one finite number of 0 or more
        for each class, or that is given for a regression (traced values cannot be
        checked), and for an `optimizer` that fails the type check of `jax.shard_map`;
        `ImportError` for `progress` without tqdm.
        """
        if isinstance(validation, float | int):
            key, (x, y), validation = held_back(key, (x, y), validation)
        elif validation is not None:
            counted(self, *validation)
        if class_weight is not None:
            _check_class_weight(self, class_weight)
            y = _weighted(self, dtype_of(x), y, class_weight)
        epochs = epochs or self.epochs
        batch_size = min(batch_size or self.batch_size or len(y), len(y))
        optimizer = optimizer or self._optimizer(batch_size == len(y))
        state = _begin(self, optimizer, key, x, y, epochs, validation is not None)
        train = ft.partial(
            _train, self, optimizer, (x, y), validation, batch_size, patience
        )
        state = _watched(train, state, epochs) if progress else train(state, epochs)
        network = eqx.combine(state.best, state.constants)
        return FittedNetwork(self, self._restored(state.frame, network)), state.result


def _check_class_weight(recipe, weight):
    wrong = recipe.task == "regression"
    if not isinstance(weight, str | Tracer):
        wrong |= weight.shape != (recipe.num_classes,)
        wrong |= not np.all((weight >= 0) & np.isfinite(weight))
    if wrong:
        raise ValueError(
            "`class_weight` must be a finite number of 0 or more for each of the "
            f"classes, and None for regression; got {weight}."
        )


def _weighted(recipe, dtype, y, class_weight):
    """Targets as rows, of which the loss is that of weighted samples."""
    rows = as_rows(y, recipe.num_classes, wide_dtype(dtype))
    if isinstance(class_weight, str):
        class_weight = ratio(1, jnp.sum(rows, 0))
    rows = rows * class_weight.astype(rows.dtype)[None]
    return rows * ratio(len(rows), jnp.sum(rows))


class _State(Module):
    """All that changes in training; a network is its weights and its constants."""

    constants: PyTree = eqx.field(static=True)
    frame: PyTree
    weights: PyTree
    best: PyTree
    optimizer: PyTree  # the state of optax, whose own type beartype warns of
    key: PRNGKeyArray
    result: TrainingResult


@compiled(static=("recipe", "optimizer", "epochs", "scored"))
def _begin(recipe, optimizer, key, x, y, epochs, scored):
    network_key, key = jr.split(key)
    samples = recipe._prepare(x, wide_dtype(dtype_of(x)))
    sample = jtu.tree_map(lambda leaf: leaf[0], samples)
    network = recipe._create(network_key, sample, recipe.num_classes)
    weights, constants = eqx.partition(network, eqx.is_inexact_array)
    unknown, zero = jnp.full(epochs, jnp.nan, float), jnp.zeros((), int)
    frame, no = recipe._frame(samples, y), jnp.zeros((), bool)
    with _around_optax():
        opt_state = optimizer.init(weights)
    result = TrainingResult(unknown, unknown if scored else None, zero, zero, no)
    return _State(constants, frame, weights, weights, opt_state, key, result)


@compiled(static=("recipe", "optimizer", "batch_size"))
def _train(recipe, optimizer, data, held_out, batch_size, patience, state, until):
    """Trains up to the epoch `until`, or to the end of the patience."""
    x, y = data
    frame, samples = state.frame, recipe._prepare(x, dtype_of(state.weights))
    data = recipe._placed(frame, samples, y)
    # Some need the loss itself, and most do not.
    optimizer = optax.with_extra_args_support(optimizer)
    loader = DataLoader(data, batch_size)

    def loss(weights, batch, key):
        network, (samples, y) = eqx.combine(weights, state.constants), batch
        outputs = jax.vmap(network)(samples, jr.split(key, batch_size))
        errors = _errors(recipe.task, outputs, y)
        return jnp.mean(errors) + recipe._penalty(network)

    def epoch(state):
        def step(carry, batch):
            (weights, opt_state), (number, rows) = carry, batch
            key = jr.fold_in(noise_key, number)
            batch = jtu.tree_map(
                lambda leaf: leaf.at[rows].get(mode="promise_in_bounds"), data
            )
            of_batch = ft.partial(loss, batch=batch, key=key)
            value, gradients = jax.value_and_grad(of_batch)(weights)
            slopes = [jnp.max(jnp.abs(leaf)) for leaf in jtu.tree_leaves(gradients)]
            known: Any = dict(value=value, grad=gradients, value_fn=of_batch)
            with _around_optax():
                updates, opt_state = optimizer.update(
                    gradients, opt_state, weights, **known
                )
                weights = optax.apply_updates(weights, updates)
            return (weights, opt_state), (value, jnp.max(jnp.stack(slopes)))

        result, at = state.result, state.result.epochs
        order_key, noise_key = jr.split(jr.fold_in(state.key, at))
        # To draw the order of an epoch at once costs less than half of drawing it batch
        # by batch.
        numbers = jnp.arange(len(loader))
        rows = jax.vmap(ft.partial(loader.indices, order_key))(numbers)
        (weights, opt_state), (losses, slopes) = jax.lax.scan(
            step, (state.weights, state.optimizer), (numbers, rows)
        )
        best, scores, best_epoch = weights, result.score, at
        if held_out is not None:
            network = recipe._restored(frame, eqx.combine(weights, state.constants))
            score = FittedNetwork(recipe, network).score(*held_out)
            best_score = scores[result.best_epoch]
            better = (at == 0) | (score > best_score)
            better |= jnp.isnan(best_score) & ~jnp.isnan(score)
            scores = scores.at[at].set(score)
            best_epoch = jnp.where(better, at, result.best_epoch)
            best = jtu.tree_map(ft.partial(jnp.where, better), weights, state.best)
        losses = result.loss.at[at].set(jnp.mean(losses).astype(result.loss.dtype))
        flat = jnp.all(slopes <= 1e-5)
        result = TrainingResult(losses, scores, at + 1, best_epoch, flat)
        return dataclasses.replace(
            state, weights=weights, best=best, optimizer=opt_state, result=result
        )

    def going(state):
        result = state.result
        patient = result.epochs - result.best_epoch <= patience
        return (result.epochs < until) & patient & ~result.converged

    # Gradients would be summed over the devices for weights that are the same on all.
    return jax.lax.while_loop(going, epoch, varying(state, state, data, held_out))


def _watched(train, state, epochs: int):
    """Trains in steps of one epoch, and shows a bar in between."""
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(
            "`progress` needs tqdm: python -m pip install 'ngcx[examples]'"
        ) from error
    with tqdm(total=epochs, unit="epoch") as bar:
        for epoch in range(epochs):
            state = train(state, epoch + 1)
            result = state.result
            if int(result.epochs) == epoch:
                break  # it has converged, or the patience is at its end
            shown = {"loss": result.loss, "score": result.score}
            bar.set_postfix(
                {k: f"{float(v[epoch]):.4f}" for k, v in shown.items() if v is not None}
            )
            bar.update()
    return state


def _errors(task: str, outputs, y):
    if task == "regression":
        return jnp.sum(jnp.square(outputs - y.astype(outputs.dtype)), -1)
    # Logarithms keep the probability of a wrong class from vanishing. The classes come
    # first, because XLA vectorises sums over the first axis only.
    targets, scores = as_rows(y, outputs.shape[-1], outputs.dtype).T, outputs.T
    below = jax.lax.stop_gradient(jnp.max(scores, 0, keepdims=True)) - scores
    log_sum = jnp.log(jnp.sum(jnp.exp(-below), 0))
    return jnp.sum(targets, 0) * log_sum + jnp.sum(targets * below, 0)


@contextlib.contextmanager
def _around_optax():
    """Lets optax multiply floats by integers, which users may have forbidden, and says
    what it cannot do.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        try:
            yield
        except TypeError as error:
            if "manual axis types" not in str(error):
                raise
            raise ValueError(
                "`optimizer` must not search along lines, as L-BFGS does, inside "
                "`jax.shard_map`, where the loop of optax fails the check of types; "
                "give another, or `jax.shard_map(..., check_vma=False)`."
            ) from None
