"""Optim: the update rules of ngc-learn, as gradient transformations of optax."""

from ._rules import adam as adam, create as create, nag as nag, sgd as sgd
