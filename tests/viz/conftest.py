import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx import activations, surrogate, viz


KEY = jr.key(0)
SPIKES = np.random.default_rng(0).random((60, 5)) < 0.1
TARGETS = np.roll(SPIKES, 1, axis=1) | (SPIKES & (np.arange(60) < 30)[:, None])
TIME = np.arange(60)[:, None]
POTENTIAL = np.abs(np.sin(TIME / np.array([7.0, 11.0, 13.0, 5.0, 9.0])))
WEIGHTS = np.random.default_rng(1).normal(size=(7, 12))
POINTS = np.random.default_rng(2).normal(size=(30, 2))
MATRIX = np.array([[50, 3, 2], [4, 40, 6], [0, 9, 30]])

# Every function that draws is here, for the tests of what holds of all of them.
PICTURES = {
    "raster": lambda ax: viz.raster(SPIKES, ax=ax),
    "spike_comparison": lambda ax: viz.spike_comparison(SPIKES, TARGETS, ax=ax),
    "traces": lambda ax: viz.traces(POTENTIAL, threshold=0.9, ax=ax),
    "membrane": lambda ax: viz.membrane(
        POTENTIAL,
        current=2 * POTENTIAL,
        spikes=SPIKES,
        refractory=np.roll(SPIKES, 1, axis=0),
        threshold=0.9,
        ax=ax,
    ),
    "compartments": lambda ax: viz.compartments(
        {"Potential (mV)": POTENTIAL, "Current (nA)": POTENTIAL[:, 0]}, ax=ax
    ),
    "receptive_fields": lambda ax: viz.receptive_fields(WEIGHTS, (3, 4), ax=ax),
    "macro_grid": lambda ax: viz.macro_grid([WEIGHTS, WEIGHTS[:4]], (3, 4), ax=ax),
    "confusion": lambda ax: viz.confusion(MATRIX, ax=ax),
    "latents": lambda ax: viz.latents(POINTS, np.arange(30) % 3, ax=ax),
    "activation_gallery": lambda ax: viz.activation_gallery(
        {"tanh": activations.Tanh(), "softmax": activations.Softmax()}, ax=ax
    ),
    "surrogate_gallery": lambda ax: viz.surrogate_gallery(
        {"arctan": surrogate.Arctan()}, x=jnp.linspace(-1, 1, 12), ax=ax
    ),
}


@pytest.fixture(params=PICTURES)
def draw(request):
    """A function that draws with its defaults, in the axes that it is given."""
    return PICTURES[request.param]
