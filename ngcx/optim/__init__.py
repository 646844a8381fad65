"""Optim: the update rules of ngc-learn, as gradient transformations of optax."""

from ._in_range import in_range as in_range
from ._rules import adam as adam, create as create, nag as nag, sgd as sgd
