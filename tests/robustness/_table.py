"""The table: an entry for every public name, in a file for every subpackage."""

import importlib
import pathlib

import jax
import numpy as np

import ngcx

from ._entries import Entry


SUBPACKAGES = sorted(
    path.parent.name
    for path in pathlib.Path(ngcx.__file__).parent.glob("*/__init__.py")
)


_LOADED = {
    name: importlib.import_module(f".subpackages.{name}", __package__)
    for name in SUBPACKAGES
}
TABLE: dict[str, Entry] = {
    f"{subpackage}.{name}": entry
    for subpackage, module in _LOADED.items()
    for name, entry in module.ENTRIES.items()
}
EXEMPT: dict[str, str] = {
    f"{subpackage}.{name}": reason
    for subpackage, module in _LOADED.items()
    for name, reason in getattr(module, "EXEMPT", {}).items()
}


def leaves(result) -> list:
    """The arrays of a result, or their shapes."""
    arrays = jax.Array | np.ndarray | jax.ShapeDtypeStruct
    return [x for x in jax.tree.leaves(result) if isinstance(x, arrays)]
