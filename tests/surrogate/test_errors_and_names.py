"""Names, and the errors of wrong arguments."""

import inspect
import math

import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import surrogate
from ngcx._registry import classes
from ngcx.surrogate._create import _ALIASES


@pytest.mark.parametrize(
    ("member", "hyperparameters", "message"),
    [
        ("arctan", {"alpha": 0.0}, "`alpha` must be positive; got 0"),
        ("sigmoid", {"alpha": math.nan}, "`alpha` must be positive; got nan"),
        ("q_pseudo_spike", {"alpha": 1.0}, "`alpha` must be greater than 1; got 1"),
        ("multi_gaussian", {"sigma": 0.0}, "`sigma` must be positive; got 0"),
        ("multi_gaussian", {"h": -1.0}, "`h` must be 0 or more; got -1"),
        ("square_wave_fourier_series", {"n": 0}, "`n` must be 1 or more; got 0"),
        ("multi_level_spike_count", {"max_count": 0}, "must be 1 or more; got 0"),
        (
            "multi_level_spike_count",
            {"window": (2.0, 1.0)},
            r"`window` must be \(low, high\); got \(2.0, 1.0\)",
        ),
    ],
)
def test_wrong_hyperparameters_are_errors(member, hyperparameters, message):
    with pytest.raises(ValueError, match=message):
        surrogate.create(member, **hyperparameters)


def test_wrong_arguments_are_errors():
    with pytest.raises(TypeError, match="`threshold` of `Arctan` must be"):
        surrogate.Arctan()(jnp.ones(3), jnp.ones(2))
    with pytest.raises(TypeError, match="`v` of `Arctan` must be a floating-point"):
        surrogate.Arctan()(jnp.arange(3))
    with pytest.raises(TypeError, match="`key` of `Arctan` must be a key"):
        surrogate.Arctan()(jnp.ones(3), key=0)  # pyright: ignore[reportArgumentType]


NAMES = classes(surrogate.__name__, surrogate.AbstractSurrogate, _ALIASES)
REQUIRED = {
    surrogate.AtThreshold: {"surrogate": surrogate.Erf()},
    surrogate.Custom: {"derivative": jnp.cos},
    surrogate.EscapeNoise: {"surrogate": surrogate.Erf()},
    surrogate.MultiSpike: {"surrogate": surrogate.Erf()},
    surrogate.Sparse: {"surrogate": surrogate.Erf()},
    surrogate.Sum: {"surrogates": (surrogate.Erf(),)},
}


@pytest.mark.parametrize(
    "member", dict.fromkeys(NAMES.values()), ids=lambda each: each.__name__
)
def test_nan_is_no_hyperparameter(member):
    required = REQUIRED.get(member, {})
    for name, parameter in inspect.signature(member).parameters.items():
        if "float" in str(parameter.annotation) and name != "window":
            for number in (math.nan, np.float64("nan")):
                with pytest.raises(ValueError, match=f"`{name}` must be .*; got nan"):
                    member(**required | {name: number})


def test_nan_is_no_threshold():
    for number in (math.nan, np.float64("nan")):
        with pytest.raises(ValueError, match="`threshold` must be a number; got nan"):
            surrogate.Arctan()(jnp.ones(3), number)
    with pytest.raises(ValueError, match="`window`"):
        surrogate.MultiLevelSpikeCount(window=(math.nan, 1.0))


@pytest.mark.parametrize("name", NAMES)
def test_create(name):
    member = surrogate.create(name, gain=2.0, **REQUIRED.get(NAMES[name], {}))
    assert type(member) is NAMES[name] and member.gain == 2


def test_names_are_those_of_the_classes_in_snake_case():
    for name, member in {
        "log_tailed_relu": surrogate.LogTailedReLU,
        "multi_level_spike_count": surrogate.MultiLevelSpikeCount,
        "q_pseudo_spike": surrogate.QPseudoSpike,
        "s2nn": surrogate.S2NN,
        "secant_lif": surrogate.SecantLIF,
        "super_spike": surrogate.FastSigmoid,
    }.items():
        assert NAMES[name] is member


def test_all_are_binary_but_the_counts():
    composed = REQUIRED
    for kind in {*NAMES.values()} - {*composed}:
        member = kind()  # pyright: ignore[reportAbstractUsage]
        emits = np.unique(member(jnp.array([-1.0, 0.4, 3.0])))
        assert member.binary == (set(emits) <= {0, 1})


def test_create_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="got 'actan'. Did you mean 'arctan'?"):
        surrogate.create("actan")
