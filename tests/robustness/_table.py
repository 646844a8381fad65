"""The table: an entry for every public name, in a file of `rooms` for every room."""

import importlib
import pathlib

import jax
import numpy as np

import ngcx

from ._entries import Entry


ROOMS = sorted(
    path.parent.name
    for path in pathlib.Path(ngcx.__file__).parent.glob("*/__init__.py")
)


_LOADED = {
    room: importlib.import_module(f".rooms.{room}", __package__) for room in ROOMS
}
TABLE: dict[str, Entry] = {
    f"{room}.{name}": entry
    for room, module in _LOADED.items()
    for name, entry in module.ENTRIES.items()
}
EXEMPT: dict[str, str] = {
    f"{room}.{name}": reason
    for room, module in _LOADED.items()
    for name, reason in getattr(module, "EXEMPT", {}).items()
}


def leaves(result) -> list:
    """The arrays of a result, or their shapes."""
    arrays = jax.Array | np.ndarray | jax.ShapeDtypeStruct
    return [x for x in jax.tree.leaves(result) if isinstance(x, arrays)]
