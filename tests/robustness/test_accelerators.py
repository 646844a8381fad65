"""What a CPU can show of accelerators: all programs are made for them, hold no float64,
and no compiled call goes to the host and back.
"""

import jax
import pytest

from ._table import TABLE, leaves


pytestmark = pytest.mark.in_turn(6)

COMPILED = {
    name: entry for name, entry in TABLE.items() if entry.arrays() and not entry.on_host
}
# The measures add up millions of rows in float64, whatever the default is.
EXACT = ("metrics.", "analysis.KMeansProbe.score")


def program(entry):
    """A compiled function of the arrays of a valid call, and those arrays."""
    valid = entry.valid()
    arrays = {name: valid[name] for name in entry.arrays()}
    return jax.jit(lambda arrays: leaves(entry.call(valid | arrays))), arrays


@pytest.mark.parametrize("name", COMPILED)
def test_programs_are_made_for_every_accelerator(name):
    function, arrays = program(COMPILED[name])
    for platform in ("cuda", "tpu"):
        exported = jax.export.export(function, platforms=[platform])(arrays)
        if not name.startswith(EXACT):
            assert "f64" not in exported.mlir_module(), platform


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_call_stays_on_its_device(name):
    function, arrays = program(COMPILED[name])
    compiled = function.lower(arrays).compile()
    on_device = jax.device_put(arrays)
    with jax.transfer_guard("disallow"):
        jax.block_until_ready(compiled(on_device))
