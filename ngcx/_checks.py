"""Construction-time checks of hyper-parameters.

Only Python numbers are judged: the value of an array may not be known yet. The
negated comparisons refuse NaN as well.
"""

from ._typing import Parameter


def check_count(name: str, value: int | None):
    """Of what there must be one at least; `None` leaves the number open."""
    if value is not None and value < 1:
        raise ValueError(f"`{name}` must be 1 or more; got {value}.")


def check_positive(name: str, value: Parameter):
    if isinstance(value, int | float) and not value > 0:
        raise ValueError(f"`{name}` must be positive; got {value}.")


def check_non_negative(name: str, value: Parameter):
    if isinstance(value, int | float) and not value >= 0:
        raise ValueError(f"`{name}` must be 0 or more; got {value}.")


def check_fraction(name: str, value: object):
    if isinstance(value, int | float) and not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be from 0 to 1; got {value}.")
