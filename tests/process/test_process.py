"""Processes beside loops and scans by hand."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx.process import JointProcess, MethodProcess


class Layer(eqx.Module):
    weight: jax.Array
    decay: float = 0.9

    def integrate(self, state, x):
        return state | {"v": self.decay * state["v"] + self.weight @ x}

    def fire(self, state, threshold=1.0):
        spikes = jax.nn.sigmoid(state["v"] - threshold)
        return state | {"spikes": spikes, "v": state["v"] - spikes}


def count(state):
    return state | {"step": state["step"] + 1}


def process(seed=0):
    layer = Layer(jr.normal(jr.key(seed), (3, 2)))
    neurons = MethodProcess("neurons", layer.integrate, layer.fire)
    return JointProcess("model", neurons, MethodProcess("clock", count))


def weight_of(model):
    return jax.tree.leaves(model)[0]


STATE = {"v": jnp.zeros(3), "spikes": jnp.zeros(3), "step": jnp.zeros((), int)}


def by_hand(weight, state, x, threshold=1.0):
    v = 0.9 * state["v"] + weight @ x
    spikes = jax.nn.sigmoid(v - threshold)
    return {"v": v - spikes, "spikes": spikes, "step": state["step"] + 1}


def spikes_of(state):
    return state["spikes"]


def assert_close(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), got, expected
    )


@given(seed=st.integers(0, 999), loop=st.sampled_from([(1, 1), (4, 1), (4, 3)]))
def test_a_scan_is_a_loop_of_runs(seed, loop):
    steps, unroll = loop
    model, xs = process(seed), jr.normal(jr.key(seed), (steps, 2))
    state, watched = STATE, []
    for x in xs:
        before = state
        state = model.run(state, {"x": x})
        weight = weight_of(model)
        assert_close(state, by_hand(weight, before, x))
        watched.append(spikes_of(state))
    for checkpoint in (False, True):
        last, stacked = model.scan(
            STATE, {"x": xs}, watch=spikes_of, unroll=unroll, checkpoint=checkpoint
        )
        assert_close(last, state)
        assert_close(stacked, jnp.stack(watched))
    assert model.scan(STATE, {"x": xs})[1] is None


def test_compiles_once():
    traces = []

    def step(state, x):
        traces.append(None)
        return state + x

    model = MethodProcess("sum", step)
    for value in (1.0, 2.0, jnp.asarray(3.0)):
        model.run(jnp.asarray(value), {"x": value})
    runs = len(traces)
    assert runs == 1
    for value in (1.0, 2.0):
        model.scan(jnp.asarray(value), model.pack(5, x=value))
    assert len(traces) == runs + 1
    for seed in (0, 1):
        process(seed).run(STATE, {"x": jnp.ones(2)})


def test_compiles_to_what_is_written_by_hand():
    model, xs = process(), jnp.ones((50, 2))
    weight = weight_of(model)

    def scanned(weight, state, xs):
        def step(state, x):
            state = by_hand(weight, state, x)
            return state, spikes_of(state)

        return jax.lax.scan(step, state, xs)

    arrays, rest = eqx.partition(model, eqx.is_array)

    def ours(arrays, state, xs):
        return eqx.combine(arrays, rest).scan(state, {"x": xs}, watch=spikes_of)

    costs: Any = [
        jax.jit(function).lower(first, STATE, xs).compile().cost_analysis()
        for function, first in ((ours, arrays), (scanned, weight))
    ]
    for what in ("flops", "bytes accessed"):
        assert costs[0][what] == costs[1][what]


def test_gradients_reach_the_modules_and_the_inputs():
    model, xs = process(), jr.normal(jr.key(1), (6, 2))

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(both, checkpoint):
        model, xs = both
        last, _ = model.scan(STATE, {"x": xs}, checkpoint=checkpoint)
        return jnp.sum(last["v"])

    def loss(weight, xs):
        state = STATE
        for x in xs:
            state = by_hand(weight, state, x)
        return jnp.sum(state["v"])

    weight = weight_of(model)
    expected = jax.jit(jax.grad(loss, (0, 1)))(weight, xs)
    for checkpoint in (False, True):
        got, got_xs = gradient((model, xs), checkpoint)
        steps = got.processes[0].steps
        total = sum(step.__self__.weight for step in steps)
        assert_close((total, got_xs), expected)


def test_vmap_and_jit():
    model, xs = process(), jr.normal(jr.key(1), (5, 4, 2))

    def last(xs):
        return model.scan(STATE, {"x": xs})[0]

    rows = [last(x) for x in xs]
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
    assert_close(jax.jit(jax.vmap(last))(xs), expected)


def test_pack():
    model = process()
    xs = np.arange(6.0, dtype="f4").reshape(3, 2)
    packed = model.pack(3, {"x": xs}, threshold=0.5)
    np.testing.assert_array_equal(packed["x"], xs)
    np.testing.assert_array_equal(packed["threshold"], [0.5, 0.5, 0.5])
    packed = model.pack(3, x=lambda t: jnp.stack([t, t * t]).astype(jnp.float32))
    np.testing.assert_array_equal(packed["x"], [[0, 0], [1, 1], [2, 4]])
    last, _ = model.scan(STATE, packed)
    assert last["step"] == 3
    with pytest.raises(ValueError, match=r"`x` must have .* of 4 time steps.*\(3, 2\)"):
        model.pack(4, {"x": xs})
    with pytest.raises(ValueError, match=r"`over_time` must not have \['x'\]"):
        model.pack(3, {"x": xs}, x=1.0)
    with pytest.raises(TypeError, match="`x` must be a number, a key, an array"):
        model.pack(3, {"x": "text"})
    with pytest.raises(TypeError, match="function of the step; got the class object"):
        model.pack(3, x=object)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (3, 4), (1, 4), (0,)])
@pytest.mark.parametrize("length", [1, 3, 4])
def test_no_size_decides_whether_an_array_varies(shape, length):
    model = MethodProcess("model", ("learn", lambda state, target: state))
    target = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    for array in (target, jnp.asarray(target), {"of": (target, 1.0)}):
        with pytest.raises(ValueError, match="`target` must be in `over_time` if "):
            model.pack(length, target=array)
    kept = model.pack(length, target=lambda step: target)["target"]
    np.testing.assert_array_equal(kept, np.stack([target] * length))
    varying = np.stack([target + step for step in range(length)])
    packed = model.pack(length, {"target": {"of": varying}})["target"]
    np.testing.assert_array_equal(packed["of"], varying)


def test_numbers_of_numpy_are_those_of_python():
    def add(state, x):
        return state + x

    model = MethodProcess("model", add)
    three: Any = np.int64(3)
    inputs = model.pack(three, x=np.float32(2))
    assert inputs["x"].dtype == jnp.float32
    last, _ = model.scan(np.float32(1), inputs, length=three, unroll=np.int8(1))  # pyright: ignore[reportArgumentType]
    assert last == 7
    assert model.run(np.float32(1), {"x": np.float32(2)}) == 3


def test_each_step_gets_a_key_of_its_own():
    def jitter(state, key, scale=1.0):
        return state + scale * jr.normal(key)

    model = MethodProcess("model", jitter)
    for make in (jr.key, lambda seed: jr.key(seed, impl="rbg")):
        inputs = model.pack(6, key=make(0))
        noise = model.scan(0.0, inputs, watch=lambda state: state)[1]
        assert len(np.unique(np.diff(noise))) == 5
        with pytest.raises(ValueError, match="`key` must be in `over_time` if"):
            model.pack(6, key=jr.split(make(0), 6))
    # The words of a legacy key are numbers like others.
    with pytest.raises(ValueError, match="`key` must be in `over_time` if"):
        model.pack(6, key=jr.PRNGKey(0))


def test_inputs_are_known_and_checked():
    model = process()
    assert model.inputs == {
        "neurons.integrate": ("x",),
        "neurons.fire": ("threshold",),
        "clock.count": (),
    }
    missing = r"must have 'x', which the step 'neurons.integrate' of 'model' takes"
    unknown = r"must be some of \['threshold', 'x'\].*got \['y'\]"
    for call in (model.run, model.jaxpr):
        with pytest.raises(ValueError, match=missing):
            call(STATE, {"threshold": 1.0})
        with pytest.raises(ValueError, match=unknown):
            call(STATE, {"x": jnp.ones(2), "y": 1.0})
    with pytest.raises(ValueError, match=missing):
        model.scan(STATE, {"threshold": jnp.ones(3)})
    with pytest.raises(ValueError, match=unknown):
        model.pack(3, {"x": jnp.ones((3, 2))}, y=1.0)
    assert "dot_general" in str(model.jaxpr(STATE, {"x": jnp.ones(2)}))


def test_lengths():
    clock = MethodProcess("clock", count)
    assert clock.scan(STATE, {}, length=4)[0]["step"] == 4
    with pytest.raises(ValueError, match="`inputs` must have leading axes"):
        clock.scan(STATE, {})
    model = process()
    inputs = {"x": jnp.ones((3, 2)), "threshold": jnp.ones(4)}
    with pytest.raises(ValueError, match=r"got \[3, 4\]"):
        model.scan(STATE, inputs)
    with pytest.raises(ValueError, match=r"got \[3, 5\]"):
        model.scan(STATE, {"x": jnp.ones((3, 2))}, length=5)


WRONG = {
    "a shape": lambda state: state | {"v": jnp.ones(4)},
    "a dtype": lambda state: state | {"v": state["v"].astype(jnp.float16)},
    "integers": lambda state: state | {"v": state["v"].astype(int)},
    "fewer keys": lambda state: {"v": state["v"]},
    "more keys": lambda state: state | {"w": state["v"]},
    "nothing": lambda state: None,
    "a list": lambda state: list(state.values()),
    "text": lambda state: state | {"v": "text"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_step_that_changes_the_state_is_named(wrong):
    model = MethodProcess("model", count, ("wrong", WRONG[wrong]))
    joint = JointProcess("joint", model)
    for one, name, owner in (
        (model, "wrong", "model"),
        (joint, "model.wrong", "joint"),
    ):
        for call in (
            lambda one=one: one.run(STATE, {}),
            lambda one=one: one.scan(STATE, {}, length=2),
            lambda one=one: one.jaxpr(STATE, {}),
        ):
            match = f"`{name}` of `{owner}` must keep the structure, .* got .* for "
            with pytest.raises(TypeError, match=match) as raised:
                call()
            assert len(str(raised.value).splitlines()) <= 3


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_float32_and_rounded_where_stored(kind):
    def decay(state, x):
        seen.append((state["v"].dtype, x.dtype))
        return state | {"v": 0.99 * state["v"] + x, "fired": state["v"] > 1}

    def rest(state):
        # A step may name the dtype in which the state is stored.
        return state | {"trace": jnp.full(2, 3, kind)}

    seen = []
    model = MethodProcess("model", decay, rest)
    state = {"v": jnp.full(2, 100, kind), "trace": jnp.ones(2, kind), "key": jr.key(0)}
    state["fired"] = jnp.zeros(2, bool)
    xs = jr.normal(jr.key(0), (50, 2), kind)
    inputs = model.pack(50, {"x": xs})
    last, vs = model.scan(state, inputs, watch=lambda state: state["v"])
    assert set(seen) == {(jnp.dtype("float32"),) * 2}
    v = jnp.full(2, 100, kind)
    for x, got in zip(xs, vs, strict=True):
        v = (np.float32(0.99) * v.astype("f4") + x.astype("f4")).astype(kind)
        # One operation may be fused with the next, and so round once.
        eps = float(jnp.finfo(kind).eps)
        np.testing.assert_allclose(got.astype("f4"), v.astype("f4"), rtol=eps)
        v = got
    assert vs.dtype == last["v"].dtype == last["trace"].dtype == kind
    stepped = model.run(state, {"x": xs[0]})
    np.testing.assert_array_equal(stepped["v"], vs[0])
    assert last["key"] == jr.key(0)


class Wrapped(eqx.Module):
    weight: jax.Array

    @eqx.filter_jit
    def jitted(self, state, x):
        return state + self.weight * x

    @eqx.filter_checkpoint
    def again(self, state, x, *, scale=1.0):
        return state + scale * self.weight * x

    @jax.named_call
    def plain(self, state, x):
        return state + self.weight * x

    def bare(self, state, x):
        return state + self.weight * x

    @eqx.filter_jit
    def __call__(self, state, x):
        return state + self.weight * x


def scaled(weight, state, x):
    return state + weight * x


WEIGHT = jnp.asarray([1.0, 2.0])
MODULE = Wrapped(WEIGHT)
STEPS = {
    "a bound filter_jit": MODULE.jitted,
    "a bound filter_checkpoint": MODULE.again,
    "a method with a decorator of JAX": MODULE.plain,
    "a method": MODULE.bare,
    "filter_jit of a method": eqx.filter_jit(MODULE.bare),
    "filter_checkpoint of a bound filter_jit": eqx.filter_checkpoint(MODULE.jitted),
    "a partial of Equinox": eqx.Partial(scaled, WEIGHT),
    "a partial of JAX": jax.tree_util.Partial(scaled, WEIGHT),
    "a partial of Python": functools.partial(scaled, WEIGHT),
    "a module": MODULE,
}


@pytest.mark.parametrize("kind", STEPS)
def test_steps_may_be_wrapped(kind):
    step = STEPS[kind]
    processes = [MethodProcess("model", ("named", step))]
    if kind != "a module":
        processes.append(MethodProcess("model", step))
    for model in processes:
        (inputs,) = model.inputs.values()
        assert inputs[0] == "x" and set(inputs) <= {"x", "scale"}
        np.testing.assert_array_equal(model.run(WEIGHT, {"x": 2.0}), 3 * WEIGHT)
        xs = model.pack(3, {"x": jnp.ones(3)})
        np.testing.assert_array_equal(model.scan(WEIGHT, xs)[0], 4 * WEIGHT)
        with pytest.raises(ValueError, match="must have 'x', which the step"):
            model.run(WEIGHT, {})


def test_wrong_chains_are_errors():
    with pytest.raises(ValueError, match="`steps` must be one or more"):
        MethodProcess("empty")
    with pytest.raises(ValueError, match=r"different names; got \['count', 'count'\]"):
        MethodProcess("twice", count, count)
    with pytest.raises(ValueError, match=r"given as \(name, step\)"):
        MethodProcess("nameless", lambda state: state)
    with pytest.raises(ValueError, match="must name their inputs"):
        MethodProcess("open", ("any", lambda state, **inputs: state))
    with pytest.raises(TypeError, match=r"`steps\[0\]` .* a function"):
        MethodProcess("number", 3)  # pyright: ignore[reportArgumentType]
    named = MethodProcess("named", ("first", count), ("second", count))
    assert named.run(STATE, {})["step"] == 2
    with pytest.raises(ValueError, match="`processes` must be .* different names"):
        JointProcess("joint", named, named)
    with pytest.raises(ValueError, match="`processes` must be one or more"):
        JointProcess("joint")
