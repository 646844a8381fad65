"""What public signatures are made of: aliases of arrays and numbers, and ranges.

A range is stated once, where the argument or the field is annotated, as in
`alpha: Positive[Parameter]`. It holds for numbers; the value of an array may not be
known yet.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar

from jaxtyping import Array, Real


T = TypeVar("T")

# A Python number is a constant of the program; an array is a parameter.
Scalar = float | int | Real[Array, ""]
Parameter = float | int | Real[Array, "..."]


class Must(NamedTuple):
    """What a number must be, in words, and the test; NaN must fail it."""

    be: str
    test: Callable[[Any], bool]
    low: float | None = None
    """The lowest number, if there is one, or what all must be above."""
    high: float | None = None
    """The highest number, if there is one."""

    def __repr__(self) -> str:
        return f"must be {self.be}"


Positive = Annotated[T, Must("positive", lambda value: value > 0, 0)]
NonNegative = Annotated[T, Must("0 or more", lambda value: value >= 0, 0)]
Fraction = Annotated[T, Must("from 0 to 1", lambda value: 0 <= value <= 1, 0, 1)]
Count = Annotated[int, Must("1 or more", lambda value: value >= 1)]
Natural = Annotated[int, Must("0 or more", lambda value: value >= 0)]
