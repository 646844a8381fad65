"""Array aliases, and `typed`, the one decorator that checks public signatures."""

from collections.abc import Callable
from typing import Any, TypeVar

from beartype import beartype
from jaxtyping import Array, Real, jaxtyped


T = TypeVar("T", bound=Callable[..., Any])

# A Python number is a constant of the program; an array is a parameter.
Scalar = float | int | Real[Array, ""]
Parameter = float | int | Real[Array, "..."]


def typed(function: T) -> T:
    """Checks arguments and result against their annotations at every call.

    Decorates functions, methods and (for the arguments of `__init__`) Equinox modules
    that have fields. `JAXTYPING_DISABLE=1` in the environment turns every check off.
    """
    return jaxtyped(function, typechecker=beartype)  # pyright: ignore[reportReturnType]
