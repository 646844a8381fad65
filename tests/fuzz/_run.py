"""The command line: rounds until the time is over, and what they found."""

import argparse
import collections
import contextlib
import faulthandler
import inspect
import random
import sys
import tempfile
import time
import warnings
import zlib
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np

from ._rounds import BadRound, Fault, GoodRound
from ._targets import Target, split, targets


def main() -> int:
    parser = argparse.ArgumentParser(description="Looks for faults in all of ngcx.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the names to call")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    faulthandler.enable()
    called, unknown = targets()
    for name in unknown:
        print(f"{name}: no entry in tests/robustness says how to call it")
    called = [each for each in called if options.only in each.name]
    if not called:
        parser.error(f"no name of what is called has {options.only!r} in it")
    # Some targets write files.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        found = run(called, options.minutes * 60, options.seed)
    return bool(found or unknown)


def run(called: list[Target], seconds: float, seed: int) -> int:
    """Calls all targets again and again; prints what is found, and a summary."""
    start, counts, found = time.monotonic(), np.zeros(3, int), set()
    visits: collections.Counter[str] = collections.Counter()
    returned, queue = set(), []
    while time.monotonic() < start + seconds:
        queue = queue or random.Random(seed + len(visits)).sample(called, len(called))
        target = queue.pop()
        visits[target.name] += 1
        for fault, text, numbers in visit(target, seed, visits[target.name], found):
            counts += numbers
            if numbers[1]:
                returned.add(target.name)
            if fault:
                found.add((target.name, fault.invariant, fault.text[:60]))
                print(text, flush=True)
        if visits.total() % 40 == 0:
            jax.clear_caches()  # programs would fill the memory
    calls, results, values = counts
    minutes = (time.monotonic() - start) / 60
    print(
        f"{minutes:.1f} minutes, {len(visits)} of {len(called)} callables, {calls} "
        f"calls, {results} results, {values} numbers: {len(found)} findings."
    )
    if silent := visits.keys() - returned:
        print("No call returned a result of", *sorted(silent), file=sys.stderr)
    return len(found)


def visit(target: Target, seed: int, number: int, found: set):
    """A good and a bad round: for each the fault, if any, a text, and counts."""
    # What a target is given does not depend on which others are called.
    key = seed, zlib.crc32(target.name.encode()), number
    for kind in (GoodRound, BadRound):
        one = kind(target, np.random.default_rng([*key, kind is BadRound]), found)
        fault, text = one.search(), ""
        if fault:
            where = f"{fault.invariant}; seed {seed}, visit {number}"
            code = snippet(target, fault, one.dtype == "float64")
            text = f"{target.name}: {fault.text}  [{where}]\n{code}\n"
        yield fault, text, (one.calls, one.results, one.values)


def snippet(target: Target, fault: Fault, x64: bool) -> str:
    made, own = split(fault.arguments)
    name = f"ngcx.{target.name}"
    module = getattr(target.entry.function, "__self__", target.entry.function)
    if isinstance(module, eqx.Module) and name.count(".") > 2:  # a method
        name, method = name.rsplit(".", 1)
        text = repr(module)
        if made:
            text = f"{name.rpartition('.')[2]}({arguments(made)})"
        name = f"{name.rpartition('.')[0]}.{text}"
        name += "" if method == "__call__" else f".{method}"
    lines = ["import jax, jax.numpy as jnp, numpy as np, ngcx"]
    lines += ["jax.config.update('jax_enable_x64', True)"] if x64 else []
    return "\n".join([*lines, f"{name}({arguments(own)})"])


def arguments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={code_of(value)}" for name, value in values.items())


def code_of(value: Any) -> str:
    if isinstance(value, jax.Array | np.ndarray):
        if jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key):
            return f"jax.random.wrap_key_data({code_of(jr.key_data(value))})"
        module = "jnp" if isinstance(value, jax.Array) else "np"
        numbers = str(value.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        return f"{module}.array({numbers}, {str(value.dtype)!r})"
    if type(value) is tuple:
        return f"({''.join(f'{code_of(each)}, ' for each in value)})"
    if type(value) is list:
        return f"[{', '.join(map(code_of, value))}]"
    if type(value) is dict:
        return f"{{{', '.join(f'{k!r}: {code_of(v)}' for k, v in value.items())}}}"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    named = inspect.isroutine(value) or inspect.isclass(value)
    return getattr(value, "__name__", "") if named else repr(value)
