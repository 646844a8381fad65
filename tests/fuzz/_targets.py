"""What is called: every public function, class and method."""

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ngcx import analysis, metrics, neurons

from ..robustness._entries import Array, Entry, Fixed, Function, Kind, Other, Size
from ..robustness._table import EXEMPT, SUBPACKAGES, TABLE


MAKE = "made with "  # stands before the arguments of the constructor


@dataclasses.dataclass(frozen=True)
class Target:
    """A callable, with what its arguments are."""

    name: str
    entry: Entry
    make: Entry | None = None
    """The constructor of the module whose method it is, if that is fuzzed too."""

    @property
    def kinds(self) -> dict[str, Kind]:
        made = self.make.arguments if self.make else {}
        return {MAKE + n: kind for n, kind in made.items()} | self.entry.arguments

    def call(self, arguments: dict[str, Any]):
        made, own = split(arguments)
        if not self.make:
            return self.entry.call(own)
        module, method = self.make.call(made), self.name.split(".")[-1]
        is_call = method == "__call__"
        return self.entry.call(own, module if is_call else getattr(module, method))


def split(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the constructor, and the others."""
    made = {n: value for n, value in arguments.items() if n.startswith(MAKE)}
    own = {n: value for n, value in arguments.items() if n not in made}
    return {n.removeprefix(MAKE): value for n, value in made.items()}, own


def _streamed(metric, **batch):
    total = metrics.Streaming.init(metric)
    return total.update(**batch).merge(total.update(**batch)).compute()


ROWS = Array("*batch features")
TRAINING = {"x": Array("samples 2 features"), "y": Array("samples", "int")}
# What the table of tests/robustness leaves out.
FURTHER = {
    "analysis.AttentiveProbe.fit": Entry(
        analysis.AttentiveProbe(num_heads=1, query_size=2, attention_size=2).fit,
        {"key": Fixed(jr.key(0)), **TRAINING, "epochs": Size(1)},
        on_host=True,
        half=False,
    ),
    "metrics.Streaming.compute": Entry(
        lambda predictions, targets: _streamed(
            metrics.mean_squared_error, predictions=predictions, targets=targets
        ),
        {"predictions": ROWS, "targets": ROWS},
        default_dtype=True,
        also=("metric",),
    ),
    "metrics.Streaming.init": Entry(
        metrics.Streaming.init, {"metric": Function(metrics.accuracy)}
    ),
    "metrics.Streaming.merge": Entry(
        metrics.Streaming.init(metrics.accuracy).merge,
        {"other": Other(metrics.Streaming.init(metrics.accuracy), {"None": None})},
    ),
    "neurons.TimeConstant.factor": Entry(
        neurons.TimeConstant(jnp.ones(()), dt=0.5).factor, {}
    ),
}
# Public names that are not called by users, and why.
NOT_CALLED = {
    r"\.Abstract": "is abstract",
    r"^density\.(Gaussians|Bernoullis|Exponentials)\.": "is a step of the mixtures'",
    r"^init\..*\.law$": "is a constant of the class, called by its `__call__`",
    r"^analysis\.Fitted": "is called through the probe that is fitted",
    r"^neurons\..*\.rest$": "chooses among the nodes of a state, and computes nothing",
    r"^neurons\..*\.observe$": "is called by `run`, for what is watched",
    r"^neurons\..*Reset\.(taken|apply)$": "is called by the cell that it resets",
    r"^neurons\.(Recurrent|Residual)\.combine$": "is a function that users give",
    r"^neurons\.Frozen\.__call__$": "hands on what it holds",
    r"^metrics\.Streaming\.update$": "is called by that of `compute`",
}


def public_names() -> Iterator[str]:
    """Every public callable, and every public method of a public class."""
    for subpackage in SUBPACKAGES:
        module = importlib.import_module(f"ngcx.{subpackage}")
        for name in dir(module):
            member = getattr(module, name)
            if name.startswith("_") or not callable(member):
                continue
            yield f"{subpackage}.{name}"
            for base in member.__mro__ if inspect.isclass(member) else ():
                ours = base.__module__.startswith("ngcx")
                for method, value in vars(base).items() if ours else ():
                    public = not method.startswith("_") or method == "__call__"
                    of_class = isinstance(value, classmethod | staticmethod)
                    is_method = callable(value) and not isinstance(value, eqx.Module)
                    if (
                        public
                        and (is_method or of_class)
                        and not inspect.isclass(value)
                    ):
                        yield f"{subpackage}.{name}.{method}"


def targets() -> tuple[list[Target], list[str]]:
    """All targets, and the public names of which nothing says how to call them."""
    found, known = [], set(EXEMPT)
    for name, entry in (TABLE | FURTHER).items():
        owner = TABLE.get(name.rpartition(".")[0])
        module = getattr(entry.function, "__self__", entry.function)
        made = owner is not None and type(module) is owner.function
        found.append(Target(name, entry, owner if made else None))
        known.add(re.sub(r"\(.*?\)", "", name))
    unknown = {name for name in public_names() if name not in known}
    return found, sorted(
        name
        for name in unknown
        if not any(re.search(each, name) for each in NOT_CALLED)
    )
