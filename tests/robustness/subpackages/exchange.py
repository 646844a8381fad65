"""Entries of `ngcx.exchange`."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ngcx import exchange, neurons

from .._entries import Array, Entry, Number, Other, members


STACK = neurons.Stack(
    eqx.nn.Linear(3, 2, key=jr.key(0)), neurons.LIF(reset=neurons.HardReset())
)
DT = Number(1e-3, low=0, open=True, array=False)
WRONG = {"text": "text", "None": None, "an array": jnp.ones(3)}


def entry(function, **arguments) -> Entry:
    """Nothing is differentiated, since a graph holds arrays of numpy."""
    return Entry(function, arguments, on_host=True, differentiable=False)


ENTRIES = {
    "from_nir": entry(
        exchange.from_nir,
        graph=Other(exchange.to_nir(STACK, (3,), dt=1e-3), WRONG),
        dt=DT,
        dtype=Other("float32", {"integers": "int32", "unknown": "float33"}),
    ),
    "to_nir": entry(
        exchange.to_nir,
        stack=Other(STACK, WRONG),
        shape=Other((3,), WRONG | {"a list": [3], "a fraction": (0.5,)}),
        dt=DT,
    ),
    "Scale": Entry(exchange.Scale, {"factor": Number(2.0, scalar=False)}),
    **members(
        "Scale",
        exchange.Scale(jnp.array([1.0, 2.0, 3.0])),
        __call__=Entry(
            exchange.Scale(jnp.array([1.0, 2.0, 3.0])),
            {"x": Array("*batch features")},
            like="x",
        ),
    ),
}
