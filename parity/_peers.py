"""Runs the cells of other libraries, in float64: each takes a `Cell`, and returns its
spikes and potentials, and the gradients by name.
"""

import importlib.metadata
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from ._cell import COSTS, NEURONS, Cell, drive


Outcome = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]


def by_torch(
    cell: Cell, names: dict[str, Any], step: Callable, constant: Callable = float
) -> Outcome:
    """`step(module, x, state)` returns the spikes, the potential and the state, and
    `constant` makes of a number what the library takes.
    """
    import torch

    parameters = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        if name in cell.learnt
        else constant(value)
        for name, value in cell.parameters.items()
    }
    x = torch.tensor(drive(cell.scale), requires_grad=True)
    module = eval(cell.theirs, names | parameters)
    state, spikes, potentials = prepared(module, parameters), [], []
    for now in x:
        spike, v, state = step(module, now, state)
        spikes.append(spike)
        potentials.append(v)
    spikes = torch.stack(spikes)
    torch.sum(torch.tensor(COSTS) * spikes).backward()
    learnt = {name: parameters[name] for name in cell.learnt} | {"x": x}
    if "w" in learnt:
        learnt["w"] = module.w
    gradients = {name: value.grad.numpy() for name, value in learnt.items()}
    return spikes.detach().numpy(), torch.stack(potentials).detach().numpy(), gradients


def prepared(module, parameters) -> None:
    """Puts in the weights that a constructor draws, and makes all float64."""
    import torch

    class Product(torch.nn.Module):
        def forward(self, spikes):
            return spikes.double() @ parameters["W"]

    if hasattr(module, "w"):
        module.double()
    if hasattr(module, "recurrent"):
        module.recurrent = Product()


def snntorch(cell: Cell) -> Outcome:
    import snntorch

    def step(module, x, state):
        out = module(x)
        return out[0], out[-1], state

    return by_torch(cell, vars(snntorch), step)


def spikingjelly(cell: Cell) -> Outcome:
    from spikingjelly.activation_based import neuron, surrogate

    def step(module, x, state):
        return module(x), module.v, state

    return by_torch(cell, vars(neuron) | vars(surrogate), step)


def norse(cell: Cell) -> Outcome:
    import norse.torch
    import torch
    from norse.torch.functional import iaf, lif, lif_box, lif_refrac, lsnn
    from norse.torch.module.lif_refrac import LIFRefracCell

    def wide(state):
        """In float64; some states begin in float32 always."""
        if isinstance(state, torch.Tensor):
            return state.double()
        return type(state)(*map(wide, state))

    def step(module, x, state):
        state = wide(module.state_fallback(x)) if state is None else state
        spikes, state = module(x, state)
        return spikes, getattr(state, "lif", state).v, state

    names = {"I": torch.eye(NEURONS, dtype=torch.float64)}
    for module in (iaf, lif, lif_box, lif_refrac, lsnn, norse.torch):
        names |= vars(module)
    names |= {"LIFRefracCell": LIFRefracCell}
    return by_torch(
        cell, names, step, lambda value: torch.tensor(value, dtype=torch.float64)
    )


def by_equations(cell: Cell) -> Outcome:
    """What has no package to install, as its authors state it."""
    import torch

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, slope):
            ctx.save_for_backward(x)
            ctx.slope = slope
            return (x > 0).to(x.dtype)

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.slope(*ctx.saved_tensors), None

    def super_spike(sharpness):
        return lambda x: 1 / (sharpness * x.abs() + 1) ** 2

    def zeros():
        return torch.zeros(COSTS.shape[1:], dtype=torch.float64)

    def synapse_and_membrane(x, state, alpha, beta, gain, sharpness, weight=None):
        current, v, before = state or (zeros(), zeros(), zeros())
        spikes = Spike.apply(v - 1, super_spike(sharpness))
        if weight is not None:
            x = x + before @ weight
        v = (beta * v + gain * current) * (1 - spikes.detach())
        return spikes, v, (alpha * current + x, v, spikes)

    def SpyTorch(alpha, beta, weight=None):
        return lambda x, state: synapse_and_membrane(
            x, state, alpha, beta, 1, 100, weight
        )

    def LIFGroup(tau_mem, tau_syn, time_step):
        alpha, beta = (torch.exp(-time_step / tau) for tau in (tau_syn, tau_mem))
        return lambda x, state: synapse_and_membrane(
            x, state, alpha, beta, 1 - beta, 20
        )

    def LSNN(decay, threshold, rho, beta):
        def slope(x):
            return 0.3 * torch.relu(1 - x.abs())

        def step(x, state):
            v, adaptation, spikes = state or (zeros(), zeros(), zeros())
            adaptation = rho * adaptation + spikes
            v = decay * v + x - threshold * spikes
            distance = (v - threshold - beta * adaptation) / threshold
            spikes = Spike.apply(distance, slope)
            return spikes, v, (v, adaptation, spikes)

        return step

    names = {"SpyTorch": SpyTorch, "LIFGroup": LIFGroup, "LSNN": LSNN}
    return by_torch(cell, names, lambda module, x, state: module(x, state))


def spyx(cell: Cell) -> Outcome:
    import jax
    import spyx.nn
    from flax import nnx

    def constructor(name):
        return lambda *args: getattr(spyx.nn, name)(*args, rngs=nnx.Rngs(0))

    names = {name: constructor(name) for name in vars(spyx.nn) if name[0].isupper()}

    def cost(learnt):
        x = learnt["x"]
        module = eval(cell.theirs, names | cell.parameters | learnt)
        if "W" in learnt:
            module.recurrent_w.value = learnt["W"]

        def step(state, x):
            spikes, state = module(x, state)
            return state, (spikes, state[..., :NEURONS])

        state = module.initial_state(x.shape[1])
        _, (spikes, potentials) = jax.lax.scan(step, state, x)
        return (COSTS * spikes).sum(), (spikes, potentials)

    with jax.enable_x64(True):
        learnt = {
            name: jax.numpy.asarray(cell.parameters[name]) for name in cell.learnt
        }
        learnt["x"] = jax.numpy.asarray(drive(cell.scale))
        gradients, (spikes, potentials) = jax.grad(cost, has_aux=True)(learnt)
    return (
        np.asarray(spikes),
        np.asarray(potentials),
        {name: np.asarray(value) for name, value in gradients.items()},
    )


def ngclearn(cell: Cell) -> Outcome:
    import jax
    import ngclearn
    from ngclearn import components

    with jax.enable_x64(True), ngclearn.Context(cell.theirs):
        parameters = dict(cell.parameters)
        if cell.theirs.startswith("LIFCell"):
            parameters["tau_m"] = ngclearn.Compartment(parameters["tau_m"])
        neurons = eval(cell.theirs, vars(components) | parameters)
        spikes, potentials = [], []
        for t, x in enumerate(drive(cell.scale)):
            neurons.j.set(jax.numpy.asarray(x))
            neurons.advance_state(t=float(t), dt=1.0)
            spikes.append(np.asarray(neurons.s.get()))
            potentials.append(np.asarray(neurons.v.get()))
    return np.stack(spikes), np.stack(potentials), {}


RUN = {
    "ngc-learn": ngclearn,
    "snnTorch": snntorch,
    "SpikingJelly": spikingjelly,
    "Norse": norse,
    "Spyx": spyx,
    "SpyTorch": by_equations,
    "stork": by_equations,
    "Bellec et al.": by_equations,
}
PACKAGES = {
    name: name.lower() for name in ("snnTorch", "SpikingJelly", "Norse", "Spyx")
}
PACKAGES["ngc-learn"] = "ngclearn"
PACKAGES |= dict.fromkeys(("SpyTorch", "stork", "Bellec et al."), "torch")


def installed(peer: str) -> bool:
    return importlib.util.find_spec(PACKAGES[peer]) is not None


def version(peer: str) -> str:
    if RUN[peer] is by_equations:
        return f"{peer}, its equations"
    return f"{peer} {importlib.metadata.version(PACKAGES[peer])}"
