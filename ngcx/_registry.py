"""Making a module from its name, for configuration files and sweeps."""

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar


M = TypeVar("M")


def classes(
    subpackage: str, base: type[M], aliases: Mapping[str, Sequence[str]] | None = None
) -> dict[str, type[M]]:
    """The final subclasses of `base` that a subpackage exports, by their names in snake
    case and by further ones, which `aliases` lists for a name.
    """
    exported = vars(importlib.import_module(subpackage)).values()
    members = {
        _snake_case(each.__name__): each
        for each in exported
        if inspect.isclass(each)
        and issubclass(each, base)
        and not inspect.isabstract(each)
    }
    further = {
        alias: members[name]
        for name, others in (aliases or {}).items()
        for alias in others
    }
    return members | further


def lookup(kind: str, members: Mapping[str, M], name: str) -> M:
    """The member of that name; a `ValueError` lists all names and the nearest one."""
    if not isinstance(name, str) or name not in members:
        nearest: list[Any] = difflib.get_close_matches(str(name), members, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(
            f"`name` must be one of the {kind} {', '.join(sorted(members))}; "
            f"got {name!r}.{hint}"
        )
    return members[name]


def create(
    kind: str, members: Mapping[str, Callable[..., M]], name: str, hyperparameters: dict
) -> M:
    """The member of that name, made with the hyper-parameters."""
    return lookup(kind, members, name)(**hyperparameters)


def _snake_case(name: str) -> str:
    """`leaky_relu` of `LeakyReLU`, where ReLU and its kin are one word."""
    words = re.sub("([A-Z][a-z])LU", r"\1lu", name)
    # A word begins at a capital after a small letter, or at the last capital of several
    # before a small letter.
    begins = "(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return re.sub(begins, "_", words).lower()
