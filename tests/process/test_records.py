"""What a scan records, and how a process is shown."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from ngcx.process import MethodProcess

from .test_process import STATE, assert_close, count, process, spikes_of


def test_every_nth_step_is_recorded():
    model, xs = process(), jr.normal(jr.key(1), (6, 2))
    last, all_ = model.scan(STATE, {"x": xs}, watch=spikes_of)
    for every, checkpoint in ((1, False), (2, False), (3, True), (6, False)):
        options = {"every": every, "checkpoint": checkpoint}
        got = model.scan(STATE, {"x": xs}, watch=spikes_of, **options)
        assert_close(got, (last, all_[every - 1 :: every]))
    with pytest.raises(ValueError, match="`every` must divide .* 6; got 4"):
        model.scan(STATE, {"x": xs}, watch=spikes_of, every=4)
    clock = MethodProcess("clock", count)
    assert clock.scan(STATE, {}, length=4, every=2)[0]["step"] == 4


def test_a_process_is_shown_as_a_table():
    assert repr(process()) == (
        "JointProcess 'model'\n"
        "  neurons.integrate  x\n"
        "  neurons.fire       threshold\n"
        "  clock.count"
    )


def test_a_table_says_what_steps_read_and_write():
    assert process().table(STATE, {"x": jnp.ones(2)}).splitlines() == [
        "step               reads  writes",
        "neurons.integrate  v, x   v",
        "neurons.fire       v      spikes, v",
        "clock.count        step   step",
    ]

    @eqx.filter_jit
    def swap(state, unused, rate):
        return {"a": state["b"], "b": rate * state["a"], "c": state["c"] + 0 * unused}

    def idle(state):
        return state

    model = MethodProcess("model", swap, idle, ("halve", lambda state: state))
    state = {name: jnp.zeros(2, jnp.float16) for name in "abc"}
    assert model.table(state, {"unused": 1.0, "rate": 2.0}).splitlines() == [
        "step   reads                  writes",
        "swap   a, b, c, rate, unused  a, b, c",
        "idle",
        "halve",
    ]
    alone = MethodProcess("alone", ("halve", lambda v: v / 2))
    for like in (jnp.ones(2), jax.ShapeDtypeStruct((2,), jnp.float32)):
        assert alone.table(like, {}).splitlines()[1] == "halve  state  state"
    with pytest.raises(ValueError, match="`inputs` must have 'rate'"):
        model.table(state, {"unused": 1.0})
    with pytest.raises(TypeError, match="must keep the structure"):
        MethodProcess("loses", ("it", lambda v: (v, v))).table(jnp.ones(2), {})
