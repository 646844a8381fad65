"""Every cell, however it is run: whole, step by step, in pieces, padded, watched."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ngcx.neurons import (
    LIF,
    AbstractCell,
    AdaptiveLIF,
    BatchNorm,
    Delay,
    Dropout,
    Each,
    HardReset,
    LeakyIntegrator,
    Parallel,
    Recurrent,
    Residual,
    Shared,
    Stack,
    SynapticLIF,
    TimeConstant,
)
from ngcx.surrogate import EscapeNoise, Sigmoid
from ngcx.testing import check_cell


def exact(shape, seed=0):
    """Weights that are multiples of a power of two, so that their sums are exact."""
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.integers(-4, 5, shape) / 4, jnp.float32)


def linear(inputs, outputs, seed=0):
    layer = eqx.nn.Linear(inputs, outputs, use_bias=False, key=jr.key(0))
    return eqx.tree_at(lambda each: each.weight, layer, exact((outputs, inputs), seed))


def joined(*outs):
    return jnp.concatenate(outs)


def network():
    """One of each container, and what keeps a state, with sums that are exact."""
    return Stack(
        linear(4, 5),
        LIF(0.5, refractory_steps=1),
        Residual(Stack(linear(5, 5, 1), Dropout(0.5), LIF(0.5)), jnp.add, linear(5, 5)),
        Parallel(SynapticLIF(0.5, synaptic_decay=0.5), Delay(2), combine=joined),
        Recurrent(AdaptiveLIF(0.5, adaptation_strength=0.5), exact((10, 10), 2)),
        eqx.nn.inference_mode(BatchNorm(10, eps=0.0)),
        LeakyIntegrator(0.5),
    )


QUICK = [
    (LIF(reset=HardReset(), refractory_steps=2), "bfloat16"),
    (Recurrent(SynapticLIF(TimeConstant(5.0)), exact((4, 4))), "float32"),
    (Delay(jnp.array([0, 1, 2, 3]), 3), "float16"),
    (eqx.nn.inference_mode(BatchNorm(4)), "float16"),
]
MORE = [
    (LIF(jnp.full(4, 0.9), surrogate=EscapeNoise(Sigmoid())), "float32"),
    (Dropout(0.5), "float32"),
    (LIF(reset=HardReset(0.5, delayed=True), v_rest=jnp.array(0.25)), "float64"),
    (AdaptiveLIF(adaptation_strength=jnp.full(4, 0.5)), "bfloat16"),
    (SynapticLIF(refractory_steps=1), "float64"),
    (LeakyIntegrator(jnp.array(0.5)), "float16"),
    (LeakyIntegrator(TimeConstant(jnp.full(4, 3.0))), "float64"),
    (Delay(2, 3), "bfloat16"),
    (Each(LIF()), "float32"),
    (Residual(LIF()), "float32"),
    (Parallel(LIF(), LeakyIntegrator()), "bfloat16"),
    (Recurrent(LIF(), Stack(Delay(2), linear(4, 4))), "float32"),
    (Stack(Each(eqx.nn.Lambda(jnp.sin)), Stack(LIF(), Stack(Delay(1)))), "float32"),
    (Stack(eqx.nn.GRUCell(4, 3, key=jr.key(0))), "float32"),
    (Stack(eqx.nn.LSTMCell(4, 3, key=jr.key(0)), linear(3, 2), LIF()), "float32"),
]
ALL = [*QUICK, *(pytest.param(*each, marks=pytest.mark.thorough) for each in MORE)]


@pytest.mark.parametrize(
    ("cell", "dtype"), ALL, indirect=["dtype"], ids=lambda value: type(value).__name__
)
def test_cells_do_over_time_what_their_steps_do(cell, dtype, optimized):
    inputs = (2 * jr.normal(jr.key(0), (7, 3, 4))).astype(dtype)
    products = "Stack" in repr(cell)
    check_cell(cell, inputs, ulps=64 if products else 0)


@pytest.mark.thorough
def test_a_network_of_exact_sums_does_over_time_what_its_steps_do():
    inputs = jr.randint(jr.key(0), (7, 3, 4), -4, 5).astype(jnp.float32) / 4
    check_cell(network(), inputs)


MANY = settings().max_examples // 4  # each is a batch of samples
# Padding. The network has one of each container.


@eqx.filter_jit
def outcome(cell, inputs, lengths, key):
    @eqx.filter_value_and_grad(has_aux=True)
    def total(both):
        cell, inputs = both
        state, outs = cell.run(inputs, key=key, batched=True, lengths=lengths)
        floats = jax.tree.leaves(eqx.filter(state, eqx.is_inexact_array))
        parts = [jnp.sum(jnp.sin(each)) for each in (outs, *floats)]
        return jnp.sum(jnp.stack(parts)), (state, outs)

    (_, (state, outs)), gradient = total((cell, inputs))
    return state, outs, eqx.filter(gradient, eqx.is_inexact_array)


@settings(max_examples=MANY)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=3, max_size=3),
    fill=st.sampled_from([np.nan, 1e30, -np.inf, 0.0]),
    seed=st.integers(0, 100),
)
def test_padding_changes_nothing(lengths, fill, seed):
    cell, key = network(), jr.key(seed)
    clean = np.asarray(jr.randint(key, (6, 3, 4), -8, 9) / 4, np.float32)
    valid = np.arange(6)[:, None] < np.asarray(lengths)[None]
    spoilt = np.where(valid[..., None], clean, np.float32(fill))
    ends = jnp.asarray(lengths)
    state, outs, (model, slopes) = outcome(cell, jnp.asarray(spoilt), ends, key)
    assert not np.any(np.asarray(outs)[~valid]) and not np.any(slopes[~valid])
    weights = jax.tree.map(jnp.zeros_like, model)
    for b, end in enumerate(lengths):
        # One sample alone, in a batch of one, since it is then one program for all.
        last, there, (more, there_slopes) = alone(
            cell, clean[:, b], jnp.asarray(end), key, jnp.asarray(b)
        )
        for got, expected in zip(
            jax.tree.leaves(state), jax.tree.leaves(last), strict=True
        ):
            shared = got.shape == expected.shape
            np.testing.assert_array_equal(got if shared else got[b], expected)
        np.testing.assert_array_equal(outs[:end, b], there[:end])
        np.testing.assert_allclose(slopes[:end, b], there_slopes[:end], atol=1e-5)
        weights = jax.tree.map(jnp.add, weights, more)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        model,
        weights,
    )


@eqx.filter_jit
def alone(cell, inputs, end, key, number):
    """The loop of steps until the end, without `run`."""

    @eqx.filter_value_and_grad(has_aux=True)
    def total(both):
        cell, inputs = both
        rest = cell.init(inputs.shape[1:], inputs.dtype)

        def step(state, now):
            x, t = now
            fold = jr.fold_in(jr.fold_in(key, t), number)
            new, out = cell(state, x, key=fold)
            held = jax.tree.map(lambda n, o: jnp.where(t < end, n, o), new, state)
            return held, jnp.where(t < end, out, 0)

        state, outs = jax.lax.scan(step, rest, (inputs, jnp.arange(len(inputs))))
        floats = eqx.filter(state, eqx.is_inexact_array)
        leaves = jax.tree.leaves(floats, is_leaf=lambda node: isinstance(node, Shared))
        own = [each for each in leaves if not isinstance(each, Shared)]
        parts = [jnp.sum(jnp.sin(each)) for each in (outs, *own)]
        return jnp.sum(jnp.stack(parts)), (state, outs)

    (_, (state, outs)), gradient = total((cell, jnp.asarray(inputs)))
    return state, outs, eqx.filter(gradient, eqx.is_inexact_array)


def test_a_length_counts_from_the_first_piece():
    inputs = exact((8, 2, 4), 3)
    lengths = jnp.array([3, 7])
    cell = Stack(linear(4, 4), LIF(0.5), LeakyIntegrator(0.5))
    whole = cell.run(inputs, batched=True, lengths=lengths)
    state, first = cell.run(inputs[:5], batched=True, lengths=lengths)
    state, second = cell.run(inputs[5:], state, batched=True, lengths=lengths, start=5)
    np.testing.assert_array_equal(whole[1], jnp.concatenate([first, second]))
    jax.tree.map(np.testing.assert_array_equal, whole[0], state)


# A constant input.


@pytest.mark.parametrize("options", [{}, {"checkpoint": True}, {"lengths": 4}])
def test_steps_repeat_the_input(options):
    cell, x, key = network(), exact((2, 4), 3), jr.key(1)
    options = options | {"batched": True, "key": key}
    if "lengths" in options:
        options["lengths"] = jnp.array([4, 6])
    watch = ("0.out", "1.v", "1.out")
    repeated = jnp.broadcast_to(x, (6, *x.shape))
    expected = cell.run(repeated, watch=watch, **options)
    got = cell.run(x, steps=6, watch=watch, **options)
    jax.tree.map(np.testing.assert_array_equal, got, expected)


def test_what_comes_before_the_first_cell_runs_once():
    cell = Stack(linear(4, 5), jnp.tanh, linear(5, 4), LIF(), linear(4, 3))
    program = jax.make_jaxpr(lambda x: cell.run(x, steps=50, batched=True)[1])
    text = str(program(jnp.ones((2, 4))))
    assert text.count("f32[50,2,4]") and not text.count("f32[50,2,5]")
    deterministic = Stack(jnp.tanh, lambda x: x + 1)
    np.testing.assert_array_equal(deterministic.run(jnp.zeros(2), steps=3)[1], 1)
    # A mask a step is another one each step, so that it cannot run once.
    noisy = Stack(eqx.nn.Dropout(0.5), LeakyIntegrator(0.0))
    out = noisy.run(jnp.ones(200), steps=2, key=jr.key(0))[1]
    assert np.any(out[0] != out[1])


# What is seen.


class Doubling(AbstractCell):
    """A cell of a user that shows twice its input."""

    def init(self, shape, dtype=jnp.float32):
        return {"last": jnp.zeros(shape, dtype)}

    def __call__(self, state, x, *, key=None):
        return {"last": x}, x + state["last"]

    def observe(self, state, x):
        return {"twice": 2 * x}


@pytest.mark.parametrize("checkpoint", [False, True])
def test_watch_sees_states_outputs_and_more_of_every_layer(checkpoint):
    cell = Stack(linear(4, 4), LIF(0.5), Doubling(), Stack(LIF(0.5), LeakyIntegrator()))
    inputs, lengths = exact((6, 2, 4), 5), jnp.array([6, 3])
    watch = ("0.out", "1.v", "1.u", "1.out", "2.last", "2.twice", "3.0.v", "3.out")
    _, outs, seen = cell.run(
        inputs, batched=True, lengths=lengths, watch=watch, checkpoint=checkpoint
    )
    assert set(seen) == {*watch}
    np.testing.assert_array_equal(seen["3.out"], outs)
    valid = jnp.arange(6)[:, None] < lengths[None]
    for value in seen.values():
        assert value.shape == (6, 2, 4) and not np.any(np.asarray(value)[~valid])
    u, spikes, v = seen["1.u"], seen["1.out"], seen["1.v"]
    np.testing.assert_array_equal(v, u - spikes)
    np.testing.assert_array_equal(spikes, u > 1)
    np.testing.assert_array_equal(seen["2.twice"], 2 * spikes)
    np.testing.assert_array_equal(seen["2.last"], spikes)
    currents = jnp.where(valid[..., None], inputs @ cell[0].weight.T, 0)
    np.testing.assert_array_equal(seen["0.out"], currents)


def test_watch_takes_a_function_of_one_step_of_one_sample():
    cell = Stack(linear(4, 4), LIF(0.5))

    def loudest(step):
        assert step["1.u"].shape == (4,)
        return jnp.max(step["1.u"]), step["out"].sum()

    inputs = exact((6, 2, 4), 5)
    _, outs, (loud, number) = cell.run(inputs, batched=True, watch=loudest)
    u = cell.run(inputs, batched=True, watch=("1.u",))[2]["1.u"]
    np.testing.assert_array_equal(loud, u.max(-1))
    np.testing.assert_array_equal(number, outs.sum(-1))


def test_a_single_cell_and_the_cells_of_others_are_watched():
    _, spikes, seen = LIF().run(exact((5, 3)), watch=("v", "u", "out"))
    np.testing.assert_array_equal(seen["out"], spikes)
    recurrent = Recurrent(LIF(), exact((3, 3)))
    _, spikes, seen = recurrent.run(exact((5, 3)), watch=("0.u", "0.out", "1.out"))
    np.testing.assert_array_equal(seen["0.out"], spikes)
    np.testing.assert_array_equal(seen["1.out"][1:], spikes[:-1] @ exact((3, 3)))
    with pytest.raises(ValueError, match=r"no path 'w'; the paths are out, u, v"):
        LIF().run(exact((5, 3)), watch=("w",))
    with pytest.raises(TypeError, match=r"`watch` of `LIF.run` must be a tuple"):
        LIF().run(exact((5, 3)), watch="v")  # pyright: ignore[reportArgumentType]


# Keys.


def test_keys_are_folded_by_step_sample_and_layer():
    cell = Stack(jnp.sin, Stack(jnp.sin, eqx.nn.Dropout(0.5)))
    inputs, key = jnp.ones((3, 2, 50)), jr.key(7)
    _, outs = cell.run(inputs, key=key, batched=True, start=4)
    for t in range(3):
        for b in range(2):
            fold = jr.fold_in(jr.fold_in(key, 4 + t), b)
            layer = jr.fold_in(jr.fold_in(fold, 1), 1)
            x = jnp.sin(jnp.sin(inputs[t, b]))
            there = eqx.nn.Dropout(0.5)(x, key=layer)
            np.testing.assert_array_equal(outs[t, b], there)
    _, one = cell.run(inputs[:, 0], key=key)
    there = eqx.nn.Dropout(0.5)(
        jnp.sin(jnp.sin(inputs[2, 0])),
        key=jr.fold_in(jr.fold_in(jr.fold_in(key, 2), 1), 1),
    )
    np.testing.assert_array_equal(one[2], there)
    keys = jr.split(key, 2)
    _, each = cell.run(inputs, key=keys, batched=True)
    for b in range(2):
        alone = cell.run(inputs[:, b], key=keys[b])[1]
        np.testing.assert_array_equal(each[:, b], alone)
    legacy = cell.run(inputs, key=jr.PRNGKey(7), batched=True, start=4)[1]
    np.testing.assert_array_equal(legacy, outs)


# Two lives of a state.


class Counter(AbstractCell):
    """Counts the steps in what all samples share."""

    def init(self, shape, dtype=jnp.float32):
        return {"own": jnp.zeros(shape, dtype), "all": Shared(jnp.zeros((), dtype))}

    def __call__(self, state, x, *, key=None):
        number = state["all"].value + 1
        return {"own": state["own"] + x, "all": Shared(number)}, x + number


class Personal(Counter):
    def __call__(self, state, x, *, key=None):
        state, out = super().__call__(state, x)
        return state | {"all": Shared(state["all"].value + x.sum())}, out


def test_what_is_shared_outlives_the_sample():
    cell = Stack(Counter(), LIF())
    state, _ = cell.run(jnp.ones((5, 3, 2)), batched=True)
    assert state[0]["all"].value == 5 and state[0]["own"].shape == (3, 2)
    rest = cell.rest(state)
    assert rest[0]["all"].value == 5 and rest[0]["own"] is None
    for batch in (2, None):
        shape = (4, 2) if batch is None else (4, batch, 2)
        again, _ = cell.run(jnp.ones(shape), rest, batched=batch is not None)
        assert again[0]["all"].value == 9 and np.all(again[0]["own"] == 4)
    fresh = [cell.run(jnp.ones((4, 2)), start) for start in (None, cell.rest())]
    jax.tree.map(np.testing.assert_array_equal, *fresh)
    lengths = jnp.array([2, 4, 0])
    state, _ = cell.run(jnp.ones((5, 3, 2)), batched=True, lengths=lengths)
    assert state[0]["all"].value == 4  # while there is any sample
    with pytest.raises(ValueError, match=r"Layer 0 \(Personal\): .* differs between"):
        Stack(Personal()).run(jnp.ones((4, 3, 2)), batched=True)


def test_reset_brings_some_samples_back():
    cell, inputs = Stack(Counter(), Delay(2), LIF(0.5)), exact((6, 3, 4), 9)
    state, _ = cell.run(inputs, batched=True)
    begun = cell.reset(state, jnp.array([True, False, True]))
    assert begun[0]["all"].value == 6
    _, outs = cell.run(inputs, begun, batched=True, start=0)
    _, on = cell.run(inputs, state, batched=True)
    _, anew = cell.run(inputs, cell.rest(state), batched=True)
    np.testing.assert_array_equal(outs[:, 1], on[:, 1])
    np.testing.assert_array_equal(outs[:, [0, 2]], anew[:, [0, 2]])


# Errors.


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run(jnp.ones((5, 3))), r"Layer 0 \(Linear\)"),
        (lambda run: run(jnp.ones((5, 2, 4))), "a batch, give `batched=True`"),
        (lambda run: run(jnp.ones(4), batched=True), "time and then batch first"),
        (lambda run: run({}), "got the shapes of nothing"),
        (
            lambda run: run(
                jnp.ones((5, 2, 4)), batched=True, lengths=jnp.ones(3, int)
            ),
            r"one for each sample, \(2,\); got the shape \(3,\)",
        ),
        (
            lambda run: run(jnp.ones((5, 4)), watch=("1.v", "1.w")),
            "no path '1.w'; the paths are 0.out, 1.out, 1.u, 1.v, out",
        ),
        (
            lambda run: run(jnp.ones((5, 4)), LIF().init((4,))),
            "`state` must be a state of this cell",
        ),
        (
            lambda run: run(jnp.ones((5, 4)), Stack(linear(5, 5), LIF()).init((5,))),
            "`state` must",
        ),
    ],
)
def test_wrong_runs_are_errors_of_few_lines(call, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call(Stack(linear(4, 4), LIF()).run)
    assert len(str(caught.value).splitlines()) <= 3
