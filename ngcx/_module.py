"""The base of all modules of ngcx."""

import dataclasses
import functools as ft
import inspect
from typing import Any

import equinox as eqx

from ._checks import check_fields


class Module(eqx.Module):
    """An Equinox module whose fields are checked against their annotations when it is
    made: types, shapes, and ranges of numbers.

    A field that a class outside of ngcx declares is that class's own business.
    """

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        own = vars(cls).get("__check_init__", lambda self: None)

        @ft.wraps(own)
        def check(self):
            # Equinox calls this of every class, beginning with that of the module;
            # what a class adds may rely on types that are right.
            if type(self) is cls:
                check_fields(self, _hints(cls))
            own(self)

        cls.__check_init__ = check


@ft.cache
def _hints(cls: type) -> dict[str, Any]:
    """The annotations of the fields that our own classes declare."""
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        declared = inspect.get_annotations(base)
        ours = base.__module__.partition(".")[0] == __name__.partition(".")[0]
        hints |= declared if ours else dict.fromkeys(declared, Any)
    names = [field.name for field in dataclasses.fields(cls)]
    return {name: hints[name] for name in names if hints[name] is not Any}
