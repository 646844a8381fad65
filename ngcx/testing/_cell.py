import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import PyTree

from ..neurons import AbstractCell, Shared


def check_cell(
    cell: AbstractCell,
    inputs: PyTree | None = None,
    *,
    batched: bool = True,
    ulps: float | int = 0,
) -> None:
    """Checks that `run` gives the same as the steps of a cell, whatever its options
    are.

    - A step keeps the structure, shapes and dtypes of the state, and the output has the
      dtype of the input, in float16, bfloat16 and float32, with parameters in that
      dtype too (float64 in 64-bit mode). Inputs that are not floating-point keep their
      dtype.
    - `init` makes new arrays for every leaf of the state, so that the state can be
        donated without harm to the cell.
    - `run` gives the same as a loop of steps, also in pieces with `start`, and with
        `checkpoint=True`. For a batch, it gives the same as for each sample alone.
    - Given `lengths`, states, outputs and gradients are those of each sample cut at its
        end, even if the padding holds NaN or huge numbers.
    - In all of these cases, the gradients with respect to the inputs and the arrays of
        the cell are those of the loop of steps, and finite.

    The cell must treat each sample by itself, so give a cell that normalises in
    inference mode.

    **Arguments:**

    - `cell`: the cell, which may be a network.
    - `inputs`: an array, or a pytree of them, with axes (time, batch, ...); normally
        distributed numbers of shape (7, 3, 4) if not given.
    - `batched`: whether `inputs` have a batch axis. Check a cell whose samples share
        something that learns inside the loop without one.
    - `ulps`: the error allowed in states and outputs, in units in the last place of the
        largest number. Matrix products are sums, which may be taken in another order.

    **Raises:** `AssertionError` that names the property and shows the values.

    !!! example

        ```python
        >>> from ngcx.neurons import LIF
        >>> from ngcx.testing import check_cell
        >>> check_cell(LIF(decay=0.5))

        ```
    """
    if inputs is None:
        inputs = 2 * jr.normal(jr.key(0), (7, 3, 4) if batched else (7, 4))
    _check_dtypes(cell, inputs, batched)
    _Check(cell, inputs, batched, ulps).all()


def _check_dtypes(cell, inputs, batched):
    x = jax.tree.map(lambda a: a[(0,) * (1 + batched)], inputs)
    x64 = [jnp.float64] if jax.config.jax_enable_x64 else []  # pyright: ignore[reportAttributeAccessIssue]
    floats = [jnp.float16, jnp.bfloat16, jnp.float32, *x64]
    is_float = all(eqx.is_inexact_array(leaf) for leaf in jax.tree.leaves(x))

    def cast(tree, dtype):
        return jax.tree.map(
            lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree
        )

    def step(arrays, x):
        state = _at_rest(eqx.combine(arrays, others), x)
        new, out = eqx.combine(arrays, others)(state, x, key=jr.key(0))
        return state, new, out

    arrays, others = eqx.partition(cell, eqx.is_array)
    for dtype in floats if is_float else [None]:
        both = (arrays, x) if dtype is None else cast((arrays, x), dtype)
        given = jax.tree.leaves(both[1])[0].dtype
        name = f"{type(cell).__name__} ({given})"
        state, new, out = jax.eval_shape(step, *both)
        if _shapes(state) != _shapes(new):
            raise AssertionError(
                f"{name}: the state after a step is {_shapes(new)}, and at rest "
                f"{_shapes(state)}."
            )
        for leaf in jax.tree.leaves(out) if is_float else ():
            if leaf.dtype != dtype:
                raise AssertionError(f"{name}: the dtype of an output is {leaf.dtype}.")


_WAYS = ("run", "in pieces", "with `checkpoint=True`", "with `lengths`")


class _Check:
    """A cell, its inputs, and what the loop of steps makes of them."""

    def __init__(self, cell, inputs, batched, ulps):
        self.cell, self.inputs, self.batched, self.ulps = cell, inputs, batched, ulps
        self.key = jr.key(1)
        first = jax.tree.leaves(inputs)[0]
        self.name = f"{type(cell).__name__} ({first.dtype})"
        self.steps, number = first.shape[0], first.shape[1] if batched else 1
        ends = itertools.cycle((self.steps // 2, self.steps, 1, 0))
        self.lengths = np.asarray(list(itertools.islice(ends, number)), np.int32)
        self.samples = range(number)

    def all(self):
        expected = self._step_by_step()
        whole, cut = self._through_steps()
        valid = np.arange(self.steps)[:, None] < self.lengths[None]
        everything = np.ones_like(valid)
        arrays, _ = eqx.partition(self.cell, eqx.is_array)
        # This is compiled by hand: all ways of running are one program.
        runs = jax.jit(self._runs)(arrays)
        for way, (state, outputs, gradient) in zip(_WAYS, runs, strict=True):
            padded = way == "with `lengths`"
            seen = valid if padded else everything
            for b in self.samples:
                states, outs = expected[b]
                got, end = self._of(b, state), seen[:, b].sum()
                self._same(f"{way}, the state", got, states[end], self.ulps)
                got, there = (
                    self._of(b, outputs, axis=1),
                    self._masked(seen[:, b], outs),
                )
                self._same(f"{way}, the outputs", got, there, self.ulps)
            if gradient is not None:
                ulps = max(64, self.ulps)
                there = cut if padded else whole
                self._same(f"{way}, the gradient", gradient, there, ulps)

    def _step_by_step(self):
        """For each sample, the states before and after all steps, and the outputs."""
        arrays, others = eqx.partition(self.cell, eqx.is_array)

        def call(arrays, state, x, key):
            return eqx.combine(arrays, others)(state, x, key=key)

        # This is compiled by hand: it donates the state.
        step = jax.jit(call, donate_argnums=1)
        found = []
        for b in self.samples:
            xs = self._of(b, self.inputs, axis=1)
            state = _at_rest(self.cell, jax.tree.map(lambda x: x[0], xs))
            states, outs = [jax.tree.map(np.array, state)], []
            for t in range(self.steps):
                x = jax.tree.map(lambda x, t=t: x[t], xs)
                out = None
                try:
                    state, out = step(arrays, state, x, self._key(b, t))
                    lent = any(array.is_deleted() for array in jax.tree.leaves(arrays))
                except (ValueError, RuntimeError) as error:
                    if "donate" not in str(error):
                        raise
                    lent = True
                if lent:
                    raise AssertionError(
                        f"{self.name}: a state at rest cannot be donated, since two of "
                        "its leaves share their memory, or one shares it with the cell."
                    )
                states.append(jax.tree.map(np.array, state))
                outs.append(jax.tree.map(np.array, out))
            found.append((states, jax.tree.map(lambda *y: np.stack(y), *outs)))
        return found

    def _through_steps(self):
        """Gradients through the loop of steps, of whole samples and of cut ones."""
        arrays, others = eqx.partition(self.cell, eqx.is_inexact_array)
        floats, integers = eqx.partition(self.inputs, eqx.is_inexact_array)

        def total(learnt, lengths):
            cell = eqx.combine(learnt[0], others)
            inputs = eqx.combine(learnt[1], integers)
            first = jax.tree.map(lambda x: x[0], self._of(0, inputs, axis=1))
            rest = _at_rest(cell, first)
            kept = jax.tree.map(
                lambda node: None if _is_shared(node) else 0, rest, is_leaf=_is_shared
            )

            def sample(b, xs, end):
                def step(state, now):
                    x, t = now
                    new = cell(state, x, key=self._key(b, t))
                    old = (state, jax.tree.map(jnp.zeros_like, new[1]))
                    return jax.tree.map(
                        lambda n, o: n if _is_shared(n) else jnp.where(t < end, n, o),
                        new,
                        old,
                        is_leaf=_is_shared,
                    )

                return jax.lax.scan(
                    step, rest, (xs, jnp.arange(self.steps, dtype=jnp.int32))
                )

            if not self.batched:
                return _weighted(sample(0, inputs, lengths[0]))
            numbers = jnp.arange(len(self.samples), dtype=jnp.int32)
            samples = jax.vmap(sample, (0, 1, 0), (kept, 1))
            return _weighted(samples(numbers, inputs, lengths))

        # This is compiled by hand: it serves both lengths.
        gradient = jax.jit(jax.grad(total))
        full = np.full_like(self.lengths, self.steps)
        return [gradient((arrays, floats), each) for each in (full, self.lengths)]

    def _runs(self, arrays):
        """All ways of running: the state, the outputs and the gradients of each."""
        others = eqx.partition(self.cell, eqx.is_array)[1]
        cell = eqx.combine(arrays, others)
        lengths = jnp.asarray(self.lengths if self.batched else self.lengths[0])

        def outcome(run, inputs):
            def total(both):
                state, outputs = run(*both)
                return _weighted((state, outputs)), (state, outputs)

            gradients, (state, outputs) = eqx.filter_grad(total, has_aux=True)(
                (cell, inputs)
            )
            return state, outputs, eqx.filter(gradients, eqx.is_inexact_array)

        def run(cell, inputs, state=None, **options):
            return cell.run(
                inputs, state, key=self.key, batched=self.batched, **options
            )

        def pieces():
            cut = self.steps // 2
            head, tail = (
                jax.tree.map(lambda x, part=part: x[part], self.inputs)
                for part in (slice(cut), slice(cut, None))
            )
            state, first = run(cell, head)
            state, second = run(cell, tail, state, start=cut)
            return state, jax.tree.map(lambda *ys: jnp.concatenate(ys), first, second)

        def padded(cell, inputs):
            return run(cell, inputs, lengths=lengths)

        def checkpointed(cell, inputs):
            return run(cell, inputs, checkpoint=True)

        numbers = jnp.arange(self.steps, dtype=jnp.int32)
        valid = numbers[:, None] < lengths[None] if self.batched else numbers < lengths
        spoilt = jnp.where(numbers % 2 == 0, jnp.nan, 1e30)
        spoilt = self._masked(valid, self.inputs, spoilt)
        state, outputs = pieces()
        return (
            outcome(run, self.inputs),
            (state, outputs, None),
            outcome(checkpointed, self.inputs),
            outcome(padded, spoilt),
        )

    def _masked(self, valid, tree, others: Any = 0):
        """What there is until the end of a sample, and others after that."""

        def masked(x):
            def beside(a):
                a = jnp.asarray(a)
                return a.reshape(a.shape + (1,) * (x.ndim - a.ndim))

            is_float = jnp.issubdtype(x.dtype, jnp.floating)
            other = beside(others if is_float else 0).astype(x.dtype)
            return jnp.where(beside(valid), x, other)

        return jax.tree.map(masked, tree)

    def _of(self, b: int, tree, axis: int = 0):
        """What belongs to a sample."""
        if not self.batched:
            return tree
        return jax.tree.map(
            lambda node: (
                node if _is_shared(node) else node[(slice(None),) * axis + (b,)]
            ),
            tree,
            is_leaf=_is_shared,
        )

    def _key(self, b: int, t):
        key = jr.fold_in(self.key, t)
        return jr.fold_in(key, b) if self.batched else key

    def _same(self, what, actual, expected, ulps):
        for (path, got), there in zip(
            jtu.tree_leaves_with_path(actual), jax.tree.leaves(expected), strict=True
        ):
            name, eps, largest = f"{self.name}: {what}{jtu.keystr(path)}", 0.0, 0.0
            if jnp.issubdtype(got.dtype, jnp.floating):
                eps = ulps * float(jnp.finfo(got.dtype).eps)
                got, there = (np.asarray(a, np.float64) for a in (got, there))
                if not np.all(np.isfinite(got)):
                    raise AssertionError(f"{name} is not finite: {got}.")
                # A sum is as exact as its largest terms are.
                largest = np.max(np.abs(there), initial=0)
            np.testing.assert_allclose(
                got, there, rtol=eps, atol=eps * largest, err_msg=name
            )


def _weighted(tree):
    """A number that depends on each floating-point leaf in a way of its own."""

    def part(leaf):
        weights = np.cos(np.arange(leaf.size)).reshape(leaf.shape)
        return jnp.sum(leaf.astype(jnp.float32) * jnp.asarray(weights, jnp.float32))

    leaves = jax.tree.leaves(tree)
    floats = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return sum(map(part, floats), jnp.zeros((), jnp.float32))


def _at_rest(cell, x):
    if isinstance(x, jax.Array | jax.ShapeDtypeStruct):
        return cell.init(x.shape, x.dtype)
    return cell.init(jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), x))


def _is_shared(node) -> bool:
    return isinstance(node, Shared)


def _shapes(state) -> str:
    return str(
        {
            jtu.keystr(path, simple=True, separator="."): f"{a.dtype}{list(a.shape)}"
            for path, a in jtu.tree_leaves_with_path(state)
        }
    )
