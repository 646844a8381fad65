"""What neurons refuse, and how they say so."""

import jax.numpy as jnp
import pytest

from ngcx.neurons import (
    LIF,
    AdaptiveLIF,
    HardReset,
    LIFState,
    Recurrent,
    SoftReset,
    SynapticLIF,
    TimeConstant,
)
from ngcx.surrogate import MultiLevelSpikeCount


def test_a_state_that_lacks_what_the_options_need_is_an_error():
    with pytest.raises(ValueError, match=r"`state\.refractory` must say .* got None"):
        LIF(refractory_steps=3)(LIFState(jnp.zeros(1)), jnp.ones(1))
    with pytest.raises(ValueError, match=r"`state\.pending` must say .* got None"):
        LIF(reset=SoftReset(delayed=True))(LIFState(jnp.zeros(1)), jnp.ones(1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LIF(1.5), "`decay` must be from 0 to 1; got 1.5"),
        (lambda: AdaptiveLIF(-0.1), "`decay` must be from 0 to 1; got -0.1"),
        (
            lambda: AdaptiveLIF(adaptation_decay=2.0),
            "`adaptation_decay` must be from 0 to 1; got 2",
        ),
        (
            lambda: SynapticLIF(synaptic_decay=2.0),
            "`synaptic_decay` must be from 0 to 1; got 2",
        ),
        (lambda: LIF(float("nan")), "`decay` must be from 0 to 1; got nan"),
        (lambda: TimeConstant(0.0), "`tau` must be positive; got 0"),
        (lambda: TimeConstant(1.0, dt=-1.0), "`dt` must be positive; got -1"),
        (
            lambda: LIF(refractory_steps=-1),
            "`refractory_steps` must be 0 or more; got -1",
        ),
        (
            lambda: LIF(reset=HardReset(), surrogate=MultiLevelSpikeCount()),
            "`reset` must be `SoftReset` or `NoReset` where several spikes are counted",
        ),
        (
            lambda: SynapticLIF(reset=SoftReset(delayed=True), refractory_steps=1),
            "`reset` must not be delayed where there are refractory steps",
        ),
        (
            lambda: LIF(refractory_leak=True),
            "`refractory_leak` must be False where there are no refractory steps",
        ),
        (
            lambda: LIF(refractory_spikes=True),
            "`refractory_spikes` must be False where there are no refractory steps",
        ),
        (
            lambda: TimeConstant(0.5, euler=True),
            "`tau` must be at least `dt`, 1.0, with `euler=True`; got 0.5",
        ),
    ],
)
def test_wrong_hyperparameters_are_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match=r"`feedback` must be .* got \(2, 3\)"):
        Recurrent(LIF(), jnp.ones((2, 3)))
    with pytest.raises(TypeError, match="`reset`"):
        LIF(reset="soft")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="`x`"):
        LIF()(LIFState(jnp.zeros(3)), jnp.arange(3))
    with pytest.raises(ValueError, match="`inputs` must have the axis of time first"):
        LIF().run(jnp.ones(()))
    with pytest.raises(ValueError, match=r"the shape and dtype of the current.*\[4\]"):
        LIF()(LIF().init((3,)), jnp.ones(4))
    with pytest.raises(ValueError, match=r"`decay` must be one for all .*shape \(4,\)"):
        LIF(jnp.full(4, 0.9)).run(jnp.ones((5, 3)))
    with pytest.raises(ValueError, match=r"`v_rest` must be one for .*shape \(4,\)"):
        LIF(v_rest=jnp.ones(4)).run(jnp.ones((5, 3)))
    with pytest.raises(ValueError, match=r"`reset\.to` must be one .*shape \(4,\)"):
        LIF(reset=HardReset(jnp.ones(4))).run(jnp.ones((5, 3)))
