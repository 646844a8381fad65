"""The base of all modules of ngcx."""

import dataclasses
import functools as ft
import inspect
import types
from typing import Any, dataclass_transform

import equinox as eqx

from ._annotations import as_arrays
from ._checks import check_fields
from ._trees import of_python


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


@dataclass_transform(field_specifiers=(dataclasses.field, eqx.field))
class _Meta(type(eqx.Module)):
    """Numbers of numpy in our fields become numbers of Python, which are constants; and
    arrays of numpy become arrays of JAX, which are parameters.

    A converter does this, since Equinox warns of numbers of numpy in a static field
    before it calls `__check_init__`.
    """

    def __new__(cls, *args, **options):
        made = super().__new__(cls, *args, **options)
        for field in dataclasses.fields(made) if _is_ours(made) else ():
            converter = ft.partial(_converted, made, field.name)
            metadata = {"converter": converter, **field.metadata}
            field.metadata = types.MappingProxyType(metadata)
        return made


def _converted(cls: type, name: str, value: Any) -> Any:
    return as_arrays(of_python(value), hints(cls).get(name, Any))


class Module(eqx.Module, metaclass=_Meta):
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
                check_fields(self, hints(cls))  # pyright: ignore[reportArgumentType]
            own(self)

        cls.__check_init__ = check


@ft.cache
def hints(cls: type) -> dict[str, Any]:
    """The annotations of the fields that our own classes declare."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        declared = inspect.get_annotations(base)
        found |= declared if _is_ours(base) else dict.fromkeys(declared, Any)
    names = [field.name for field in dataclasses.fields(cls)]
    return {name: found[name] for name in names if found[name] is not Any}
