"""Nodes, values and functions for the tests of files."""

import dataclasses
import enum
import functools as ft
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.random as jr
import jax.tree_util as jtu


KEY = jr.key(0)


class Holder(eqx.Module):
    """Holds a value that is no child."""

    weight: jax.Array
    value: Any = eqx.field(static=True)


class Point(NamedTuple):
    x: Any
    y: Any


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Flags(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float
    names: tuple[str, ...] = ()


@jtu.register_pytree_node_class
class Custom:
    """A node with a part that is no child, by the oldest way to register one."""

    def __init__(self, child, kept):
        self.child, self.kept = child, kept

    def tree_flatten(self):
        return (self.child,), self.kept

    @classmethod
    def tree_unflatten(cls, kept, children):
        (child,) = children
        return cls(child, kept)


@ft.partial(jtu.register_dataclass, data_fields=["child"], meta_fields=["kept"])
@dataclasses.dataclass
class Registered:
    child: Any
    kept: Any


def named(x):
    return x


def other(x):
    return x


def closing_over(value):
    return lambda x: (x, value)


def with_default(value):
    def function(x, y=value, *, z=value):
        return x, y, z

    return function


def calling_itself(value):
    def function(n):
        return value if n == 0 else function(n - 1)

    return function
