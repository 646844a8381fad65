from .. import _registry
from . import _rectifiers, _sigmoidal, _softmax
from ._base import AbstractActivation


_MEMBERS = {
    "identity": _rectifiers.Identity,
    "relu": _rectifiers.ReLU,
    "sigmoid": _sigmoidal.Sigmoid,
    "softmax": _softmax.Softmax,
    "softplus": _rectifiers.Softplus,
    "tanh": _sigmoidal.Tanh,
}


def create(name: str, **hyperparameters) -> AbstractActivation:
    """Makes an activation from its name.

    **Arguments:**

    - `name`: one of `"identity"`, `"relu"`, `"sigmoid"`, `"softmax"`, `"softplus"`,
        `"tanh"`.
    - `hyperparameters`: the fields of the class of that name.

    **Returns:** the activation.

    **Raises:** `ValueError` for an unknown name, with all names and the nearest one.

    !!! example

        ```python
        >>> import ngcx
        >>> ngcx.activations.create("softmax", temperature=0.5)
        Softmax(temperature=0.5)

        ```
    """
    return _registry.create("activations", _MEMBERS, name, hyperparameters)
