"""Compares activations and surrogates with their formulas."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np

from ngcx import activations, surrogate

from ._formulas import ACTIVATIONS, SURROGATES, exact


# Hyper-parameters that have no default, or one that is a special case.
CHOSEN: dict[str, dict[str, Any]] = {
    "CauchyThreshold": {"lmbda": 0.5},
    "Clip": {"min": -1.0, "max": 2.0},
    "SoftThreshold": {"lmbda": 0.5},
    "StochasticSpikeOperator": {"mean": 0.5, "variance": 0.25},
    "Swish": {"beta": 1.5},
}
EXTREMES = (1e-30, 1e-8, 1e8, 1e30)
ORDERS = ("value", "first", "second", "by", "mixed")
PARTS = ("value", "x", "xx", "p", "xp")  # of a jet, in the same order
# Hyper-parameters with which the result is multiplied at last.
FACTORS = ("gain", "c1", "h", "slope", "scale")
WAVES = ("Sine", "SquareWaveFourierSeries")
# The largest term of what is a difference of terms, of x and the hyper-parameter.
TERMS: dict[tuple[str, str | None, str], Callable[[float, float], Any]] = {
    ("SquareWaveFourierSeries", None, "value"): lambda x, p: 0.5,
    ("SquareWaveFourierSeries", "gain", "value"): lambda x, p: 0.5 * p,
    ("SquareWaveFourierSeries", "gain", "by"): lambda x, p: 0.5,
    ("SquareWaveFourierSeries", "period", "value"): lambda x, p: 0.5,
    ("SquareWaveFourierSeries", "period", "by"): lambda x, p: 4 * abs(mp.mpf(x)) / p**2,
    ("QPseudoSpike", "alpha", "mixed"): lambda x, p: _pseudo_term(mp.mpf(x), mp.mpf(p)),
}
TERMS |= {
    ("MultiGaussian", name, "value"): lambda x, p, name=name: _centre(x, p, name)
    for name in (None, "h", "s", "sigma", "scale", "gain")
}


def _centre(x, parameter, name):
    """The lower tail of the Gaussian in the middle, from which the flanks are taken."""
    numbers = {"h": 0.15, "sigma": 0.5, "scale": 0.5, "gain": 1.0} | {name: parameter}
    h, sigma, *factors = (
        mp.mpf(numbers[each]) for each in ("h", "sigma", "scale", "gain")
    )
    return mp.fprod(factors) * (1 + h) * mp.ncdf(max(-abs(mp.mpf(x)) / sigma, -100))


def _pseudo_term(x, alpha):
    base = 1 + 2 * abs(x) / (alpha - 1)
    return mp.log(base) * base**-alpha


class Case(NamedTuple):
    """A class with its hyper-parameters, of which one may be an array."""

    kind: str
    numbers: dict[str, Any]
    name: str | None

    @property
    def title(self) -> str:
        """The class, and what chooses its function."""
        choice = self.numbers.get("approximation")
        name = f"{self.member}({choice!r})" if choice else self.member
        return name if self.kind == "activations" else f"surrogate.{name}"

    @property
    def formula(self):
        return (ACTIVATIONS if self.kind == "activations" else SURROGATES)[self.member]

    @property
    def member(self):
        return self.numbers["class"]

    def make(self, parameter):
        numbers = {k: v for k, v in self.numbers.items() if k != "class"}
        if self.name:
            numbers[self.name] = parameter
        subpackage = activations if self.kind == "activations" else surrogate
        return getattr(subpackage, self.member)(**numbers)

    def at(self, x, parameter) -> Any:
        numbers = {k: v for k, v in self.numbers.items() if k != "class"}
        if self.name:
            numbers[self.name] = parameter
        return exact(self.formula, x, numbers, self.name)


def cases():
    """Every class, with each of its hyper-parameters in turn as an array."""
    for kind, formulas in (("activations", ACTIVATIONS), ("surrogate", SURROGATES)):
        for member in formulas:
            subpackage = activations if kind == "activations" else surrogate
            signature = inspect.signature(getattr(subpackage, member))
            defaults = {
                name: each.default
                for name, each in signature.parameters.items()
                if name not in ("max_count", "window")
            } | CHOSEN.get(member, {})
            numbers = {"class": member} | defaults
            if member == "GELU":
                for approximation in ("sigmoid", "tanh", "none"):
                    yield Case(kind, numbers | {"approximation": approximation}, None)
                continue
            yield Case(kind, numbers, None)
            for name, number in defaults.items():
                if isinstance(number, float):
                    yield Case(kind, numbers, name)


def places(case: Case, dtype, seed: int = 0, few: bool = False):
    """Pairs of x and of the hyper-parameter: everywhere, and where it is eventful."""
    info, random = jnp.finfo(dtype), np.random.default_rng(seed)
    number = float(case.numbers[case.name]) if case.name else 1.0
    wide = "float64" if dtype == jnp.float64 else "float32"
    parameters = [number, *EXTREMES] if case.name else [1.0]
    if case.name and case.name not in ("lmbda", "min", "max", "alpha", "h", "mean"):
        parameters.append(number * random.uniform(0.5, 2))
    if case.member == "QPseudoSpike" and case.name == "alpha":
        parameters = [2.0, 1.0 + 2.0**-20, 1.5, 40.0, 1e8, 1e30]
    if case.name == "min":
        parameters = [-number for number in EXTREMES] + [number]
    if case.name == "max":
        parameters = [number for number in EXTREMES]
    # Smaller numbers are flushed to 0 when something divides them.
    smallest = 64 * float(info.tiny)
    x, p = [], []
    count = 6 if few else 24
    for parameter in parameters:
        parameter = float(np.asarray(parameter, wide))
        low, high = np.log10(smallest), np.log10(float(info.max))
        far = 10.0 ** random.uniform(low, high, count)
        near = np.abs(random.normal(0, 3, count))
        middle = 10.0 ** random.uniform(-1, 2.5, count)
        size = abs(parameter)
        scales = [1.0, size, 1 / size] if size not in (0, 1.0) else [1.0]
        sizes = [far, *(scale * each for scale in scales for each in (near, middle))]
        sizes = np.concatenate([*sizes, [float(info.max), smallest]])
        with np.errstate(all="ignore"):
            sizes = sizes[(sizes <= float(info.max)) & (sizes >= smallest)]
        places = np.asarray(np.concatenate([sizes, -sizes, [0.0]]), np.dtype(dtype))
        x.append(places)
        p.append(np.full(len(places), parameter, wide))
    return np.concatenate(x), np.concatenate(p)


@functools.cache
def program(kind: str, member: str, fixed: tuple, name: str | None):
    case = Case(kind, dict(fixed), name)

    def value(x, p):
        module = case.make(p)
        return module(x) if kind == "activations" else module.primitive(x)

    def slope(x, p):
        return case.make(p).derivative(x)

    def every(x, p):
        one = jnp.ones_like(x)
        result = {
            "value": {"value": value(x, p)},
            "first": {"derivative": slope(x, p), "grad": jax.grad(value)(x, p)},
            "second": {
                "forward": jax.jvp(lambda x: slope(x, p), (x,), (one,))[1],
                "reverse": jax.grad(slope)(x, p),
                "reverse of reverse": jax.grad(jax.grad(value))(x, p),
            },
        }
        if name:
            unit = jnp.ones_like(p)
            by = jax.grad(value, 1)

            def forward(x, p):
                return jax.jvp(lambda p: value(x, p), (p,), (unit,))[1]

            result["by"] = {"forward": forward(x, p), "reverse": by(x, p)}
            result["mixed"] = {
                "x then p, forward": jax.jvp(lambda p: slope(x, p), (p,), (unit,))[1],
                "x then p, reverse": jax.grad(slope, 1)(x, p),
                "p then x, forward": jax.jvp(lambda x: by(x, p), (x,), (one,))[1],
                "p then x, reverse": jax.grad(by)(x, p),
                "forward of forward": jax.jvp(lambda x: forward(x, p), (x,), (one,))[1],
            }
        return result

    return eqx.filter_jit(jax.vmap(every))


def truth(case: Case, x: float, p: float, dtype):
    """The results of every order, and how far each moves when x or p is rounded."""
    half = mp.mpf(float(jnp.finfo(dtype).eps)) / 2
    with mp.workdps(800 if dtype == jnp.float64 else 160):
        here, moved = case.at(x, p), [mp.mpf(0)] * len(ORDERS)
        for shift in (-half, half):
            # Subnormal numbers count as 0, on either side of it.
            beside = [(mp.mpf(x) * (1 + shift) if x else shift * mp.mpf(1e-40), p)]
            beside += [(x, mp.mpf(p) * (1 + shift))] if case.name else []
            for place in beside:
                changes = _each(case.at(*place), here)
                moved = list(map(max, moved, changes))
        return [getattr(here, name) for name in PARTS], moved


def _each(there, here):
    return [abs(getattr(there, name) - getattr(here, name)) for name in PARTS]


def measure(case: Case, dtype, few: bool = False):
    """The worst error of each order and mode, in conditioned units, and where."""
    dtype = jnp.dtype(dtype)
    x, p = places(case, dtype, few=few)
    fixed = tuple(sorted(case.numbers.items()))
    got = program(case.kind, case.member, fixed, case.name)(
        jnp.asarray(x, dtype), jnp.asarray(p)
    )
    truths = [truth(case, float(x[i]), float(p[i]), p.dtype) for i in range(len(x))]
    worst: dict[tuple[str, str], tuple[float, Any]] = {}
    for order, modes in got.items():
        for mode, values in modes.items():
            out = jnp.finfo(values.dtype)
            for i, value in enumerate(np.asarray(values, float)):
                exact, moved = (each[ORDERS.index(order)] for each in truths[i])
                place = float(x[i]), float(p[i])
                error = _error(case, order, place, value, exact, moved, out)
                if (order, mode) not in worst or error > worst[order, mode][0]:
                    worst[order, mode] = error, (*place, value, float(exact))
    return worst


def _error(case: Case, order, place, value, exact, moved, out) -> float:
    """The error of a value in conditioned units; `out` is the range of its dtype."""
    x, p = place
    if abs(exact) + moved > float(out.max):
        return 0.0
    if not np.isfinite(value):
        return np.inf
    if case.member in WAVES and abs(x) > 1e5 / p:
        return 0.0
    # Smaller numbers are flushed to 0, and a factor may follow.
    flushed = 64 * max(float(out.tiny), 2.0**-126 if out.bits < 64 else 0.0)
    if case.name in FACTORS:
        flushed *= max(1.0, p)
    off = max(abs(mp.mpf(value) - exact) - flushed, mp.mpf(0))
    term = TERMS.get((case.member, case.name, order), lambda x, p: 0)(x, p)
    size = max(abs(exact), term, mp.mpf(float(out.tiny)))
    last_place = 2 ** mp.floor(mp.log(size, 2)) * float(out.eps)
    return float(off / (moved + last_place))
