"""A run of a cell: what it is given, and what comes of it."""

import jax
import jax.numpy as jnp
import jax.random as jr

from .._trees import varying
from ._shared import is_shared
from ._states import started
from ._visits import AllTime, AtRest


def judged(cell, inputs, state=None, *, watch=None, steps=None, batched=False, **_):
    """Refuses what no step can be taken with; the paths of `watch` may be a list."""
    del cell, state
    lead = batched + (steps is None)
    leaves = jax.tree.leaves(inputs)
    axes = {jnp.shape(leaf)[:lead] for leaf in leaves}
    names = ("time", "batch")[steps is not None :][:lead]
    if len(axes) != 1 or len(next(iter(axes))) < lead:
        shapes = ", ".join(str(jnp.shape(leaf)) for leaf in leaves)
        first = " and then ".join(names) or "no further axis"
        raise ValueError(
            f"`inputs` must have the axis of {first} first, the same in all of its "
            f"arrays; got the shapes {shapes or 'of nothing'}."
        )
    return {"watch": tuple(watch)} if isinstance(watch, list) else None


def run_cell(
    cell, inputs, state, key, batched, lengths, watch, checkpoint, steps, start
):
    if steps is not None:
        # One step stands for all of them, until something changes with time.
        inputs = jax.tree.map(lambda x: jnp.asarray(x)[None], inputs)
    lead = 1 + batched
    length, *batch = jax.tree.leaves(inputs)[0].shape[:lead]
    sample = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape[lead:], x.dtype), inputs
    )
    rest = AtRest()
    try:
        fresh, _ = rest.advance(cell, None, sample)
    except (TypeError, ValueError) as error:
        leaves = jax.tree.leaves(sample)
        if batched or not any(leaf.ndim > 1 for leaf in leaves) or steps is not None:
            raise
        hint = "\nIf the second axis of `inputs` is a batch, give `batched=True`."
        raise type(error)(f"{error}{hint}") from error
    wanted = None if callable(watch) else tuple(watch or ())
    if unknown := sorted({*(wanted or ())} - {*rest.seen}):
        raise ValueError(
            f"`watch` has no path {unknown[0]!r}; the paths are {', '.join(rest.seen)}."
        )
    numbers = jnp.arange(steps or length, dtype=jnp.int32)
    numbers = numbers + jnp.asarray(start, jnp.int32)
    valid = None
    if lengths is not None:
        lengths = jnp.asarray(lengths, jnp.int32)
        if lengths.shape != tuple(batch):
            raise ValueError(
                f"`lengths` must be one for each sample, {tuple(batch)}; got the shape "
                f"{lengths.shape}."
            )
        valid = jnp.expand_dims(numbers, range(1, 1 + len(batch))) < lengths[None]
        if steps is None:
            inputs = _padded(valid, inputs)
    key = _new_style(key)
    if key is not None and key.shape not in ((), tuple(batch)):
        raise ValueError(
            f"`key` must be one key, or one for each sample, {tuple(batch)}; got the "
            f"shape {key.shape}."
        )
    time = AllTime(
        key=key,
        numbers=numbers,
        valid=valid,
        batch=batch[0] if batched else None,
        checkpoint=checkpoint,
        wanted=wanted,
        constant=steps is not None,
    )
    state = _full(fresh, state, tuple(batch))
    state = _varying(state, inputs, key, valid, cell)
    state, outputs = time.advance(cell, state, inputs)
    outputs, seen = _zero_after(valid, (outputs, time.seen))
    if watch is None:
        return state, outputs
    return state, outputs, time.apply(watch, seen) if callable(watch) else seen


def _new_style(key):
    if key is None or jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    return jr.wrap_key_data(key)


def _full(fresh, state, batch: tuple[int, ...]):
    """The state to start from: the given one, at rest where it says nothing."""

    def full(leaf):
        return jnp.broadcast_to(leaf, batch + leaf.shape)

    full_state = jax.tree.map(
        lambda node: node if is_shared(node) else full(node), fresh, is_leaf=is_shared
    )
    if state is None:
        return full_state
    return started(full_state, state)


def _varying(state, *others):
    """The state, whose samples may differ from device to device as the others may."""
    return jax.tree.map(
        lambda node: node if is_shared(node) else varying(node, *others),
        state,
        is_leaf=is_shared,
    )


def _padded(valid, inputs):
    """Inputs that repeat the first step of a sample where it is over: what stands there
    may be NaN, and no layer is to see anything that it would not see anyway.
    """

    def padded(x):
        over = jnp.zeros((), x.dtype)
        first = jnp.where(_like(valid[:1], x), x[:1], over)
        return jnp.where(_like(valid, x), x, first)

    return jax.tree.map(padded, inputs)


def _zero_after(valid, tree):
    """The same, 0 where a sample is over."""
    if valid is None:
        return tree
    return jax.tree.map(
        lambda x: jnp.where(_like(valid, x), x, jnp.zeros((), x.dtype)), tree
    )


def _like(valid, x):
    return valid.reshape(valid.shape + (1,) * (x.ndim - valid.ndim))
