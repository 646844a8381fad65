from .._typing import Parameter


def check_below(name: str, value: Parameter, end: float):
    """Refuses a Python number outside of [0, `end`); the value of an array may not be
    known yet.
    """
    if isinstance(value, int | float) and not 0 <= value < end:
        raise ValueError(f"`{name}` must be 0 or more and below {end}; got {value}.")
