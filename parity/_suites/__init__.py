"""Values of ngcx beside those of its peers, over the inputs that their users have.

Each script is of one peer. Every comparison is equal up to a tolerance, or is a
difference that the documentation states.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Comparison(NamedTuple):
    name: str
    theirs: Callable[[], Any]
    ours: Callable[[], Any]
    within: float
    states: str | None
    """The words of the documentation that state the difference, if there is one."""


COMPARISONS: list[Comparison] = []


def equal(name: str, theirs: Callable, ours: Callable, within: float = 1e-6) -> None:
    COMPARISONS.append(Comparison(name, theirs, ours, within, None))


def differs(name: str, theirs: Callable, ours: Callable, states: str) -> None:
    COMPARISONS.append(Comparison(name, theirs, ours, 1e-6, states))
