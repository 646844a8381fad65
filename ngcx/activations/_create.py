from .. import _registry
from ._base import AbstractActivation
from ._exponential import CELU, ELU, SELU
from ._gated import GELU, Mish, SiLU, Swish, TeLU
from ._kwta import KWTA, BinaryKWTA
from ._log_softmax import LogSoftmax
from ._rectifiers import Clip, HardSigmoid, HardTanh, Identity, LeakyReLU, ReLU, ReLU6
from ._shrinkage import CauchyThreshold, SoftThreshold
from ._sigmoidal import Sigmoid, Softplus, Softsign, Tanh
from ._sine import Sine
from ._softmax import Softmax
from ._sparsemax import Sparsemax
from ._steps import Heaviside, Threshold


_MEMBERS = {
    "bkwta": BinaryKWTA,
    "cauchy_threshold": CauchyThreshold,
    "celu": CELU,
    "clip": Clip,
    "elu": ELU,
    "gelu": GELU,
    "hard_sigmoid": HardSigmoid,
    "hard_tanh": HardTanh,
    "heaviside": Heaviside,
    "identity": Identity,
    "kwta": KWTA,
    "log_softmax": LogSoftmax,
    "lrelu": LeakyReLU,
    "mish": Mish,
    "relu": ReLU,
    "relu6": ReLU6,
    "selu": SELU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "sine": Sine,
    "soft_threshold": SoftThreshold,
    "softmax": Softmax,
    "softplus": Softplus,
    "softsign": Softsign,
    "sparsemax": Sparsemax,
    "swish": Swish,
    "tanh": Tanh,
    "telu": TeLU,
    "unit_threshold": Threshold,
}


def create(name: str, **hyperparameters) -> AbstractActivation:
    """Makes an activation from its name.

    **Arguments:**

    - `name`: one of the reference's names, `"bkwta"`, `"elu"`, `"gelu"`,
        `"heaviside"`, `"identity"`, `"lrelu"`, `"relu"`, `"relu6"`, `"sigmoid"`,
        `"silu"`, `"sine"`, `"softmax"`, `"softplus"`, `"swish"`, `"tanh"`, `"telu"`,
        `"unit_threshold"`; or beyond it `"cauchy_threshold"`, `"celu"`, `"clip"`,
        `"hard_sigmoid"`, `"hard_tanh"`, `"kwta"`, `"log_softmax"`, `"mish"`, `"selu"`,
        `"soft_threshold"`, `"softsign"`, `"sparsemax"`.
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
