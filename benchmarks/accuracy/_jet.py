"""Numbers of extended precision that carry their derivatives with them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import mpmath as mp


@dataclass
class Jet:
    """A function of (x, p) at one place: its value, its derivatives in x and in p, the
    second one in x, and the mixed one.
    """

    value: Any
    x: Any = 0
    p: Any = 0
    xx: Any = 0
    xp: Any = 0

    def through(self, value, first, second) -> "Jet":
        """What becomes of it under a function with this value and these derivatives."""
        return Jet(
            value,
            first * self.x,
            first * self.p,
            second * self.x**2 + first * self.xx,
            second * self.x * self.p + first * self.xp,
        )

    def __add__(self, other) -> "Jet":
        other = as_jet(other)
        names = [each.name for each in fields(Jet)]
        return Jet(*(getattr(self, name) + getattr(other, name) for name in names))

    def __mul__(self, other) -> "Jet":
        a, b = self, as_jet(other)
        return Jet(
            a.value * b.value,
            a.x * b.value + a.value * b.x,
            a.p * b.value + a.value * b.p,
            a.xx * b.value + 2 * a.x * b.x + a.value * b.xx,
            a.xp * b.value + a.x * b.p + a.p * b.x + a.value * b.xp,
        )

    def __neg__(self) -> "Jet":
        return self * -1

    def __sub__(self, other) -> "Jet":
        return self + -as_jet(other)

    def __rsub__(self, other) -> "Jet":
        return as_jet(other) - self

    def __truediv__(self, other) -> "Jet":
        other = as_jet(other)
        y = other.value
        return self * other.through(1 / y, -1 / y**2, 2 / y**3)

    def __rtruediv__(self, other) -> "Jet":
        return as_jet(other) / self

    def __lt__(self, other) -> bool:
        return self.value < as_jet(other).value

    def __le__(self, other) -> bool:
        return self.value <= as_jet(other).value

    __radd__, __rmul__ = __add__, __mul__


def as_jet(number) -> Jet:
    return number if isinstance(number, Jet) else Jet(mp.mpf(number))


def _function(derivatives: Callable) -> Callable[[Any], Jet]:
    def apply(z) -> Jet:
        z = as_jet(z)
        return z.through(*derivatives(z.value))

    return apply


def _exp(z):
    # It is 0 in every dtype so far out, or infinite.
    return mp.exp(max(min(z, mp.mpf(1e5)), mp.mpf(-1e5)))


def _tanh(z):
    if abs(z) > 1e5:
        return mp.sign(z), mp.mpf(0), mp.mpf(0)
    slope = mp.sech(z) ** 2
    return mp.tanh(z), slope, -2 * mp.tanh(z) * slope


def _normal(z):
    if abs(z) > 1e3:
        return mp.mpf(int(z > 0)), mp.mpf(0), mp.mpf(0)
    density = mp.npdf(z)
    return mp.erfc(-z / mp.sqrt(2)) / 2, density, -z * density


exp = _function(lambda z: (_exp(z),) * 3)
expm1 = _function(
    lambda z: (mp.expm1(z) if abs(z) < 1 else _exp(z) - 1, _exp(z), _exp(z))
)
log1p = _function(lambda z: (mp.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2))
log = _function(lambda z: (mp.log(z), 1 / z, -1 / z**2))
sqrt = _function(lambda z: (mp.sqrt(z), 1 / mp.sqrt(z) / 2, -1 / mp.sqrt(z) / z / 4))
sin = _function(lambda z: (mp.sin(z), mp.cos(z), -mp.sin(z)))
atan = _function(lambda z: (mp.atan(z), 1 / (1 + z**2), -2 * z / (1 + z**2) ** 2))
tanh = _function(_tanh)
normal = _function(_normal)


def absolute(z: Jet) -> Jet:
    return -z if z.value < 0 else z


def sigmoid(z) -> Jet:
    """The logistic function, whose lower tail does not cancel."""
    t = exp(-absolute(as_jet(z)))
    return t / (1 + t) if as_jet(z).value < 0 else 1 / (1 + t)


def softplus(z) -> Jet:
    z = as_jet(z)
    return log1p(exp(-absolute(z))) + (0 if z.value < 0 else z)
