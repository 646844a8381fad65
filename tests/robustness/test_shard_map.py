"""Every function inside `jax.shard_map`, with its default check of types, where one
argument, or all, differ from device to device.
"""

import os
import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from jax.sharding import Mesh, PartitionSpec

from ngcx import analysis, density, neurons

from ._entries import Array, Entry, Key, Kind, Number, Other
from ._table import TABLE, leaves


pytestmark = pytest.mark.in_turn(2)


# Tracing all of them takes a minute; most hold no loop, of which the types are strict.
LOOPS = (
    r"analysis\.(KMeans|KNN)Probe\.(clusters|neighbors)|diffeq\.solve|activations\.KWTA"
    r"|filters\.(gaussian_blur|ratio)|metrics\.(van_rossum|victor)|neurons\.delta$"
    r"|neurons\.(AdaptiveLIF|Delay|Dropout|Each|Recurrent|Stack|BatchNorm)\.run"
    r"|patches\.reconstruct|process\.\w+\.scan|masks\.\w+\.__call__"
)
ALL = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
MESH = Mesh(jax.devices()[:2], "devices")
APART, SAME = PartitionSpec("devices"), PartitionSpec()


def arrays(kind: Kind):
    """An argument as arrays, if it can be."""
    parts = jax.tree.leaves(kind.valid) if isinstance(kind, Other) else ()
    if isinstance(kind, Number) and kind.array:
        return jnp.asarray(kind.valid, float)
    if isinstance(kind, Array | Key) or (parts and all(map(eqx.is_array, parts))):
        return kind.valid
    return None


def trace(call, arguments: dict, apart: set, check_vma: bool = True):
    """Traces a call with some arguments that differ between two devices."""

    def alone(given):
        given = {
            name: jax.tree.map(lambda x: x[0], value) if name in apart else value
            for name, value in given.items()
        }
        return [jnp.asarray(x)[None] for x in leaves(call(given))]

    given = {
        name: jax.tree.map(lambda x: jnp.stack([x, x]), value)
        if name in apart
        else value
        for name, value in arguments.items()
    }
    specs = ({name: APART if name in apart else SAME for name in given},)
    mapped = jax.shard_map(
        alone, mesh=MESH, in_specs=specs, out_specs=APART, check_vma=check_vma
    )
    return jax.eval_shape(mapped, given)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, entry in TABLE.items()
        if not entry.on_host and (ALL or re.match(LOOPS, name))
    ],
)
def test_any_argument_may_differ_between_devices(name):
    entry: Entry = TABLE[name]
    given = {n: arrays(kind) for n, kind in entry.arguments.items()}
    given = {n: value for n, value in given.items() if value is not None}
    fixed = {n: value for n, value in entry.valid().items() if n not in given}

    def call(given):
        return entry.call(fixed | given)

    try:
        jax.eval_shape(call, given)
    except Exception:
        pytest.skip("needs numbers that are known")
    for apart in ({name} for name in given):
        trace(call, given, apart)
    trace(call, given, {*given})


X = jr.uniform(jr.key(1), (12, 3))
ROWS = {"key": jr.key(0), "x": X}


@pytest.mark.parametrize(
    "family",
    [density.GaussianMixture, density.BernoulliMixture, density.ExponentialMixture],
)
def test_mixtures_are_fitted_on_each_device_or_on_all(family):
    mixture, _ = family.fit(**ROWS, num_components=2, max_iter=1)
    for apart in ROWS:
        trace(lambda given: family.fit(**given, num_components=2), ROWS, {apart})
    for apart in ("mixture", "x"):
        given = {"mixture": mixture, "x": X}
        trace(lambda given: given["mixture"].fit_more(given["x"]), given, {apart})

    def step(mixture, x):
        return mixture.em_step(x, axis_name="devices")

    mapped = jax.shard_map(step, mesh=MESH, in_specs=(SAME, APART), out_specs=SAME)
    jax.eval_shape(mapped, mixture, X)


@pytest.mark.parametrize(
    "probe",
    [analysis.KMeansProbe(4, num_classes=3), analysis.LinearProbe(num_classes=3)],
)
def test_probes_are_fitted_on_each_device(probe):
    options: Any = {}
    if isinstance(probe, analysis.LinearProbe):
        options = {"batch_size": 4}
    data = ROWS | {"y": jnp.arange(12) % 3}
    for apart in data:
        trace(lambda given: probe.fit(**given, **options), data, {apart})


def test_what_optax_cannot_do_is_said():
    # The search along a line of L-BFGS is a loop of optax that begins with constants.
    data, probe = ROWS | {"y": jnp.arange(12) % 3}, analysis.LinearProbe(num_classes=3)
    for apart in data:
        with pytest.raises(ValueError, match="`optimizer` must .* `jax.shard_map`"):
            trace(lambda given: probe.fit(**given), data, {apart})
        trace(lambda given: probe.fit(**given), data, {apart}, check_vma=False)


class Counting(neurons.AbstractCell):
    """Has a state that all samples share, and does not average over devices."""

    def init(self, shape, dtype=jnp.float32):
        return neurons.Shared(jnp.zeros((), dtype))

    def __call__(self, state, x, *, key=None):
        return neurons.Shared(state.value + jnp.sum(x)), x


def test_shared_states_that_differ_are_named():
    given = {"x": jnp.ones((3, 2))}
    with pytest.raises(ValueError, match=r"Layer 0 .*`jax.shard_map`.*pmean"):
        trace(lambda given: neurons.Stack(Counting()).run(given["x"]), given, {"x"})
    # Statistics of each device by itself are a choice.
    trace(lambda given: neurons.BatchNorm(2).run(given["x"]), given, {"x"})
