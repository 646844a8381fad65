"""Every cell of another library is one of ngcx, spike by spike.

What the others give was kept by `parity._golden`, which runs them.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import neurons, surrogate
from parity._cell import COSTS, SHOWN, drive
from parity._cells import CELLS
from parity._golden import kept, load, name
from parity._your_cell import PAGE, page


pytestmark = [pytest.mark.usefixtures("standard_promotion"), pytest.mark.in_turn(5)]
VERSIONS, GOLDEN = load()
NAMES = vars(neurons) | vars(surrogate) | {"jax": jax, "jnp": jnp}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.peer)
def test_a_cell_of_another_library_is_one_of_ours(cell):
    @functools.partial(jax.grad, has_aux=True)
    def gradient(learnt):
        ours = eval(cell.ours, NAMES | cell.parameters | learnt)
        x = learnt["x"]
        _, spikes, seen = ours.run(x, batched=True, watch=(cell.shown,))
        return jnp.sum(COSTS * spikes), (spikes, seen[cell.shown])

    with jax.enable_x64(True):
        learnt = {key: jnp.asarray(cell.parameters[key]) for key in cell.learnt}
        learnt["x"] = jnp.asarray(drive(cell.scale))
        found = jax.tree.map(np.asarray, jax.jit(gradient)(learnt))
    gradients, (spikes, potentials) = found
    golden = GOLDEN[name(cell)]
    assert np.sum(spikes != golden["spikes"]) == cell.differing
    if not cell.differing:
        # The peers' are kept in float32.
        shown, largest = potentials[SHOWN], np.max(np.abs(potentials))
        np.testing.assert_allclose(shown, golden["potentials"], 0, 1e-6 * largest)
    gradients = kept(gradients)
    for key in cell.compared:
        largest = np.max(np.abs(golden[key]))
        np.testing.assert_allclose(gradients[key], golden[key], 0, 1e-5 * largest)


def test_the_page_is_that_of_the_table():
    assert PAGE.read_text() == page()


def test_what_is_kept_is_what_is_listed():
    assert [*GOLDEN] == [name(cell) for cell in CELLS]
    assert {*VERSIONS} == {cell.peer for cell in CELLS}
