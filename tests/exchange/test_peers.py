"""Files that other libraries wrote give what their networks gave; `nox -s exchange`
makes them.
"""

import io
import pathlib
import zipfile
from typing import Any

import jax.numpy as jnp
import nir
import numpy as np
import pytest

from ngcx.exchange import from_nir


pytestmark = pytest.mark.in_turn(2)


FILE = zipfile.ZipFile(pathlib.Path(__file__).with_name("peers.zip"))
NAMES = [name.removesuffix(".nir") for name in FILE.namelist() if ".nir" in name]
# What is written there is not the neuron that ran; docs/exchange.md says why.
DIFFER = {"norse/LIFCell", "spyx/IF", "spyx/PSU_LIF", "sinabs/IAFSqueeze"}
REFUSED = {"spyx/LIF"}


def differing(name, repair=lambda node: None) -> int:
    file: Any = io.BytesIO(FILE.read(f"{name}.nir"))
    graph = nir.read(file)
    arrays = np.load(io.BytesIO(FILE.read(f"{name}.npz")))
    for node in graph.nodes.values():
        repair(node)
    stack = from_nir(graph, dt=float(arrays["dt"]))
    found = stack.run(jnp.asarray(arrays["x"]), batched=True)[1]
    assert 0.01 < arrays["out"].mean() < 0.9
    return int(np.sum(found != arrays["out"]))


@pytest.mark.parametrize("name", sorted({*NAMES} - REFUSED))
def test_spikes_are_theirs(name):
    assert (differing(name) == 0) == (name not in DIFFER)


def unscaled(node):
    """What Spyx means by its leaky neurons; there the length of a step is 1."""
    if isinstance(node, nir.LI | nir.LIF):
        node.r = node.tau


def test_a_gain_that_is_no_gain_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"Spyx.*node\.r = node\.tau / dt"):
        differing("spyx/LIF")
    # Its neuron subtracts a step late, which NIR does not know.
    assert differing("spyx/LIF", unscaled) > 0


def test_a_neuron_without_a_reset_is_that_of_spyx():
    assert differing("spyx/PSU_LIF", unscaled) == 0
