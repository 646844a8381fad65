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


def spikingjelly_lif(step_mode="s"):
    from spikingjelly.activation_based import neuron, surrogate

    return neuron.LIFNode(
        tau=10.0,
        decay_input=False,
        v_reset=None,
        detach_reset=True,
        surrogate_function=surrogate.ATan(alpha=2.0),
        step_mode=step_mode,
    )


def spikingjelly_trainer(problem, model):
    from spikingjelly.activation_based import functional

    def forward(inputs):
        functional.reset_net(model)
        return model(inputs)

    return torch_trainer(problem, model, forward)


def spikingjelly(problem):
    from spikingjelly.activation_based import layer
    from torch import nn

    inputs, hidden, outputs = problem.sizes
    model = nn.Sequential(
        layer.Linear(inputs, hidden, bias=False, step_mode="m"),
        spikingjelly_lif(step_mode="m"),
        layer.Linear(hidden, outputs, bias=False, step_mode="m"),
        spikingjelly_lif(step_mode="m"),
    )
    return spikingjelly_trainer(problem, model)


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


def spyx_trainer(problem, model):
    import jax
    import optax
    import spyx.nn
    from flax import nnx

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


def spyx(problem):
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
    return spyx_trainer(problem, model)


def snntorch_recurrent(problem):
    import snntorch
    import torch
    from snntorch import surrogate
    from torch import nn

    inputs, hidden, outputs = problem.sizes
    arctan = surrogate.atan(alpha=2.0)
    recurrent = snntorch.RLeaky(beta=0.9, linear_features=hidden, spike_grad=arctan)
    out = snntorch.Leaky(beta=0.9, spike_grad=arctan)
    first = nn.Linear(inputs, hidden, bias=False)
    second = nn.Linear(hidden, outputs, bias=False)

    def forward(inputs):
        (spikes, one), two, outs = recurrent.init_rleaky(), out.init_leaky(), []
        for now in inputs:
            spikes, one = recurrent(first(now), spikes, one)
            out_spikes, two = out(second(spikes), two)
            outs.append(out_spikes)
        return torch.stack(outs)

    return torch_trainer(problem, nn.ModuleList([first, recurrent, second]), forward)


def spikingjelly_recurrent(problem):
    from spikingjelly.activation_based import layer
    from torch import nn

    inputs, hidden, outputs = problem.sizes
    recurrent = layer.LinearRecurrentContainer(
        spikingjelly_lif(), hidden, hidden, bias=False, step_mode="m"
    )
    model = nn.Sequential(
        layer.Linear(inputs, hidden, bias=False, step_mode="m"),
        recurrent,
        layer.Linear(hidden, outputs, bias=False, step_mode="m"),
        spikingjelly_lif(step_mode="m"),
    )
    return spikingjelly_trainer(problem, model)


def norse_recurrent(problem):
    import norse.torch as norse_torch
    import torch
    from torch import nn

    parameters = norse_torch.LIFParameters(tau_mem_inv=torch.tensor(100.0))
    inputs, hidden, outputs = problem.sizes
    recurrent = norse_torch.LIFRecurrentCell(inputs, hidden, p=parameters)
    linear = nn.Linear(hidden, outputs, bias=False)
    out = norse_torch.LIFCell(parameters)

    def forward(inputs):
        one, two, outs = None, None, []
        for now in inputs:
            spikes, one = recurrent(now, one)
            spikes, two = out(linear(spikes), two)
            outs.append(spikes)
        return torch.stack(outs)

    return torch_trainer(problem, nn.ModuleList([recurrent, linear]), forward)


def spyx_recurrent(problem):
    import spyx.axn
    import spyx.nn
    from flax import nnx

    rngs, surrogate = nnx.Rngs(0), spyx.axn.arctan(2.0)
    inputs, hidden, outputs = problem.sizes
    model = spyx.nn.Sequential(
        nnx.Linear(inputs, hidden, use_bias=False, rngs=rngs),
        spyx.nn.RLIF((hidden,), beta=0.9, activation=surrogate, rngs=rngs),
        nnx.Linear(hidden, outputs, use_bias=False, rngs=rngs),
        spyx.nn.LIF((outputs,), beta=0.9, activation=surrogate, rngs=rngs),
    )
    return spyx_trainer(problem, model)


def spikingjelly_convolutional(problem):
    """Its layers of the multi-step mode merge time and batch too."""
    from spikingjelly.activation_based import layer
    from torch import nn

    model = nn.Sequential(
        layer.Conv2d(1, 16, 5, padding=2, bias=False, step_mode="m"),
        spikingjelly_lif(step_mode="m"),
        layer.AvgPool2d(2, step_mode="m"),
        layer.Conv2d(16, 32, 5, padding=2, bias=False, step_mode="m"),
        spikingjelly_lif(step_mode="m"),
        layer.AvgPool2d(2, step_mode="m"),
        layer.Flatten(step_mode="m"),
        layer.Linear(32 * 7 * 7, 10, bias=False, step_mode="m"),
        spikingjelly_lif(step_mode="m"),
    )
    return spikingjelly_trainer(problem, model)


def snntorch_convolutional(problem):
    """A step at a time."""
    import snntorch
    import torch
    from snntorch import surrogate, utils
    from torch import nn

    def leaky():
        arctan = surrogate.atan(alpha=2.0)
        return snntorch.Leaky(beta=0.9, spike_grad=arctan, init_hidden=True)

    model = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2, bias=False),
        leaky(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2, bias=False),
        leaky(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 10, bias=False),
        leaky(),
    )

    def forward(inputs):
        utils.reset(model)
        return torch.stack([model(now) for now in inputs])

    return torch_trainer(problem, model, forward)


def available(**peers):
    """Those of the libraries that are installed here."""
    return {
        name: peer for name, peer in peers.items() if importlib.util.find_spec(name)
    }


PEERS = available(snntorch=snntorch, spikingjelly=spikingjelly, norse=norse, spyx=spyx)
RECURRENT = available(
    snntorch=snntorch_recurrent,
    spikingjelly=spikingjelly_recurrent,
    norse=norse_recurrent,
    spyx=spyx_recurrent,
)
CONVOLUTIONAL = available(
    snntorch=snntorch_convolutional, spikingjelly=spikingjelly_convolutional
)
