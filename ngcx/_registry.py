"""Making a module from its name, for configuration files and sweeps."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar


M = TypeVar("M")


def lookup(room: str, members: Mapping[str, M], name: str) -> M:
    """The member of that name; a `ValueError` lists all names and the nearest one."""
    if name not in members:
        nearest: list[Any] = difflib.get_close_matches(str(name), members, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(
            f"`name` must be one of the {room} {', '.join(sorted(members))}; "
            f"got {name!r}.{hint}"
        )
    return members[name]


def create(
    room: str, members: Mapping[str, Callable[..., M]], name: str, hyperparameters: dict
) -> M:
    """The member of that name, made with the hyper-parameters."""
    return lookup(room, members, name)(**hyperparameters)
