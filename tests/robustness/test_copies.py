"""Modules and results survive pickling and copying, and work on."""

import copy
import inspect
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from ngcx import data, metrics

from ._table import TABLE, leaves


pytestmark = pytest.mark.in_turn(10)


COPIES = {
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
MODULES = {
    name: entry
    for name, entry in TABLE.items()
    if inspect.isclass(entry.function) and issubclass(entry.function, eqx.Module)
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", MODULES)
def test_copies_of_a_module_are_equal_and_work(name, how):
    original = MODULES[name].call(MODULES[name].valid())
    copied = COPIES[how](original)
    assert type(copied) is type(original)
    assert eqx.tree_equal(copied, original)
    for key, entry in TABLE.items():
        subpackage, owner, *method = key.split(".")
        if (
            f"{subpackage}.{owner}" != name
            or inspect.isfunction(entry.function)
            or not method
        ):
            continue
        results = [
            entry.call(entry.valid(), getattr(module, method[0]))
            for module in (original, copied)
        ]
        assert eqx.tree_equal(*map(leaves, results)), method


@pytest.mark.parametrize("name", MODULES)
def test_leaves_are_numbers_and_arrays(name):
    """A choice or a size decides the program, so that JAX must not take it for data."""
    module = MODULES[name].call(MODULES[name].valid())
    for path, leaf in jax.tree_util.tree_leaves_with_path(module):
        # `eqx.nn.inference_mode` replaces a leaf.
        if jax.tree_util.keystr(path) != ".inference":
            assert not isinstance(leaf, str | bool), leaf


# Jaxprs, and functions that are compiled, such as a metric, are what JAX cannot pickle.
NOT_PICKLED = (
    "data.ItemSource",  # has no equality
    "metrics.Streaming",
    "process.JointProcess.jaxpr",
    "process.MethodProcess.jaxpr",
)


@pytest.mark.parametrize(
    "name", [n for n, e in TABLE.items() if n not in MODULES and not e.on_host]
)
def test_results_can_be_pickled(name):
    result = TABLE[name].call(TABLE[name].valid())
    if name in NOT_PICKLED or any(map(callable, jax.tree.leaves(result))):
        pytest.skip("holds functions of JAX or optax")
    assert eqx.tree_equal(pickle.loads(pickle.dumps(result)), result)


@pytest.mark.parametrize("how", COPIES)
def test_the_state_of_a_loader_goes_on(how):
    loader = data.DataLoader(jnp.arange(5.0), 2)
    _, state = loader.next(loader.init(jr.key(0)))
    copied = COPIES[how](state)
    assert eqx.tree_equal(loader.next(copied), loader.next(state))


@pytest.mark.thorough
def test_a_copy_of_a_streaming_metric_is_of_the_same_metric():
    total = metrics.Streaming.init(metrics.root_mean_squared_error)
    batch = jnp.array([[1.0, 1.0], [3.0, 3.0]]), jnp.zeros((2, 2))
    for copied in (copy.copy(total), copy.deepcopy(total)):
        assert copied.update(*batch).compute() == total.update(*batch).compute()


@pytest.mark.parametrize("name", [name for name in TABLE if name.endswith(".init")])
def test_a_fresh_state_can_be_donated(name):
    """No buffer is in it twice, or there would be an error."""
    state = eqx.filter(TABLE[name].call(TABLE[name].valid()), eqx.is_array)
    expected = jax.tree.map(jnp.copy, state)
    run = jax.jit(lambda state: jax.tree.map(jnp.copy, state), donate_argnums=0)
    assert eqx.tree_equal(run(state), expected)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
