from .. import _registry
from ._base import AbstractSurrogate
from ._smooth import Arctan
from ._straight_through import StraightThrough


_MEMBERS = {
    "arctan": Arctan,
    "straight_through": StraightThrough,
}


def create(name: str, **hyperparameters) -> AbstractSurrogate:
    """Makes a surrogate from its name.

    **Arguments:**

    - `name`: `"arctan"` or `"straight_through"`.
    - `hyperparameters`: the fields of the class of that name.

    **Returns:** the surrogate.

    **Raises:** `ValueError` for an unknown name, with all names and the nearest one.

    !!! example

        ```python
        >>> import ngcx
        >>> ngcx.surrogate.create("arctan", alpha=4.0, gain=1.0)
        Arctan(alpha=4.0, gain=1.0)

        ```
    """
    return _registry.create("surrogates", _MEMBERS, name, hyperparameters)
