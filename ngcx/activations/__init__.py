"""Activations: f(x) together with its closed-form derivative f'(x)."""

from ._base import (
    AbstractActivation as AbstractActivation,
    AbstractElementwise as AbstractElementwise,
)
from ._create import create as create
from ._rectifiers import Identity as Identity, ReLU as ReLU, Softplus as Softplus
from ._sigmoidal import Sigmoid as Sigmoid, Tanh as Tanh
from ._softmax import Softmax as Softmax
