"""What fluctuation-driven weights do to a membrane potential, by simulation."""

import functools as ft
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from ngcx.init import FanInGaussian, FluctuationDriven, reinitialize
from ngcx.neurons import (
    LIF,
    HardReset,
    NoReset,
    Recurrent,
    SoftReset,
    Stack,
    SynapticLIF,
    poisson,
)


N, T = 400, 8000


@ft.cache
def spikes(rate: float):
    return poisson(jr.key(0), jnp.full(N, rate), T)


def cell(law, **options):
    if law.synaptic_decay:
        options["synaptic_decay"] = law.synaptic_decay
        return SynapticLIF(law.decay, law.threshold, **options)
    return LIF(law.decay, law.threshold, **options)


LAWS = [
    FluctuationDriven(),
    FluctuationDriven(rate=0.02, decay=0.95, xi=2.0, mean=0.5),
    FluctuationDriven(rate=0.1, decay=0.8, synaptic_decay=0.7, mean=-1.0),
    FluctuationDriven(rate=0.05, synaptic_decay=0.9, xi=3.0, threshold=2.0),
]


@pytest.mark.parametrize("law", LAWS)
def test_mean_and_variance_of_the_potential_are_those_asked_for(law):
    currents = spikes(law.rate) @ law(jr.key(1), (N, N))
    *_, seen = cell(law, reset=NoReset()).run(currents, watch=("u",))
    u = np.asarray(seen["u"], np.float64)[200:]
    fluctuation = (law.threshold - law.mean) / law.xi
    variance = np.mean(np.var(u, axis=0))
    assert abs(variance / fluctuation**2 - 1) < 0.05
    # The mean over all neurons has an error by their weights, of known size.
    assert abs(np.mean(u) - law.mean) < 0.05 * fluctuation + 4 * error_of_mean(law)


def spread(law):
    """The standard deviation of the means of neurons, beside that in time."""
    a, b, p = law.synaptic_decay, law.decay, law.rate
    k = np.arange(2000)
    response = np.convolve(a**k, b**k)[:2000] if a else b**k
    ratio = p * response.sum() ** 2 / ((1 - p) * (response**2).sum())
    return np.sqrt(ratio) * (law.threshold - law.mean) / law.xi


def error_of_mean(law):
    return spread(law) / np.sqrt(N)


@pytest.mark.parametrize("law", [LAWS[0], FluctuationDriven(rate=0.02, xi=2.0)])
@pytest.mark.parametrize("reset", [SoftReset(), HardReset()])
def test_rates_lie_between_the_crossings_and_the_tail(law, reset):
    """A reset only lowers potentials, so neurons spike in no more steps than those in
    which the free potential is above the threshold; and about once at least for each
    time that it gets there.
    """
    currents = spikes(law.rate) @ law(jr.key(1), (N, N))
    _, out = cell(law, reset=reset).run(currents)
    rate = float(jnp.mean(out[200:]))
    in_time = (law.threshold - law.mean) / law.xi
    total = np.hypot(in_time, spread(law))
    xi = (law.threshold - law.mean) / total
    correlation = (law.decay * in_time**2 + spread(law) ** 2) / total**2
    covariance: Any = [[1, correlation], [correlation, 1]]
    both = scipy.stats.multivariate_normal([0, 0], covariance)
    tail = scipy.stats.norm.sf(xi)
    crossings = tail - both.cdf([-xi, -xi])
    assert 0.5 * crossings < rate < 1.1 * tail


@given(
    st.floats(0.001, 0.9),
    st.floats(0, 0.99),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.floats(0.5, 3),
    st.integers(1, 3),
)
def test_weights_follow_the_formula(rate, decay, synaptic, xi, kernel):
    law = FluctuationDriven(rate=rate, decay=decay, synaptic_decay=synaptic, xi=xi)
    weights = law.numpy(0, (kernel, kernel, 8, 2000), np.float64)
    k = np.arange(3000)
    response = np.convolve(synaptic**k, decay**k)[:3000]
    inputs = kernel**2 * 8
    expected = xi**-2 / (inputs * rate * (1 - rate) * np.sum(response**2))
    assert abs(np.mean(weights**2) / expected - 1) < 6 * np.sqrt(2 / weights.size)


def test_shares_add_up():
    whole = FluctuationDriven(mean=0.5)
    parts = [FluctuationDriven(mean=0.5, share=share) for share in (0.75, 0.25)]
    laws = [law.law((9, 9), -2, -1, ()) for law in (whole, *parts)]
    assert np.isclose(laws[0].mean, sum(law.mean for law in laws[1:]))
    currents = spikes(0.05) @ parts[0](jr.key(1), (N, N))
    feedback = parts[1](jr.key(2), (N, N))
    # Independent spikes in the place of its own.
    currents += jnp.roll(spikes(0.05), T // 2, axis=0) @ feedback
    *_, seen = LIF(reset=NoReset()).run(currents, watch=("u",))
    assert abs(np.mean(np.var(seen["u"][200:], axis=0)) / 0.25 - 1) < 0.07
    rates = Recurrent(LIF(), feedback).run(currents)[1].mean()
    assert 0.01 < rates < 0.2


def rates(law, depth, width=128):
    layers = [
        layer
        for i in range(depth)
        for layer in (eqx.nn.Linear(width, width, use_bias=False, key=jr.key(i)), LIF())
    ]
    stack = reinitialize(Stack(*layers), law, jr.key(1))
    inputs = poisson(jr.key(2), jnp.full((8, width), 0.05), 200)
    paths = tuple(f"{2 * i + 1}.out" for i in range(depth))
    *_, seen = stack.run(inputs, batched=True, watch=paths)
    return [float(seen[path].mean()) for path in paths]


@pytest.mark.parametrize("depth", [2, 6])
def test_deep_layers_start_active_and_are_silent_otherwise(depth):
    assert all(0.01 < rate < 0.2 for rate in rates(FluctuationDriven(), depth))
    assert rates(FanInGaussian(), depth)[-1] < 10.0 ** -(depth + 1)


def test_what_cannot_be_is_an_error():
    with pytest.raises(ValueError, match="`mean` must be below the `threshold` 1.0"):
        FluctuationDriven(mean=1.0)
    with pytest.raises(ValueError, match="`xi` must be smaller for a `mean` of 0.9"):
        FluctuationDriven(mean=0.9, xi=3.0)(jr.key(0), (4, 4))
    with pytest.raises(ValueError, match="`rate` must be between 0 and 1; got 0.0"):
        FluctuationDriven(rate=0.0)
