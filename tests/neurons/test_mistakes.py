"""What neurons refuse, and how they say so."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from ngcx.neurons import (
    LIF,
    AdaptiveLIF,
    BatchNorm,
    Delay,
    Dropout,
    Each,
    Frozen,
    HardReset,
    LeakyIntegrator,
    LIFState,
    Parallel,
    Recurrent,
    Residual,
    SoftReset,
    Stack,
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
    with pytest.raises(TypeError, match=r"`feedback` of .* must be .*\[2, 3\]"):
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


@pytest.mark.parametrize(
    "cell",
    [
        LIF(),
        AdaptiveLIF(),
        SynapticLIF(),
        LeakyIntegrator(),
        BatchNorm(2),
        Delay(1),
        Dropout(),
        Each(LIF()),
        Parallel(LIF(), LeakyIntegrator()),
        Recurrent(LIF(), jnp.eye(2)),
        Residual(LIF()),
        Stack(LIF()),
    ],
    ids=lambda cell: type(cell).__name__,
)
def test_what_is_no_dtype_or_shape_is_an_error_of_every_cell(cell):
    for dtype in (None, "text", 3, object, (), jnp.ones(2)):
        with pytest.raises(TypeError, match="`dtype` of `.*init` must be a dtype"):
            cell.init((2,), dtype)
    for shape in (None, 3, "text", (2.0,), (-1,), [2], {}, jnp.ones(2)):
        with pytest.raises((TypeError, ValueError), match="`shape`"):
            cell.init(shape)


def test_a_matrix_for_other_neurons_is_named():
    for shape in ((), (2,), (2, 4)):
        with pytest.raises(ValueError, match="`feedback` must be a matrix for"):
            Recurrent(LIF(), jnp.eye(3)).init(shape)
    with pytest.raises(TypeError, match="`feedback`"):
        Recurrent(LIF(), np.array([["a"]]))  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="`value` of `Frozen` .* of bytes"):
        Frozen({"bias": np.ones(2, ">f8")})
    with pytest.raises(TypeError, match="`value` of `Frozen` .* numbers"):
        Frozen(np.array([object()]))


def test_arrays_of_numpy_are_taken_where_a_field_takes_anything():
    matrix = np.eye(3, dtype=np.float32)
    inputs = jnp.ones((4, 3))
    given: list[Any] = [matrix, Frozen(matrix), Frozen(np.eye(3))]
    for feedback in given:
        _, expected = Recurrent(LIF(), jnp.eye(3)).run(inputs)
        np.testing.assert_array_equal(
            Recurrent(LIF(), feedback).run(inputs)[1], expected
        )
