"""Exchanges networks with the libraries that know NIR, and keeps what came of it in
`tests/exchange/peers.zip` and on the page; with `--check`, fails if that would change.
`nox -s exchange` checks, and `nox -s exchange -- --write` keeps.
"""

import argparse
import contextlib
import importlib.metadata
import io
import operator
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import nir
import numpy as np

from ngcx.exchange import from_nir, to_nir
from ngcx.neurons import LIF, HardReset, Recurrent, Residual, Stack, SynapticLIF

from ._nir_peers import DT, READERS, WRITERS, drive


ROOT = pathlib.Path(__file__).parents[1]
FILE = ROOT / "tests/exchange/peers.zip"
PAGE = ROOT / "docs/exchange.md"
BEGIN, END = "<!-- Tables of parity/_nir.py: `nox -s exchange` -->", "<!-- end -->"
NAMES = {
    "snntorch": "snnTorch",
    "spikingjelly": "SpikingJelly",
    "norse": "Norse",
    "spyx": "Spyx",
    "sinabs": "sinabs",
}


def ours() -> dict[str, tuple[Stack, tuple[int, ...]]]:
    """Networks, and the shapes of what they take."""
    keys = jr.split(jr.key(0), 8)
    hard, scaled = {"reset": HardReset()}, {"scale_input": True}

    def two(first, second, inputs=16):
        layers = [eqx.nn.Linear(inputs, 32, key=keys[0]), first]
        return Stack(*layers, eqx.nn.Linear(32, 10, key=keys[1]), second), (inputs,)

    def images(pool):
        convolution = eqx.nn.Conv2d(1, 4, 3, padding=1, key=keys[2])
        layers = [convolution, LIF(0.9, 0.3, **hard), pool, jnp.ravel]
        last = eqx.nn.Linear(64, 10, key=keys[3])
        return Stack(*layers, last, LIF(0.8, 0.3, **hard)), (1, 8, 8)

    last = LIF(0.8, 0.3, **hard)
    each = jr.uniform(keys[4], (32,), minval=0.5, maxval=0.95)
    block = Stack(eqx.nn.Linear(32, 32, key=keys[5]), LIF(0.9, 0.3, **hard))
    matrix = 0.2 * jr.normal(keys[6], (32, 32))
    rest = {"v_rest": -0.1, **scaled}
    return {
        "`LIF`": two(LIF(0.9, 0.3, **hard), last),
        "`LIF`, `scale_input=True`": two(
            LIF(0.9, 0.1, **hard, **scaled), LIF(0.8, 0.1, **hard, **scaled)
        ),
        "`LIF`, `v_rest` and `HardReset(to)`": two(
            LIF(0.9, 0.1, reset=HardReset(-0.1), **rest),
            LIF(0.8, 0.1, reset=HardReset(-0.1), **rest),
        ),
        "`LIF`, a decay for each neuron": two(LIF(each, 0.3, **hard), last),
        "`LIF(1.0)`": two(LIF(1.0, 0.3, **hard), LIF(1.0, 0.3, **hard)),
        "`SynapticLIF`": two(
            SynapticLIF(0.9, 0.3, synaptic_decay=0.7, **hard),
            SynapticLIF(0.8, 0.3, synaptic_decay=0.6, **hard),
        ),
        "`Conv2d`, `AvgPool2d`": images(eqx.nn.AvgPool2d(2, 2)),
        "`Conv2d`, sums": images(eqx.nn.Pool(0, jax.lax.add, 2, 2, 2)),
        "`Recurrent(LIF, W)`": two(Recurrent(LIF(0.9, 0.3, **hard), matrix), last),
        "`Residual`": two(Residual(block, operator.add), last),
    }


def read_by(peer: str, stack: Stack, shape: tuple[int, ...], path) -> str:
    """How many outputs of theirs differ, or that they refuse the graph, or give outputs
    of another size.
    """
    nir.write(path, to_nir(stack, shape, dt=DT))
    x = drive(shape)
    expected = np.asarray(stack.run(jnp.asarray(x), batched=True)[1])
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = READERS[peer](lambda: nir.read(path), x).reshape(expected.shape)
    except Exception:
        return "–"
    return f"{np.sum(found != expected):,}"


def rows_of_readers() -> Iterator[list[str]]:
    yield ["network", *(f"{NAMES[peer]} {version(peer)}" for peer in READERS)]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "network.nir")
        for name, (stack, shape) in ours().items():
            yield [name, *(read_by(peer, stack, shape, path) for peer in READERS)]


def version(peer: str) -> str:
    return importlib.metadata.version(peer)


def written() -> dict[str, bytes]:
    """The files of the peers, and beside each what their networks take and give."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for peer, writer in WRITERS.items():
            with contextlib.redirect_stdout(io.StringIO()):
                networks = list(writer())
            for network in networks:
                name = f"{peer}/{network.name}"
                path = pathlib.Path(folder, "network.nir")
                nir.write(path, network.graph)
                found[f"{name}.nir"] = path.read_bytes()
                arrays = io.BytesIO()
                np.savez(arrays, x=network.x, out=network.out, dt=network.dt)
                found[f"{name}.npz"] = arrays.getvalue()
    return found


def rows_of_writers(files: dict[str, bytes]) -> Iterator[list[str]]:
    yield ["written by", "cell", "outputs that differ"]
    for name in files:
        if name.endswith(".nir"):
            peer, cell = name.removesuffix(".nir").split("/")
            yield [
                f"{NAMES[peer]} {version(peer)}",
                f"`{cell}`",
                read_by_us(files, name),
            ]


def read_by_us(files: dict[str, bytes], name: str) -> str:
    arrays = np.load(io.BytesIO(files[name.replace(".nir", ".npz")]))
    graph = nir.read(io.BytesIO(files[name]))
    try:
        stack = from_nir(graph, dt=float(arrays["dt"]))
    except ValueError:
        return "refused"
    found = stack.run(jnp.asarray(arrays["x"]), batched=True)[1]
    return f"{np.sum(found != arrays['out'])} of {found.size}"


def table(rows: Iterator[list[str]]) -> str:
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(files: dict[str, bytes]) -> str:
    """The page with the tables of today."""
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    tables = f"{table(rows_of_readers())}\n\n{table(rows_of_writers(files))}"
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--check", action="store_true", help="fail if anything changed")
    chosen.add_argument("--write", action="store_true", help="keep what is found")
    options = parser.parse_args()
    files = written()
    if options.write:
        with zipfile.ZipFile(FILE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for name, content in files.items():
                file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        PAGE.write_text(page(files))
        return 0
    with zipfile.ZipFile(FILE) as kept:
        changed = [name for name in files if not same(name, files, kept)]
    if page(files) != PAGE.read_text():
        changed.append(str(PAGE.relative_to(ROOT)))
    print("\n".join(f"changed: {name}" for name in changed) or "nothing has changed")
    return bool(changed)


def same(name: str, files: dict[str, bytes], kept: zipfile.ZipFile) -> bool:
    """Whether what a network gives is as it was; files of HDF5 state when they were
    made.
    """
    if name not in kept.namelist():
        return False
    if name.endswith(".nir"):
        before, now = (
            nir.read(io.BytesIO(each)) for each in (kept.read(name), files[name])
        )
        return before.nodes.keys() == now.nodes.keys()
    before, now = (np.load(io.BytesIO(each)) for each in (kept.read(name), files[name]))
    return all(np.array_equal(before[key], now[key]) for key in before)


if __name__ == "__main__":
    raise SystemExit(main())
