"""Eager use from many threads, and modules that come and go."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import surrogate
from ngcx.activations import ELU, AbstractElementwise

from ._table import TABLE, leaves


THREADS = 8
# Functions that are called from a thread each, as in a loader or a server.
PURE = {
    name: entry
    for name, entry in TABLE.items()
    if entry.arrays() and name.endswith("__call__")
}


@pytest.fixture
def run_in_threads():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that threads interrupt each other often

    def run(function):
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(function, range(THREADS)))

    yield run
    sys.setswitchinterval(interval)


@pytest.mark.thorough
def test_results_are_those_of_one_thread(run_in_threads):
    expected = {name: leaves(e.call(e.valid())) for name, e in PURE.items()}

    def call(number):
        names = list(PURE)
        random.Random(number).shuffle(names)
        return [
            name
            for name in names
            if not eqx.tree_equal(
                leaves(PURE[name].call(PURE[name].valid())), expected[name]
            )
        ]

    assert run_in_threads(call) == [[]] * THREADS


def test_threads_may_compile_the_same_module(run_in_threads):
    x = jnp.linspace(-1.0, 1.0, 7)
    slopes = np.random.default_rng(0).uniform(0.5, 2, 3)

    def call(number):
        del number
        return [surrogate.Arctan(float(slope)).derivative(x) for slope in slopes]

    first, *others = run_in_threads(call)
    for other in others:
        assert eqx.tree_equal(first, other)


def test_modules_that_come_and_go_keep_their_values(run_in_threads):
    below = jnp.asarray(-100.0)

    def call(number):
        alphas = [float(1 + (number + i) % 4) for i in range(200)]
        return [alpha for alpha in alphas if float(ELU(alpha)(below)) != -alpha]

    assert run_in_threads(call) == [[]] * THREADS


def test_a_module_is_not_taken_for_one_that_died_at_the_limit_of_recursion():
    below = jnp.asarray(-100.0)
    modules = [ELU(3.0)]
    modules[0](below)
    identity = id(modules[0])

    def die():
        try:
            die()
        except RecursionError:
            modules.clear()  # its weak reference cannot call back here

    die()
    kept = []
    for _ in range(5_000):
        kept.append(ELU(2.0))
        if id(kept[-1]) == identity:
            break
    assert kept[-1](below) == -2


def test_a_module_may_be_called_while_it_is_made():
    class Normalised(AbstractElementwise):
        scale: float
        equation = ""

        def __init__(self):
            self.scale = 1.0
            self.scale = 0.5 / float(self(jnp.asarray(1.0)))

        def _value(self, x):
            return self.scale * x

        def _derivative(self, x):
            return self.scale * jnp.ones_like(x)

    assert Normalised()(jnp.asarray(1.0)) == 0.5
