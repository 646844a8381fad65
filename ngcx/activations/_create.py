from .. import _registry
from ._base import AbstractActivation


# Names of the reference that are not those of our classes.
_ALIASES = {
    "binary_kwta": ("bkwta",),
    "leaky_relu": ("lrelu",),
    "threshold": ("unit_threshold",),
}


def create(name: str, **hyperparameters) -> AbstractActivation:
    """Makes an activation from its name.

    **Arguments:**

    - `name`: the name of a class in snake case, such as `"leaky_relu"`, or the name of
        the function in ngc-learn, such as `"lrelu"`.
    - `hyperparameters`: the fields of the class of that name.

    **Returns:** the activation.

    **Raises:** `ValueError` for an unknown name; the message lists all names, and the
    nearest one.

    **See also:** [`ngcx.surrogate.create`][], [`ngcx.diffeq.create`][] and
    [`ngcx.optim.create`][], which know the names of their own subpackages.

    !!! example

        ```python
        >>> import ngcx
        >>> ngcx.activations.create("softmax", temperature=0.5)
        Softmax(temperature=0.5)

        ```
    """
    names = _registry.classes("ngcx.activations", AbstractActivation, _ALIASES)
    return _registry.create("activations", names, name, hyperparameters)
