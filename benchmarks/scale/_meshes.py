"""What programs do on a mesh of as many simulated devices as `python -m` is told to:
one process for each number, since JAX makes its devices once. Nothing is run.
"""

import json
import math
import os
import re
import subprocess
import sys
from typing import NamedTuple


if __name__ == "__main__":
    # JAX reads this when it is imported.
    flag = f" --xla_force_host_platform_device_count={sys.argv[1]}"
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + flag
    os.environ["JAX_PLATFORMS"] = "cpu"

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ngcx.analysis import LinearProbe
from ngcx.data import DataLoader

from ._cases import loss, mixture, spiking
from ._work import Planned, planned


# Each device has as much to do, however many there are.
ROWS, BATCH, FEATURES = 4096, 64, 64
COLLECTIVES = (
    "all-gather",
    "all-reduce",
    "all-to-all",
    "collective-permute",
    "reduce-scatter",
)
EM = "Mixture: a step of EM in `shard_map`"
BYTES = {"pred": 1, "bf16": 2, "f16": 2, "f32": 4, "s32": 4, "u32": 4, "f64": 8}


class Shard(NamedTuple):
    """What one device does in a step."""

    planned: Planned
    sent: dict[str, int]
    """The bytes that it gets from exchanges between devices, by their kind."""
    seldom: dict[str, int]
    """The same of exchanges that take place under a condition alone."""


def exchanges(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """The bytes of the results of all exchanges in a compiled program, and of those in
    branches.
    """
    branches = re.findall(r"(?:branch|true|false)_computations?=\{?([^}\n]*)", text)
    named = set(re.findall(r"%[\w.-]+", " ".join(branches)))
    always, seldom, kinds = {}, {}, "|".join(COLLECTIVES)
    for computation in text.split("\n\n"):
        name = re.match(r"%[\w.-]+", computation)
        found = seldom if name and name[0] in named else always
        for result, kind in re.findall(
            rf" = (.*?) ({kinds})(?:-start)?\(", computation
        ):
            for dtype, shape in re.findall(r"(\w+)\[([\d,]*)\]", result):
                sides = [int(side) for side in shape.split(",") if side]
                size = BYTES[dtype] * math.prod(sides)
                found[kind] = found.get(kind, 0) + size
    return always, seldom


def programs(mesh):
    """Functions, with the places of their arguments: everywhere, or cut by an axis."""
    by_row = jax.NamedSharding(mesh, jax.P("data"))
    batch = BATCH * mesh.size
    everywhere, cut = jax.P(), jax.P("data")

    def load(key, data):
        return DataLoader(data, batch, sharding=by_row).batch(key, 0)

    def fit(key, x, y):
        probe = LinearProbe(num_classes=10)
        fitted, _ = probe.fit(key, x, y, batch_size=batch, epochs=1)
        return eqx.filter(fitted.network, eqx.is_array)

    def rows(*shape, dtype=jnp.float32):
        return jax.ShapeDtypeStruct((mesh.size * shape[0], *shape[1:]), dtype)

    key = jr.key(0)
    many = rows(ROWS, FEATURES)
    step = jax.shard_map(
        lambda mixture, x: mixture.em_step(x, axis_name="data"),
        mesh=mesh,
        in_specs=(everywhere, cut),
        out_specs=everywhere,
    )
    inputs = jax.ShapeDtypeStruct((50, batch, FEATURES), jnp.float32)
    labels = rows(BATCH, dtype=jnp.int32)
    return {
        "Loader, the data on every device": (load, (key, many), (everywhere,) * 2),
        "Loader, the data cut by rows": (load, (key, many), (everywhere, cut)),
        EM: (
            step,
            (mixture(FEATURES), many),
            (everywhere, cut),
        ),
        "Mixture: a step of EM, cut by XLA": (
            lambda mixture, x: mixture.em_step(x),
            (mixture(FEATURES), many),
            (everywhere, cut),
        ),
        "Linear probe: a training step": (
            fit,
            (key, many, rows(ROWS, dtype=jnp.int32)),
            (everywhere, cut, cut),
        ),
        "Stack: a training step of 50 time steps": (
            eqx.filter_value_and_grad(loss),
            (spiking(FEATURES, 128), inputs, labels),
            (everywhere, jax.P(None, "data"), cut),
        ),
    }


def shard(function, arguments, places, mesh) -> Shard:
    """Compiles a program for a mesh, and looks at what one device has to do."""

    def placed(argument, place):
        where = jax.NamedSharding(mesh, place)
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
            argument,
        )

    def is_data(leaf):
        return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)

    arrays, rest = eqx.partition(arguments, is_data)
    arrays = tuple(map(placed, arrays, places))
    program = jax.jit(lambda arrays: function(*eqx.combine(arrays, rest)))
    compiled = program.lower(arrays).compile()
    return Shard(planned(compiled), *exchanges(compiled.as_text() or ""))


def shards() -> dict[str, Shard]:
    """What one device does, of all that this process has."""
    mesh = jax.make_mesh(
        (jax.device_count(),), ("data",), axis_types=(jax.sharding.AxisType.Auto,)
    )
    return {
        name: shard(*program, mesh=mesh) for name, program in programs(mesh).items()
    }


def simulated(devices: int) -> dict[str, Shard]:
    """The same, in a process of as many devices."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale._meshes", str(devices)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return from_json(json.loads(done.stdout.splitlines()[-1]))


def from_json(found) -> dict[str, Shard]:
    """What `json.dumps` made lists of."""
    return {
        name: Shard(Planned(*known), sent, seldom)
        for name, (known, sent, seldom) in found.items()
    }


if __name__ == "__main__":
    print(json.dumps(shards()))
