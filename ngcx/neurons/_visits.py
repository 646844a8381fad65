"""How a container goes through its layers: to find their states at rest, to take one
step, and to take all steps at once.

A container says once in which order its layers are visited and how their outputs are
combined (`_visit`); the three kinds of visit say what happens there.
"""

import contextlib
import dataclasses
import functools as ft
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr

from .._trees import manual_axes
from .._words import in_words
from ._decay import with_factors
from ._segments import in_segments
from ._shared import hold, places
from ._states import fields


@dataclasses.dataclass(frozen=True)
class AtRest:
    """Finds the states at rest, and the paths that there are to watch."""

    path: str = ""
    seen: dict[str, Any] = dataclasses.field(default_factory=dict)

    def visit(self, number: int, cell, state, x):
        with layer(self.path, number, cell):
            return below(self, number).advance(cell, state, x)

    def advance(self, cell, state, x):
        del state
        if hasattr(cell, "_visit"):
            state, out = cell._visit(self, None, x)
            self.seen[self.path + "out"] = out
            return state, out
        is_array = isinstance(x, jax.ShapeDtypeStruct)
        state = cell.init(x.shape, x.dtype) if is_array else cell.init(x)

        def step(state, x):
            now = Step(jr.key(0), self.path, wanted=None)
            return now.advance(cell, state, x)[1], now.seen

        def two_steps(state, x):
            numbers = jnp.arange(2)
            xs = jax.tree.map(lambda a: jnp.stack([a, a]), x)
            ys = AllTime(None, numbers).advance(cell, state, xs)[1]
            out = jax.tree.map(lambda y: y[0], ys)
            return out, {self.path + "out": out}

        def in_batch(state, x):
            run = two_steps if whole(cell) else step
            if manual_axes():  # JAX sums over no axis of `jax.vmap` there.
                return run(state, x)
            both = jax.vmap(lambda _: run(state, x), axis_name="batch")(jnp.arange(2))
            return jax.tree.map(lambda a: a[0], both)

        out, seen = jax.eval_shape(in_batch, state, x)
        self.seen.update(seen)
        return state, out

    def apply(self, function: Callable, *args):
        return jax.eval_shape(function, *args)


@dataclasses.dataclass(frozen=True)
class Step:
    """Takes one step of one sample."""

    key: Any
    path: str = ""
    wanted: tuple[str, ...] | None = ()
    valid: Any = None
    seen: dict[str, Any] = dataclasses.field(default_factory=dict)

    def visit(self, number: int, cell, state, x):
        key = None if self.key is None else jr.fold_in(self.key, number)
        with layer(self.path, number, cell):
            return below(self, number, key=key).advance(cell, state, x)

    def advance(self, cell, state, x):
        if hasattr(cell, "_visit"):
            new, out = cell._visit(self, state, x)
            return new, show(self, {"out": out}, out)
        if self.valid is not None and hasattr(cell, "over_time") and not whole(cell):
            # A cell that weighs the samples must know which there are.
            key = None if self.key is None else self.key[None]
            x, valid = jax.tree.map(lambda a: a[None], (x, self.valid))
            new, out = cell.over_time(state, x, keys=key, valid=valid)
            out = jax.tree.map(lambda a: a[0], out)
        else:
            new, out = cell(state, x, key=self.key)
        names = fields(new) | {"out": out}
        if hasattr(cell, "observe"):
            names |= cell.observe(state, x)
        return new, show(self, names, out)

    def apply(self, function: Callable, *args):
        return function(*args)


@dataclasses.dataclass(frozen=True)
class AllTime:
    """Takes all steps of all samples: time first, then the batch.

    **Arguments:**

    - `key`: one for all samples, or one each; None if nothing is random.
    - `numbers`: the numbers of the steps, (time,).
    - `valid`: which steps there are, (time,) or (time, batch); None for all of them.
    - `constant`: whether the inputs are one step that stands for all of them.
    - `numbering`: the numbers of the layers that lead here.
    """

    key: Any
    numbers: Any
    valid: Any = None
    batch: int | None = None
    checkpoint: bool = False
    wanted: tuple[str, ...] | None = ()
    constant: bool = False
    path: str = ""
    numbering: tuple[int, ...] = ()
    seen: dict[str, Any] = dataclasses.field(default_factory=dict)

    def visit(self, number: int, cell, state, xs):
        numbering = (*self.numbering, number)
        with layer(self.path, number, cell):
            return below(self, number, numbering=numbering).advance(cell, state, xs)

    def advance(self, cell, state, xs):
        if self.constant:
            time = dataclasses.replace(self, constant=False)
            if hasattr(cell, "_from_constant"):
                return cell._from_constant(time, state, xs)
            return time.advance(cell, state, repeated(xs, self.numbers))
        if self.checkpoint and not whole(cell):
            return self.segmented(lambda time: ft.partial(time.advance, cell))(
                state, xs
            )
        if hasattr(cell, "_through_time"):
            state, ys = cell._through_time(self, state, xs)
        elif hasattr(cell, "over_time") and (whole(cell) or not self.looks_inside()):
            state, ys = self._over_time(cell, state, xs)
        else:
            return self.scan(cell, state, xs)
        return state, show(self, {"out": ys}, ys)

    def segmented(self, through: Callable) -> Callable:
        """`through(time)(state, xs)` with the memory of about two square roots of T."""

        def segment(state, inputs):
            xs, numbers, valid = inputs
            changes = {"numbers": numbers, "valid": valid, "checkpoint": False}
            time = dataclasses.replace(self, **changes, seen={})
            state, ys = through(time)(state, xs)
            return state, (ys, time.seen)

        def run(state, xs):
            inputs = (xs, self.numbers, self.valid)
            state, (ys, seen) = in_segments(segment, state, inputs)
            self.seen.update(seen)
            return state, ys

        return run

    def scan(self, cell, state, xs):
        """Takes a cell through time a step after the other."""
        cell = with_factors(cell)

        def one(state, x, key, valid):
            now = Step(key, self.path, self.wanted, valid)
            new, out = now.advance(cell, state, x)
            if valid is not None:
                new = hold(valid, new, state, shared=False)
            return new, (out, now.seen)

        def step(state, now):
            x, number, valid = now
            new, outs = self._of_samples(one)(state, x, self._keys(number), valid)
            if valid is not None:
                new = hold(jnp.any(valid), new, state, shared=True)
            return new, outs

        if _is_large(xs):
            # Reverse mode computes the neurons again, which takes less time than to
            # store and load what it needs of them; but not the products.
            step = jax.checkpoint(step, policy=_is_product, prevent_cse=False)
        try:
            state, (ys, seen) = jax.lax.scan(
                step, state, (xs, self.numbers, self.valid)
            )
        except TypeError as error:
            if "manual axis types" not in str(error):
                raise
            raise ValueError(
                "The shared part of its state differs between the devices of "
                "`jax.shard_map`; average it over that axis too, with `jax.lax.pmean`."
            ) from None
        self.seen.update(seen)
        return state, ys

    def apply(self, function: Callable, *args):
        """Maps a function of one step of one sample over all of them."""
        for _ in range(1 if self.batch is None else 2):
            function = jax.vmap(function)
        return function(*args)

    def apply_layer(self, layer: Callable, xs, keys, *, convolves: bool):
        """Maps `layer(x, key)`, which may hold many parameters, over all steps."""
        if self.batch is None:
            return jax.vmap(layer)(xs, keys)
        if convolves:
            return self._convolved(layer, xs, keys)
        if not _may_merge():
            return jax.vmap(jax.vmap(layer))(xs, keys)
        # XLA's CPU backend contracts one axis up to twice as fast as two, as the
        # gradient of a weight does.
        lead = jax.tree.leaves(xs)[0].shape[:2]
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (xs, keys))
        ys = jax.vmap(layer)(*flat)
        return jax.tree.map(lambda y: y.reshape(*lead, *y.shape[1:]), ys)

    def _convolved(self, layer: Callable, xs, keys):
        # The batch comes first, so that one that is sharded can be merged with time.
        mapped = jax.vmap(jax.vmap(layer), 1, 1)
        length = self.numbers.shape[0]
        if jax.default_backend() != "cpu" or not isinstance(length, int):
            return mapped(xs, keys)
        # On a CPU, a convolution of a small batch is twice as fast as one of a large
        # batch, and five times as fast as one in a loop. So time is unrolled, in so few
        # pieces that compiling does not take long.
        size = -(-length // 32)
        pieces = [
            mapped(*jax.tree.map(lambda x: x[i : i + size], (xs, keys)))  # noqa: B023
            for i in range(0, length, size)
        ]
        return jax.tree.map(lambda *ys: jnp.concatenate(ys), *pieces)

    def keys(self):
        """The keys of all steps and samples."""
        return None if self.key is None else jax.vmap(self._keys)(self.numbers)

    def _keys(self, number):
        """The keys of all samples in a step."""
        if self.key is None:
            return None
        key = self.key
        if self.batch is None or key.ndim:
            fold = jr.fold_in if self.batch is None else jax.vmap(jr.fold_in, (0, None))
            key = fold(key, number)
        else:
            fold = jax.vmap(jr.fold_in, (0, None))
            samples = jnp.arange(self.batch)
            key = jax.vmap(jr.fold_in, (None, 0))(jr.fold_in(key, number), samples)
        for layer in self.numbering:
            key = fold(key, layer)
        return key

    def looks_inside(self) -> bool:
        """Whether more of this cell is watched than its output."""
        return self.wanted is None or any(
            path.startswith(self.path) and path != self.path + "out"
            for path in self.wanted
        )

    def _over_time(self, cell, state, xs):
        def one(state, xs, keys, valid):
            return cell.over_time(state, xs, keys=keys, valid=valid)

        return self._of_samples(one, 1)(state, xs, self.keys(), self.valid)

    def _of_samples(self, function: Callable, axis: int = 0) -> Callable:
        """Maps a function of the state of one sample, and more, over the batch."""
        if self.batch is None:
            return function

        def mapped(state, *args):
            kept = places(state)
            try:
                return jax.vmap(
                    function,
                    in_axes=(kept, *(axis for _ in args)),
                    out_axes=(kept, axis),
                    axis_name="batch",
                )(state, *args)
            except ValueError as error:
                if "out_axes" not in str(error):
                    raise
            raise ValueError(
                "The shared part of its state differs between samples; average it with "
                '`jax.lax.pmean(value, "batch")`.'
            )

        return mapped


def _may_merge() -> bool:
    """Whether time and batch may become one axis: where XLA shards the batch, it would
    gather all of it, on every device.
    """
    return jax.device_count() == 1 or bool(manual_axes())


def repeated(x, numbers):
    """One step, seen as many times as there are numbers."""
    return jax.tree.map(
        lambda x: jnp.broadcast_to(x, (*numbers.shape, *x.shape[1:])), x
    )


def shapes(tree) -> str:
    """Dtypes and shapes, in words."""
    return ", ".join(map(in_words, jax.tree.leaves(tree))) or "nothing"


def whole(cell) -> bool:
    """Whether a cell must see all of the time at once."""
    return getattr(cell, "_sees_all_time", False)


def below(visit, number: int, **changes):
    """The same visit, of what lies in a layer."""
    return dataclasses.replace(visit, path=f"{visit.path}{number}.", **changes)


def show(visit, names: dict[str, Any], out):
    """Notes what is to be seen; returns the output."""
    for name, value in names.items():
        path = visit.path + name
        if visit.wanted is None or path in visit.wanted:
            visit.seen[path] = value
    return out


@contextlib.contextmanager
def layer(path: str, number: int, cell):
    """Says in profiles and in errors which layer it is."""
    name = f"{number}.{kind(cell)}"
    try:
        with jax.named_scope(name):
            yield
    except (TypeError, ValueError) as error:
        text = str(error)
        if text.startswith("Layer "):
            raise
        text = "\n".join(text.splitlines()[:2])
        where = f"Layer {path}{number} ({kind(cell)})"
        known = TypeError if isinstance(error, TypeError) else ValueError
        raise known(f"{where}: {text}") from error


def kind(cell) -> str:
    """The class of a cell, or of the layer that it stands for."""
    held = getattr(cell, "_layer", cell)
    return getattr(held, "__name__", type(held).__name__)


# A step of so many numbers is large: to compute them again is faster than to store
# them, and a step of all layers faster than all steps of one layer.
LARGE = 1 << 16


def _is_large(xs) -> bool:
    """Whether a step of all samples holds many numbers."""
    sizes = [math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(xs)]
    # A size may be a symbol of `jax.export`.
    return not all(isinstance(size, int) and size < LARGE for size in sizes)


def _is_product(primitive, *_, **__) -> bool:
    return primitive.name in ("dot_general", "conv_general_dilated")
