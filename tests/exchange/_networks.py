"""Random networks of everything that NIR can say."""

import operator
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from hypothesis import strategies as st

from ngcx import surrogate
from ngcx.exchange import Scale
from ngcx.neurons import (
    LIF,
    Delay,
    Frozen,
    HardReset,
    LeakyIntegrator,
    NoReset,
    Parallel,
    Recurrent,
    Residual,
    Stack,
    SynapticLIF,
    TimeConstant,
)


NEURONS = 4
IMAGE = (2, 6, 6)


@st.composite
def keys(draw):
    return jr.key(draw(st.integers(0, 2**20)))


@st.composite
def parameters(draw, low, high, shape=(NEURONS,)):
    """A number, or an array of one for each neuron or one for all of them."""
    key = draw(keys())
    kind = draw(st.sampled_from(("number", "number", "each", "same", "frozen")))
    each = jr.uniform(key, shape, minval=low, maxval=high)
    if kind == "each":
        return each
    if kind == "frozen":
        return Frozen(each)
    one = float(each.ravel()[0])
    return one if kind == "number" else jnp.full(shape, one)


@st.composite
def decays(draw, shape=(NEURONS,)):
    if draw(st.integers(0, 5)) == 0:
        return TimeConstant(draw(st.sampled_from((5.0, 20.0))))
    return draw(parameters(0.3, 0.95, shape))


@st.composite
def neurons(draw, shape=(NEURONS,)):
    kind = draw(st.sampled_from((LIF, LIF, LIF, SynapticLIF, LeakyIntegrator)))
    options: dict[str, Any] = {
        "scale_input": draw(st.booleans()),
        "decay": draw(decays(shape)),
    }
    options["v_rest"] = draw(st.just(0.0) | parameters(-0.2, 0.2, shape))
    if draw(st.integers(0, 4)) == 0 and kind is not SynapticLIF:
        options = {"decay": 1.0}
    if kind is LeakyIntegrator:
        return LeakyIntegrator(**options)
    if kind is SynapticLIF:
        options["synaptic_decay"] = draw(decays(shape))
    to = draw(st.just(0.0) | parameters(-0.3, 0.1, shape))
    reset = draw(st.sampled_from((HardReset(to), HardReset(to), NoReset())))
    return kind(
        threshold=draw(parameters(0.2, 0.6, shape)),
        reset=reset,
        surrogate=draw(st.sampled_from((surrogate.Arctan(), surrogate.Sigmoid()))),
        **options,
    )


@st.composite
def linears(draw, inputs=NEURONS):
    use_bias = draw(st.booleans())
    return eqx.nn.Linear(inputs, NEURONS, use_bias=use_bias, key=draw(keys()))


def plain():
    delays = st.integers(0, 3) | st.just(Delay(jnp.array([0, 3, 1, 2]), 5))
    delays = delays.map(lambda each: Delay(each) if isinstance(each, int) else each)
    factors = parameters(0.5, 2.0).filter(lambda each: not isinstance(each, Frozen))
    scales = factors.map(lambda each: Scale(cast(Any, each)))
    return linears() | linears() | neurons() | neurons() | delays | scales


def layers(depth=2):
    """A layer of as many outputs as inputs."""
    if depth == 0:
        return plain()
    inner = layers(depth - 1)
    several = st.lists(inner, min_size=1, max_size=2).map(lambda each: Stack(*each))
    matrices = keys().map(lambda key: 0.3 * jr.normal(key, (NEURONS, NEURONS)))
    feedback = (
        matrices
        | linears()
        | st.tuples(linears(), neurons()).map(lambda each: Stack(*each))
    )
    loops = st.builds(Recurrent, neurons(), feedback)
    loops |= st.builds(
        lambda layer, neuron, back: Recurrent(Stack(layer, neuron), back),
        inner,
        neurons(),
        feedback,
    )
    branches = st.builds(Residual, several) | st.builds(
        lambda a, b: Parallel(a, b, combine=operator.add), several, several
    )
    return plain() | plain() | loops | branches


@st.composite
def convolutional(draw):
    """Layers before the others, and the shape of what they take."""
    convolution = eqx.nn.Conv2d(
        2,
        4,
        draw(st.sampled_from((3, (1, 3)))),
        padding=draw(st.sampled_from((0, 1, "SAME"))),
        groups=draw(st.sampled_from((1, 2))),
        use_bias=draw(st.booleans()),
        key=draw(keys()),
    )
    pool = eqx.nn.AvgPool2d(2, 2)
    if draw(st.booleans()):
        pool = eqx.nn.Pool(0, jax.lax.add, 2, 2, 2)
    found = [convolution, draw(neurons(())), pool]
    if draw(st.booleans()):
        found = [convolution, pool, draw(neurons(()))]
    size = Stack(*found).run(jnp.zeros((1, *IMAGE)))[1].size
    return [*found, jnp.ravel, draw(linears(size))], IMAGE


@st.composite
def stacks(draw):
    """A stack, and the shape of its input."""
    first, shape = [], (NEURONS,)
    if draw(st.integers(0, 3)) == 0:
        first, shape = draw(convolutional())
    rest = draw(st.lists(layers(), min_size=1, max_size=4))
    return Stack(*first, *rest), shape
