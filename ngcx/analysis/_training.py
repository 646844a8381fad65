"""Probes that are trained by gradients: one loop, compiled, for all of them."""

import abc
import contextlib
import dataclasses
import functools as ft
from typing import Any, ClassVar, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from .._checks import check_count
from .._compiled import compiled
from .._typing import typed
from ..data import DataLoader
from ._base import (
    AbstractProbe,
    Inputs,
    Predictions,
    Targets,
    Task,
    as_rows,
    check_data,
    check_fitted,
    evaluate,
    predicted,
)


@typed
class TrainingResult(eqx.Module):
    """How a probe was trained; its arrays have one entry an epoch, NaN after the last.

    All are arrays, so that a fit can be compiled, and mapped over keys and
    hyper-parameters.
    """

    loss: Float[Array, " epochs"]
    """The mean of the loss over the batches, with its penalties."""
    score: Float[Array, " epochs"] | None
    """Of the validation data; `None` without them."""
    epochs: Int[Array, ""]
    """How many were run."""
    best_epoch: Int[Array, ""]
    """That after which the parameters are those of the fitted probe, counted from 0."""


TrainedProbe = TypeVar("TrainedProbe", bound="AbstractTrainedProbe")


class AbstractTrainedProbe(AbstractProbe):
    """A probe that is a network, trained in batches by a gradient method."""

    task: eqx.AbstractVar[Task]
    num_classes: eqx.AbstractVar[int | None]
    network: eqx.AbstractVar[PyTree]
    learning_rate: ClassVar[float]
    """Of the optimizer that is taken if none is given."""

    @abc.abstractmethod
    def _prepare(self, x: Inputs) -> PyTree[Array]:
        """What the network takes, of all samples."""

    @abc.abstractmethod
    def _create(self, key: PRNGKeyArray, sample: PyTree, outputs: int) -> PyTree:
        """A new network for such samples, called as `network(sample, key)`: with a key
        while it is trained, and `None` after that."""

    @abc.abstractmethod
    def _penalty(self, network: PyTree) -> Float[Array, ""] | float:
        """What is added to the loss."""

    @typed
    def fit(
        self: TrainedProbe,
        key: PRNGKeyArray,
        x: Inputs,
        y: Targets,
        *,
        validation: tuple[Any, Any] | None = None,
        batch_size: int = 100,
        epochs: int = 50,
        patience: int = 20,
        optimizer: optax.GradientTransformation | None = None,
        progress: bool = False,
    ) -> tuple[TrainedProbe, TrainingResult]:
        """Trains a new network, in one compiled loop over epochs and batches.

        The loss is the cross-entropy of the softmax, or the squared error summed over
        the outputs; the mean over a batch. Every epoch has another order, and its last
        batch is filled up with its first samples.

        **Arguments:**

        - `key`: decides the network that training starts from, the orders and dropout.
        - `x`, `y`: representations and targets; see [`ngcx.analysis.AbstractProbe`][].
        - `validation`: a pair of the same. With it, the parameters after the epoch of
            the best score are kept (the first of equal ones), and training stops after
            `patience` epochs in a row that are no better. Without, the last ones are.
        - `batch_size`: if it exceeds the number of samples, a batch is all of them.
        - `epochs`: how many at most.
        - `patience`: see `validation`.
        - `optimizer`: of optax; by default Adam, with the `learning_rate` of the class.
            Each one compiles anew, so make it once.
        - `progress`: whether to show a bar, which needs tqdm.

        **Returns:** the fitted probe, and a [`ngcx.analysis.TrainingResult`][].

        **Raises:** `ValueError` for targets that fit neither `x` nor `task`, and for
        numbers below 1; `ImportError` for `progress` without tqdm.
        """
        check_count("batch_size", batch_size)
        check_count("epochs", epochs)
        check_count("patience", patience)
        new = dataclasses.replace(self, network=None)
        data, outputs = _checked(new, x, y, self.num_classes)
        held_out = None
        if validation is not None:
            held_out, _ = _checked(new, *validation, outputs)
        optimizer = optimizer or _adam(self.learning_rate)
        state = _begin(new, optimizer, key, data, outputs, epochs, held_out is None)
        train = ft.partial(
            _train,
            new,
            optimizer,
            data,
            held_out,
            min(batch_size, len(y)),
            patience,
        )
        if progress:
            state = _watched(train, state, epochs)
        else:
            state = train(state, np.asarray(epochs))
        return dataclasses.replace(self, network=state.best), state.result

    @compiled
    def __call__(self, x: Inputs) -> Float[Array, "samples outputs"]:
        """The probabilities of the classes, or the values, of every row.

        **Arguments:**

        - `x`: representations, as those of the fit.

        **Returns:** an array in the dtype of `x`.

        **Raises:** `ValueError` if the probe is not fitted, or `x` has other features.
        """
        outputs = self._unrounded(x)
        if self.task == "classification":
            outputs = jax.nn.softmax(outputs)
        return outputs.astype(_dtype(x))

    def _unrounded(self, x):
        """Logarithms of probabilities up to a constant, or values."""
        check_fitted(self.network is not None, self)
        return _outputs(self.network, self._prepare(x))

    @compiled
    def predict(self, x: Inputs) -> Predictions:
        """The class of every row, -1 if its probabilities are NaN; or its values.

        Arguments and errors as those of a call.
        """
        return predicted(self.task, self._unrounded(x), _dtype(x))

    @compiled
    def score(self, x: Inputs, y: Targets) -> Float[Array, ""]:
        """The accuracy, or the coefficient of determination of all outputs together.

        The latter is 1 - Σ(ŷ - y)² / Σ(y - ȳ)², and -inf for constant targets that are
        not all met.
        """
        return evaluate(self.task, self._unrounded(x), y)


def _dtype(x: Inputs):
    return jtu.tree_leaves(x)[0].dtype


class _State(eqx.Module):
    """All that changes in training."""

    network: PyTree
    best: PyTree
    optimizer: PyTree  # of optax, whose own type beartype warns of
    key: PRNGKeyArray
    result: TrainingResult


@eqx.filter_jit
def _begin(probe, optimizer, key, data, outputs, epochs, unscored):
    network_key, key = jr.split(key)
    sample = jtu.tree_map(lambda leaf: leaf[0], data[0])
    network = probe._create(network_key, sample, outputs)
    weights = eqx.filter(network, eqx.is_inexact_array)
    unknown = jnp.full(epochs, jnp.nan, float)
    zero = jnp.zeros((), int)
    with _promotion_of_optax():
        optimizer_state = optimizer.init(weights)
    return _State(
        network,
        network,
        optimizer_state,
        key,
        TrainingResult(unknown, None if unscored else unknown, zero, zero),
    )


@eqx.filter_jit
def _train(probe, optimizer, data, held_out, batch_size, patience, state, until):
    """Up to the epoch `until`, which is traced, or to the end of the patience."""
    data = jtu.tree_map(jnp.asarray, data)
    loader = DataLoader(data, batch_size)

    def loss(weights, rest, batch, key):
        network, (samples, y) = eqx.combine(weights, rest), batch
        outputs = jax.vmap(network)(samples, jr.split(key, batch_size))
        errors = _errors(probe.task, outputs, y)
        return jnp.mean(errors) + probe._penalty(network)

    def epoch(state):
        weights, rest = eqx.partition(state.network, eqx.is_inexact_array)

        def step(carry, batch):
            weights, optimizer_state = carry
            number, rows = batch
            key = jr.fold_in(noise_key, number)
            batch = jtu.tree_map(
                lambda leaf: leaf.at[rows].get(mode="promise_in_bounds"), data
            )
            value, gradients = jax.value_and_grad(loss)(weights, rest, batch, key)
            with _promotion_of_optax():
                updates, optimizer_state = optimizer.update(
                    gradients, optimizer_state, weights
                )
                weights = optax.apply_updates(weights, updates)
            return (weights, optimizer_state), value

        result = state.result
        at = result.epochs
        order_key, noise_key = jr.split(jr.fold_in(state.key, at))
        # The order of an epoch at once costs less than half of that batch by batch.
        numbers = jnp.arange(len(loader))
        rows = jax.vmap(ft.partial(loader.indices, order_key))(numbers)
        (weights, optimizer_state), losses = jax.lax.scan(
            step, (weights, state.optimizer), (numbers, rows)
        )
        network = best = eqx.combine(weights, rest)
        scores, best_epoch = result.score, at
        if held_out is not None:
            samples, y = held_out
            score = evaluate(probe.task, _outputs(network, samples), y)
            best_score = scores[result.best_epoch]
            better = (at == 0) | (score > best_score)
            better |= jnp.isnan(best_score) & ~jnp.isnan(score)
            scores = scores.at[at].set(score)
            best_epoch = jnp.where(better, at, result.best_epoch)
            best = jtu.tree_map(
                lambda new, old: (
                    jnp.where(better, new, old) if eqx.is_array(new) else new
                ),
                network,
                state.best,
            )
        mean = jnp.mean(losses).astype(result.loss.dtype)
        result = TrainingResult(
            result.loss.at[at].set(mean), scores, at + 1, best_epoch
        )
        return _State(network, best, optimizer_state, state.key, result)

    arrays, constants = eqx.partition(state, eqx.is_array)

    def going(arrays):
        return (arrays.result.epochs < until) & _going(arrays.result, patience)

    def run(arrays):
        return eqx.filter(epoch(eqx.combine(arrays, constants)), eqx.is_array)

    return eqx.combine(jax.lax.while_loop(going, run, arrays), constants)


def _going(result: TrainingResult, patience):
    return result.epochs - result.best_epoch <= patience


def _watched(train, state, epochs: int):
    """Trains as before, but comes back after every epoch."""
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(
            "`progress` needs tqdm: python -m pip install 'ngcx[examples]'"
        ) from error
    with tqdm(total=epochs, unit="epoch") as bar:
        for until in range(1, epochs + 1):
            state = train(state, np.asarray(until))  # a number would be a constant
            at = until - 1
            if int(state.result.epochs) < until:
                break
            shown = {"loss": f"{float(state.result.loss[at]):.4f}"}
            if state.result.score is not None:
                shown["score"] = f"{float(state.result.score[at]):.4f}"
            bar.set_postfix(shown)
            bar.update()
    return state


def _errors(task: Task, outputs, y):
    if task == "regression":
        return jnp.sum(jnp.square(outputs - y.astype(outputs.dtype)), -1)
    # In log space, where the probability of a wrong class cannot vanish; and with the
    # classes first, because XLA vectorises sums over the first axis only.
    targets, scores = as_rows(y, outputs.shape[-1], outputs.dtype).T, outputs.T
    below = jax.lax.stop_gradient(jnp.max(scores, 0, keepdims=True)) - scores
    log_sum = jnp.log(jnp.sum(jnp.exp(-below), 0))
    return jnp.sum(targets, 0) * log_sum + jnp.sum(targets * below, 0)


def _outputs(network, samples):
    def outputs(sample):
        return network(sample, None)

    if len(jtu.tree_leaves(samples)[0]) == 0:
        return jax.vmap(outputs)(samples)  # `map` cannot
    return jax.lax.map(outputs, samples, batch_size=_ROWS)


_ROWS = 256  # at once, so that memory does not grow with their number


@typed
def _checked(probe: AbstractTrainedProbe, x: Inputs, y: Targets, outputs: int | None):
    """The data, and how many outputs there are."""
    outputs = check_data(probe.task, outputs, x, y)
    return (probe._prepare(x), y), outputs


@contextlib.contextmanager
def _promotion_of_optax():
    """It multiplies floats by integers, which users may have forbidden."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@ft.cache
def _adam(learning_rate: float) -> optax.GradientTransformation:
    return optax.adam(learning_rate)
