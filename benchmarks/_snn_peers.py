"""The training step of `snn_step` in other libraries, as their documentation writes it:
the same layers, decay 0.9, threshold 1, soft reset where there is one, arctan surrogate
where there is one, adam, cross-entropy of the mean output.

Each function takes a `Problem`, and returns a function that trains for one step.
"""

# pyright: reportMissingImports=false

import importlib.util

import numpy as np


def torch_trainer(problem, model, forward):
    import torch

    inputs = torch.from_numpy(np.array(problem.inputs))
    labels = torch.from_numpy(np.array(problem.labels)).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(forward(inputs).mean(0), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def snntorch(problem):
    import snntorch
    import torch
    from snntorch import surrogate
    from torch import nn

    def leaky():
        return snntorch.Leaky(beta=0.9, spike_grad=surrogate.atan(alpha=2.0))

    first, second, *sizes = leaky(), leaky(), *problem.sizes
    linear = nn.ModuleList(nn.Linear(*sizes[i : i + 2], bias=False) for i in range(2))

    def forward(inputs):
        one, two, out = first.init_leaky(), second.init_leaky(), []
        for now in inputs:
            spikes, one = first(linear[0](now), one)
            spikes, two = second(linear[1](spikes), two)
            out.append(spikes)
        return torch.stack(out)

    return torch_trainer(problem, linear, forward)


def spikingjelly(problem):
    from spikingjelly.activation_based import functional, layer, neuron, surrogate
    from torch import nn

    def lif():
        return neuron.LIFNode(
            tau=10.0,
            decay_input=False,
            v_reset=None,
            detach_reset=True,
            surrogate_function=surrogate.ATan(alpha=2.0),
            step_mode="m",
        )

    inputs, hidden, outputs = problem.sizes
    model = nn.Sequential(
        layer.Linear(inputs, hidden, bias=False, step_mode="m"),
        lif(),
        layer.Linear(hidden, outputs, bias=False, step_mode="m"),
        lif(),
    )

    def forward(inputs):
        functional.reset_net(model)
        return model(inputs)

    return torch_trainer(problem, model, forward)


def norse(problem):
    import norse.torch as norse_torch
    import torch
    from torch import nn

    # Norse has no arctan; SuperSpike is its default.
    parameters = norse_torch.LIFBoxParameters(tau_mem_inv=torch.tensor(100.0))
    inputs, hidden, outputs = problem.sizes
    model = norse_torch.SequentialState(
        nn.Linear(inputs, hidden, bias=False),
        norse_torch.LIFBoxCell(parameters),
        nn.Linear(hidden, outputs, bias=False),
        norse_torch.LIFBoxCell(parameters),
    )

    def forward(inputs):
        state, out = None, []
        for now in inputs:
            spikes, state = model(now, state)
            out.append(spikes)
        return torch.stack(out)

    return torch_trainer(problem, model, forward)


def spyx(problem):
    import jax
    import optax
    import spyx.axn
    import spyx.nn
    from flax import nnx

    rngs, surrogate = nnx.Rngs(0), spyx.axn.arctan(2.0)
    inputs, hidden, outputs = problem.sizes
    model = spyx.nn.Sequential(
        nnx.Linear(inputs, hidden, use_bias=False, rngs=rngs),
        spyx.nn.LIF((hidden,), beta=0.9, activation=surrogate, rngs=rngs),
        nnx.Linear(hidden, outputs, use_bias=False, rngs=rngs),
        spyx.nn.LIF((outputs,), beta=0.9, activation=surrogate, rngs=rngs),
    )
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)

    def loss(model, inputs, labels):
        spikes, _ = spyx.nn.run(model, inputs)
        logits = spikes.mean(0)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    @nnx.jit
    def train(model, optimizer, inputs, labels):
        value, gradients = nnx.value_and_grad(loss)(model, inputs, labels)
        optimizer.update(model, gradients)
        return value

    return lambda: jax.block_until_ready(
        train(model, optimizer, problem.inputs, problem.labels)
    )


PEERS = {
    peer.__name__: peer
    for peer in (snntorch, spikingjelly, norse, spyx)
    if importlib.util.find_spec(peer.__name__)
}
