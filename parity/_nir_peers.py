"""How the libraries that know NIR read a graph, and what they write."""

import functools as ft
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import nir
import numpy as np


DT = 1e-4
STEPS, BATCH = 200, 4


def drive(shape: tuple[int, ...]) -> np.ndarray:
    """Spikes of (time, batch, ...)."""
    rng = np.random.default_rng(0)
    return (rng.random((STEPS, BATCH, *shape)) < 0.3).astype(np.float32)


# Readers: a graph and inputs give outputs.


def step_by_step(load: Callable[[nir.NIRGraph], Any], graph, x) -> np.ndarray:
    """Those of torch, each sample alone: some take a batch for a part of a sample."""
    import torch

    found = []
    for sample in np.moveaxis(x, 1, 0):
        net, state, outs = load(graph()), None, []
        for now in torch.tensor(sample):
            out = net(now) if state is None else net(now, state)
            out, *state = out if isinstance(out, tuple) else (out,)
            state = state[0] if state else None
            outs.append(out.detach().numpy())
        found.append(np.stack(outs))
    return np.stack(found, axis=1)


def by_snntorch(graph, x):
    from snntorch.import_nir import import_from_nir

    return step_by_step(import_from_nir, graph, x)


def by_norse(graph, x):
    import norse.torch

    return step_by_step(ft.partial(norse.torch.from_nir, dt=DT), graph, x)


def by_spikingjelly(graph, x):
    import torch
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    net, state, outs = import_from_nir(graph(), dt=DT), None, []
    for now in torch.tensor(x):
        out, state = net(now, state)
        outs.append(out.detach().numpy())
    return np.stack(outs)


def by_spyx(graph, x):
    import spyx.nir

    # Its images have the channels last.
    x = np.moveaxis(x, 2, -1) if x.ndim == 5 else x
    return np.asarray(spyx.nir.from_nir(graph(), jnp.asarray(x), dt=DT)[1])


def by_sinabs(graph, x):
    import sinabs.nir
    import torch

    net = sinabs.nir.from_nir(graph(), batch_size=BATCH)
    out = net(torch.tensor(np.moveaxis(x, 1, 0).reshape(-1, *x.shape[2:])))
    out = out[0] if isinstance(out, tuple) else out
    return np.moveaxis(out.detach().numpy().reshape(BATCH, STEPS, -1), 1, 0)


READERS: dict[str, Callable] = {
    "snntorch": by_snntorch,
    "spikingjelly": by_spikingjelly,
    "norse": by_norse,
    "spyx": by_spyx,
    "sinabs": by_sinabs,
}


# Writers: what a network of theirs says in NIR, and what it gives.


class Written(NamedTuple):
    name: str
    graph: nir.NIRGraph
    x: np.ndarray
    """(time, batch, ...), with a batch of one."""
    out: np.ndarray
    dt: float
    """That with which it must be read."""


def networks(cells: dict[str, Callable]) -> Iterator[tuple[str, Any]]:
    """Two layers of six neurons each, by torch."""
    import torch

    for name, cell in cells.items():
        torch.manual_seed(0)
        linear = torch.nn.Linear
        yield name, torch.nn.Sequential(linear(8, 6), cell(), linear(6, 6), cell())


def inputs(shape=(8,)) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.random((50, 1, *shape)) < 0.4).astype(np.float32)


def from_snntorch() -> Iterator[Written]:
    import snntorch
    import torch
    from snntorch.export_nir import export_to_nir

    # Its neurons must have a parameter each, or the export fails.
    each = {"beta": torch.full((6,), 0.9), "threshold": torch.full((6,), 0.5)}
    each |= {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    syn = {"alpha": torch.full((6,), 0.7)}
    cells = {
        "Leaky": lambda: snntorch.Leaky(**each),
        "Synaptic": lambda: snntorch.Synaptic(**syn, **each),
        "RLeaky": lambda: snntorch.RLeaky(**each, linear_features=6),
    }
    x = inputs()
    for name, net in networks(cells):
        out = np.stack([net(now).detach().numpy() for now in torch.tensor(x)])
        graph = export_to_nir(net, torch.tensor(x[0]), ignore_dims=[0])
        yield Written(name, graph, x, out, 1e-4)


def from_spikingjelly() -> Iterator[Written]:
    import torch
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    def written(name, net, x):
        out = np.stack([net(now).detach().numpy() for now in torch.tensor(x)])
        functional.reset_net(net)
        return Written(name, export_to_nir(net, torch.tensor(x[0])), x, out, 1e-4)

    cells = {
        "LIFNode": lambda: neuron.LIFNode(4.0, v_threshold=0.3),
        "LIFNode-shifted": lambda: neuron.LIFNode(4.0, False, v_reset=-0.1),
        "IFNode": neuron.IFNode,
        "CUBALIFNode": lambda: neuron.CUBALIFNode(0.6, 0.8),
    }
    for name, net in networks(cells):
        yield written(name, net, inputs())
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        layer.Conv2d(1, 3, 3, padding=1),
        neuron.LIFNode(4.0, v_threshold=0.1),
        layer.AvgPool2d(2, 2),
        layer.Flatten(),
        layer.Linear(12, 6),
        neuron.LIFNode(2.0, v_threshold=0.1),
    )
    yield written("convolution", net, inputs((1, 4, 4)))


def from_norse() -> Iterator[Written]:
    import norse.torch as norse
    import torch
    from norse.torch.module import iaf, lif, lif_box

    one = torch.ones(6)
    leak = {"tau_mem_inv": 100 * one, "v_th": 0.1 * one}
    box = lif_box.LIFBoxParameters(**leak, v_leak=0.05 * one)
    old = norse.LIFParameters(tau_syn_inv=200 * one, **leak, v_leak=0 * one)
    cells = {
        "LIFBoxCell": lambda: lif_box.LIFBoxCell(box),
        "IAFCell": lambda: iaf.IAFCell(iaf.IAFParameters(v_th=one)),
        "LIFCell": lambda: lif.LIFCell(old),
    }
    x = inputs()
    for name, net in networks(cells):
        net, state, outs = norse.SequentialState(*net), None, []
        for now in torch.tensor(x):
            out, state = net(now, state)
            outs.append(out.detach().numpy())
        # It multiplies time constants by the step, which must be left out.
        graph = norse.to_nir(net, torch.tensor(x[0, 0]), dt=1.0)
        yield Written(name, graph, x, np.stack(outs), 1e-3)


def from_spyx() -> Iterator[Written]:
    import spyx.nir
    import spyx.nn
    from flax import nnx

    x, keys = inputs(), nnx.Rngs(0)
    cells = {
        "LIF": lambda: spyx.nn.LIF((6,), beta=0.9, rngs=keys),
        "IF": lambda: spyx.nn.IF((6,)),
        "PSU_LIF": lambda: spyx.nn.PSU_LIF((6,), beta=0.8, threshold=0.3, rngs=keys),
    }
    for name, cell in cells.items():
        linear = ft.partial(nnx.Linear, rngs=nnx.Rngs(0))
        net = spyx.nn.Sequential(linear(8, 6), cell(), linear(6, 6), cell())
        ends = {"input": np.array([8])}, {"output": np.array([6])}
        out = spyx.nn.run(net, jnp.asarray(x))[0]
        graph = spyx.nir.to_nir(net, *ends, dt=1)
        yield Written(name, graph, x, np.asarray(out), 1.0)


def from_sinabs() -> Iterator[Written]:
    import sinabs.activation
    import sinabs.layers
    import sinabs.nir
    import torch

    once = {"spike_fn": sinabs.activation.SingleSpike, "batch_size": 1}
    hard = {"reset_fn": sinabs.activation.MembraneReset()}
    cells = {
        "IAFSqueeze-hard": lambda: sinabs.layers.IAFSqueeze(**once, **hard),
        "IAFSqueeze": lambda: sinabs.layers.IAFSqueeze(batch_size=1),
    }
    x = inputs()
    for name, net in networks(cells):
        out = net(torch.tensor(x[:, 0])).detach().numpy()[:, None]
        graph = sinabs.nir.to_nir(net, torch.tensor(x[:, 0]))
        yield Written(name, graph, x, out, 1.0)


WRITERS: dict[str, Callable[[], Iterator[Written]]] = {
    "snntorch": from_snntorch,
    "spikingjelly": from_spikingjelly,
    "norse": from_norse,
    "spyx": from_spyx,
    "sinabs": from_sinabs,
}
