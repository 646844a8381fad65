"""Subpackages that need an extra load it with the first of their names."""

import importlib
import importlib.util
from collections.abc import Callable


def on_first_use(subpackage: str, extra: str, needed: str) -> tuple[Callable, Callable]:
    """The `__getattr__` and the `__dir__` of a subpackage whose names are in `_public`.

    **Raises:** `ImportError`, which names the extra, if the package it needs is not
    installed.
    """
    if importlib.util.find_spec(needed) is None:
        raise ImportError(
            f"`{subpackage}` needs {needed}: python -m pip install 'ngcx[{extra}]'"
        )

    def public():
        return importlib.import_module("._public", subpackage)

    def names() -> list[str]:
        return [name for name in vars(public()) if not name.startswith("_")]

    def load(name: str):
        if name.startswith("_") or name not in names():
            raise AttributeError(f"module {subpackage!r} has no attribute {name!r}")
        return getattr(public(), name)

    return load, names
