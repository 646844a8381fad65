"""Rounds: a target, and many examples that share its programs."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from hypothesis import HealthCheck
from hypothesis.errors import Flaky
from jax.sharding import Mesh, PartitionSpec

from ngcx.analysis import TrainingResult

from ..robustness._entries import (
    Array,
    Axis,
    Flag,
    Function,
    Key,
    Kind,
    Name,
    Number,
    Other,
    Size,
)
from ..robustness._table import leaves
from ._errors import (
    arrays_of_numpy,
    brief,
    difference,
    distance,
    holds_floats,
    is_floating,
    nudged,
    trouble,
)
from ._known import bounds, is_known, scale_of
from ._targets import MAKE, Target, split
from ._values import BAD, DTYPES, LANES, SHAPES, lanes_of, number_in


def run_epochs(result):
    """The same without the epochs of a training that were not run, which are NaN."""

    def cut(node):
        if not isinstance(node, TrainingResult):
            return node
        run = int(node.epochs)
        return jax.tree.map(lambda x: x[:run] if x.ndim else x, node)

    return jax.tree.map(cut, result, is_leaf=lambda x: isinstance(x, TrainingResult))


class Fault(AssertionError):
    """An invariant that does not hold, and the arguments for which it does not."""

    def __init__(self, invariant: str, text: str, arguments: dict[str, Any]):
        super().__init__(text)
        self.invariant, self.text, self.arguments = invariant, text, arguments


class Round:
    """A target, and what decides its programs."""

    dtype = "float32"
    varied = True

    def __init__(self, target: Target, rng: np.random.Generator, found: set):
        self.target, self.rng, self.found = target, rng, found
        self.calls = self.results = self.values = 0

    def examples(self) -> st.SearchStrategy:
        raise NotImplementedError

    def check(self, example) -> None:
        raise NotImplementedError

    def report(self, invariant: str, text: str, arguments: dict[str, Any]):
        """Raises `Fault`, unless it is known, or found before."""
        known = not text or is_known(self.target.name, invariant, text)
        if not known and (self.target.name, invariant, text[:60]) not in self.found:
            raise Fault(invariant, text, arguments)

    def search(self) -> Fault | None:
        """The simplest fault that hypothesis finds."""
        number = 5 if self.target.entry.on_host else 40

        @hypothesis.seed(int(self.rng.integers(2**31)))
        @hypothesis.settings(
            max_examples=number if self.varied else 1,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
            report_multiple_bugs=False,
        )
        @hypothesis.given(self.examples())
        def examine(example):
            self.check(example)

        try:
            with jax.enable_x64(self.dtype == "float64"):
                examine()
        except Fault as fault:
            return fault
        except Flaky as error:
            return Fault("flaky", str(error)[:300], {})
        return None


class BadRound(Round):
    """Arguments that should not be: they raise errors of ours, and nothing changes."""

    def examples(self):
        changes = []
        for name, kind in self.target.entry.arguments.items():
            pool = [*BAD, *(wrong.value for wrong in kind.wrong())]
            if isinstance(kind, Function):  # what another does is the user's business
                pool = [value for value in pool if not callable(value)]
            changes.append(st.tuples(st.just(name), st.sampled_from(pool)))
        return (
            st.lists(st.one_of(changes), min_size=1, max_size=2)
            if changes
            else (st.just([]))
        )

    def check(self, example):
        entry, changed = self.target.entry, dict(example)
        arguments = entry.valid() | changed
        before = [x.copy() for x in arrays_of_numpy(arguments)]
        self.calls += 1
        try:
            entry.call(arguments)
            self.results += 1
        except Exception as error:
            blamed = {*changed, *entry.also}
            if any(map(eqx.is_array, jax.tree.leaves(changed))):
                blamed |= {*entry.arrays(), "axis"}
            self.report("error", trouble(error, blamed), arguments)
        after = arrays_of_numpy(arguments)
        if any(x.tobytes() != y.tobytes() for x, y in zip(before, after, strict=True)):
            self.report("input", "an input has changed", arguments)


class GoodRound(Round):
    """Arguments that are right, of one dtype and one shape, in all transforms."""

    def __init__(self, target, rng, found):
        super().__init__(target, rng, found)
        self.dtype = str(rng.choice(DTYPES))
        self.sizes = SHAPES[str(rng.choice(list(SHAPES), p=(0.6, 0.2, 0.2)))]
        self.constants, self.traced = {}, {}
        for name, kind in target.kinds.items():
            if dtype := self._drawn(kind):
                self.traced[name] = jnp.dtype(dtype)
            else:
                self.constants[name] = self._constant(name, kind)
        self.varied = bool(self.traced)

    def _drawn(self, kind: Kind) -> str | None:
        """The dtype of an argument that is drawn for each example, if it is one."""
        chance = self.rng.random()
        if getattr(kind, "optional", False) and chance < 0.3:
            return None
        if isinstance(kind, Array):
            accepted = kind.accepts.replace("complex", "").split()
            chosen = accepted[0] if chance < 0.7 else str(self.rng.choice(accepted))
            integer = str(self.rng.choice(["int32", "int8", "uint8"]))
            return {"float": self.dtype, "int": integer, "bool": "bool"}[chosen]
        if isinstance(kind, Number):
            return self.dtype if kind.array and chance < 0.6 else None
        if isinstance(kind, Key):
            return "uint32"
        if isinstance(kind, Other):
            parts = jax.tree.leaves(kind.valid)
            if parts and all(map(eqx.is_inexact_array, parts)):
                return self.dtype
        return None

    def _constant(self, name: str, kind: Kind) -> Any:
        chance = self.rng.random()
        if getattr(kind, "optional", False) and chance < 0.5:
            return None
        if name.removeprefix(MAKE) == "dtype":
            return self.dtype
        if isinstance(kind, Number):
            within = bounds(self.target.name, name.removeprefix(MAKE))
            return float(np.clip(number_in(kind, self.rng), *within))
        if isinstance(kind, Flag):
            return chance < 0.5
        if isinstance(kind, Axis):
            return int(self.rng.choice([kind.valid, -1, 0]))
        if isinstance(kind, Size) and chance < 0.3:
            return int(self.rng.integers(kind.low or 0, kind.valid + 2))
        if isinstance(kind, Name):
            made = self.target.make if name.startswith(MAKE) else None
            parameters = inspect.signature((made or self.target.entry).function)
            hint = parameters.parameters[name.removeprefix(MAKE)].annotation
            choices = [each for each in typing.get_args(hint) if isinstance(each, str)]
            return str(self.rng.choice(choices or [kind.valid]))
        return kind.valid

    def examples(self):
        drawn = {}
        for name, dtype in self.traced.items():
            within = bounds(self.target.name, name.removeprefix(MAKE))
            kind = self.target.kinds[name]
            drawn[name] = lanes_of(kind, self.sizes, dtype, within)
        return st.fixed_dictionaries(drawn)

    def call(self, traced: dict[str, Any]) -> list:
        results = leaves(run_epochs(self.target.call(self.constants | traced)))
        is_key = [jnp.issubdtype(x.dtype, jax.dtypes.prng_key) for x in results]
        return [
            jr.key_data(x) if key else x for x, key in zip(results, is_key, strict=True)
        ]

    def check(self, example):
        given = jax.tree.map(jnp.asarray, example)
        lanes = [jax.tree.map(lambda x, i=i: x[i], given) for i in range(LANES)]
        eager = []
        for traced in lanes:
            arguments = self.constants | traced
            self.calls += 1
            self.values += sum(x.size for x in jax.tree.leaves(traced))
            try:
                results = self.call(traced)
            except Exception as error:
                names = {n.removeprefix(MAKE) for n in self.target.kinds}
                text = trouble(error, names | {*self.target.entry.also})
                return self.report("error", text, arguments)
            self.results += 1
            eager.append(results)
            for leaf in filter(is_floating, results):
                if np.isnan(leaf).any():
                    self.report("NaN", "finite numbers give NaN", arguments)
                if leaf.dtype != (self.expected_dtype() or leaf.dtype):
                    text = f"is in {leaf.dtype}, not in {self.expected_dtype()}"
                    self.report("dtype", text, arguments)
        self.check_numpy(lanes[0], eager[0])
        if self.traced and not self.target.entry.on_host:
            self.check_transforms(given, lanes, eager)

    def expected_dtype(self):
        """The dtype of floating results, if it is known."""
        entry = self.target.entry
        if "dtype" in self.constants:
            return jnp.dtype(self.dtype)
        half = jnp.finfo(self.dtype).bits < 32
        if holds_floats(self.constants) or (half and not entry.half):
            return None  # a state or a parameter has a dtype of its own
        floating = {n for n, dtype in self.traced.items() if is_floating(dtype)}
        if entry.floats().keys() & floating and not entry.default_dtype:
            return jnp.dtype(self.dtype)
        text = any(isinstance(x, str) for x in self.constants.values())
        return None if floating or text or self.target.make else jnp.result_type(float)

    def check_numpy(self, traced, expected):
        """Arrays of numpy give the same, and are as they were."""
        own, kinds = split(traced)[1], self.target.entry.arguments
        given = {n: np.array(x) for n, x in own.items() if isinstance(kinds[n], Array)}
        if not given:
            return
        copies = {name: x.copy() for name, x in given.items()}
        arguments = self.constants | traced | copies
        try:
            results = self.call(traced | given)
        except Exception as error:
            self.report("numpy", f"numpy is refused: {brief(error)}", arguments)
            return
        if any(x.tobytes() != copies[name].tobytes() for name, x in given.items()):
            self.report("input", "an input has changed", arguments)
        self.compare("numpy", traced, results, expected)

    def check_transforms(self, given, lanes, eager):
        if not hasattr(self, "program"):
            # One program holds them all, since compiling takes nearly all of the time.
            self.program = jax.jit(
                lambda given: {n: f(given) for n, f in self.transforms().items()}
            )
        try:
            results = self.program(given)
        except Exception as error:
            for name, function in {**self.transforms(), "jit": self.program}.items():
                try:
                    jax.eval_shape(function, given)
                except Exception as refused:
                    text = f"works eagerly, but with {name}: {brief(refused)}"
                    return self.report(name, text, self.constants | lanes[0])
            text = f"does not compile: {brief(error)}"
            return self.report("jit", text, self.constants | lanes[0])
        for name, of_lanes in jax.tree.map(np.asarray, results).items():
            for i in range(LANES if name != "jit" else 1):
                actual = [x[i] for x in of_lanes] if name != "jit" else of_lanes
                self.compare(name, lanes[i], actual, eager[i])
        return None

    def transforms(self) -> dict[str, Callable]:
        def first(given):
            return self.call(jax.tree.map(lambda x: x[0], given))

        def alone(given):
            return [jnp.asarray(x)[None] for x in first(given)]

        mesh = Mesh(jax.devices()[:LANES], "lanes")
        lanes = PartitionSpec("lanes")
        sharded = jax.shard_map(alone, mesh=mesh, in_specs=lanes, out_specs=lanes)
        each = {"jit": first, "vmap": jax.vmap(self.call), "shard_map": sharded}
        # `jnp.where` gives empty arrays another type there than it does all others, and
        # no loop that holds one is taken then.
        if (0,) in self.sizes.values():
            del each["shard_map"]
        return each

    def compare(self, how: str, traced, actual, expected):
        scale = scale_of(self.target.name, self.constants | traced)
        if not difference(actual, expected, scale=scale):
            return
        moved = [np.zeros(np.shape(x)) for x in expected]
        # Small errors pass no threshold, and larger ones leave what is cut off at 0.
        for seed, ulps in enumerate([2] * 8 + [32] * 16):
            rng = np.random.default_rng(seed)
            near = self.call(jax.tree.map(lambda x: nudged(x, rng, ulps), traced))  # noqa: B023
            moved = [
                np.fmax(most, 128 / ulps * distance(x, y))
                for most, x, y in zip(moved, near, expected, strict=True)
            ]
        text = difference(actual, expected, moved, scale)
        self.report(how, text and f"{how}: {text}", self.constants | traced)
