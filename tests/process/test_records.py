"""What a scan records, and how a process is shown."""

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
