"""The cells of other libraries, and what they are in ngcx.

Each call is a Python expression, in which the parameters are variables: it stands on
the page as it is run. `parity._golden` runs theirs where their library is installed,
and keeps what came of it; `tests/neurons/test_golden.py` runs ours beside that.
"""

import numpy as np

from ._cell import WEIGHT, Cell, learnt


LEAKY = learnt(beta=0.875, threshold=1.0)
SYNAPTIC = learnt(alpha=0.75, beta=0.875, threshold=1.0)
NORSE = learnt(tau_syn_inv=250.0, tau_mem_inv=125.0, v_th=1.0)
LSNN = learnt(tau_syn_inv=250.0, tau_mem_inv=125.0, tau_adapt_inv=31.25, beta=0.25)
LSNN |= {"v_th": 1.0}
W = {"W": WEIGHT}
DOUBLE = (
    "Where the potential is still above the threshold after a reset, it subtracts the "
    "threshold once more before it reads the next spike. Drives of several thresholds "
    "make it so; with others they are equal."
)
INPUT_OF_RESET = "Its reset wipes out the input of that step."
OLD = "Its spike reads the potential of the step before: it comes out a step later."

CELLS = (
    Cell(
        "snnTorch",
        "Leaky(beta, threshold)",
        "LIF(beta, threshold, reset=SoftReset(delayed=True))",
        LEAKY,
    ),
    Cell(
        "snnTorch",
        'Leaky(beta, threshold, reset_mechanism="zero")',
        "LIF(beta, threshold, reset=HardReset())",
        LEAKY,
        shown="u",
        note="It resets before the decay, so that spikes are as if at once; what it "
        "shows is our `u`.",
    ),
    Cell(
        "snnTorch",
        'Leaky(beta, threshold, reset_mechanism="none")',
        "LIF(beta, threshold, reset=NoReset())",
        LEAKY,
    ),
    Cell(
        "snnTorch",
        'Leaky(beta, threshold, reset_delay=False, reset_mechanism="zero")',
        "LIF(beta, threshold, reset=HardReset(detach=False))",
        LEAKY,
        note="Only with `reset_delay=False` does its gradient see the reset.",
    ),
    Cell(
        "snnTorch",
        "Leaky(beta, threshold, reset_delay=False)",
        "LIF(beta, threshold, reset=SoftReset(detach=False))",
        LEAKY,
        differing=141,
        note=DOUBLE,
    ),
    Cell(
        "snnTorch",
        "Synaptic(alpha, beta, threshold)",
        "SynapticLIF(beta, threshold, synaptic_decay=alpha,"
        " reset=SoftReset(delayed=True))",
        SYNAPTIC,
    ),
    Cell(
        "snnTorch",
        'Synaptic(alpha, beta, threshold, reset_mechanism="zero")',
        "SynapticLIF(beta, threshold, synaptic_decay=alpha,"
        " reset=HardReset(delayed=True))",
        SYNAPTIC,
        note=INPUT_OF_RESET,
    ),
    Cell(
        "snnTorch",
        'Synaptic(alpha, beta, threshold, reset_mechanism="none")',
        "SynapticLIF(beta, threshold, synaptic_decay=alpha, reset=NoReset())",
        SYNAPTIC,
    ),
    Cell(
        "snnTorch",
        "RLeaky(beta, threshold=threshold, linear_features=16)",
        "Recurrent(LIF(beta, threshold, reset=SoftReset(delayed=True)), W)",
        LEAKY | W,
        shown="0.v",
        note="`W` is `recurrent.weight.T`, and `recurrent.bias` 0.",
    ),
    Cell(
        "snnTorch",
        "RSynaptic(alpha, beta, threshold=threshold, linear_features=16)",
        "Recurrent(SynapticLIF(beta, threshold, synaptic_decay=alpha,"
        " reset=SoftReset(delayed=True)), W)",
        SYNAPTIC | W,
        shown="0.v",
    ),
    Cell(
        "snnTorch",
        'Alpha(alpha, beta, threshold, reset_mechanism="none")',
        "Stack(Parallel(LeakyIntegrator(alpha), LeakyIntegrator(beta),"
        " combine=lambda a, b: gain * (a - b)), LIF(0.0, threshold, reset=NoReset()))",
        {"alpha": 0.875, "beta": 0.75, "gain": np.log(0.875) / np.log(0.75 / 0.875) + 1}
        | learnt(threshold=1.0),
        shown="1.v",
        note="Its potential is the difference of two synapses; `gain` is "
        "`log(alpha) / (log(beta) - log(alpha)) + 1`. With a reset, which acts on its "
        "synapses, it has no equal.",
    ),
    Cell(
        "SpikingJelly",
        "IFNode()",
        "LIF(1.0, reset=HardReset(detach=False), surrogate=AtThreshold(Sigmoid()))",
        {},
    ),
    Cell(
        "SpikingJelly",
        "IFNode(v_reset=None, detach_reset=True, surrogate_function=ATan())",
        "LIF(1.0, surrogate=AtThreshold(Arctan()))",
        {},
    ),
    Cell(
        "SpikingJelly",
        "LIFNode(tau)",
        "LIF(TimeConstant(tau, euler=True), scale_input=True,"
        " reset=HardReset(detach=False), surrogate=AtThreshold(Sigmoid()))",
        {"tau": 2.0},
        scale=2.0,
    ),
    Cell(
        "SpikingJelly",
        "LIFNode(tau, decay_input=False, v_reset=None)",
        "LIF(TimeConstant(tau, euler=True), reset=SoftReset(detach=False),"
        " surrogate=AtThreshold(Sigmoid()))",
        {"tau": 4.0},
    ),
    Cell(
        "SpikingJelly",
        "LIFNode(tau, v_reset=-0.25)",
        "LIF(TimeConstant(tau, euler=True), scale_input=True, v_rest=-0.25,"
        " reset=HardReset(-0.25, detach=False), surrogate=AtThreshold(Sigmoid()))",
        {"tau": 2.0},
        scale=2.0,
    ),
    Cell(
        "SpikingJelly",
        "ParametricLIFNode(2.0)",
        "LIF(1 - jax.nn.sigmoid(w), scale_input=True,"
        " reset=HardReset(detach=False), surrogate=AtThreshold(Sigmoid()))",
        learnt(w=0.0),
        scale=2.0,
        note="`w` is its parameter, -ln(tau - 1).",
    ),
    Cell(
        "Norse",
        "LIFCell(LIFParameters(tau_syn_inv, tau_mem_inv, v_th=v_th), dt=0.001)",
        "SynapticLIF(TimeConstant(1 / tau_mem_inv, 0.001, euler=True), v_th,"
        " synaptic_decay=TimeConstant(1 / tau_syn_inv, 0.001, euler=True),"
        " scale_input=True, reset=HardReset(detach=False),"
        " surrogate=FastSigmoid(1.0, gain=2.0))",
        NORSE,
        scale=4.0,
        note="Times in seconds, as there.",
    ),
    Cell(
        "Norse",
        "LIFBoxCell(LIFBoxParameters(tau_mem_inv, v_leak=v_leak, v_reset=v_reset,"
        " v_th=v_th), dt=0.001)",
        "LIF(TimeConstant(1 / tau_mem_inv, 0.001, euler=True), v_th,"
        " v_rest=v_leak, scale_input=True, reset=HardReset(v_reset, detach=False),"
        " surrogate=FastSigmoid(1.0, gain=2.0))",
        learnt(tau_mem_inv=125.0, v_reset=-0.5, v_th=1.0) | {"v_leak": 0.25},
        scale=8.0,
        note="The gradient of `v_leak` is not compared: there, the potential at the "
        "start is cut from it.",
    ),
    Cell(
        "Norse",
        "IAFCell(IAFParameters(v_th=v_th))",
        "LIF(1.0, v_th, reset=HardReset(detach=False),"
        " surrogate=FastSigmoid(1.0, gain=2.0))",
        learnt(v_th=1.0),
    ),
    Cell(
        "Norse",
        "LIFRecurrentCell(16, 16, LIFParameters(tau_syn_inv, tau_mem_inv, v_th=v_th),"
        " input_weights=I, recurrent_weights=W.T, autapses=True)",
        "Recurrent(SynapticLIF(TimeConstant(1 / tau_mem_inv, 0.001, euler=True), v_th,"
        " synaptic_decay=TimeConstant(1 / tau_syn_inv, 0.001, euler=True),"
        " scale_input=True, reset=HardReset(),"
        " surrogate=FastSigmoid(1.0, gain=2.0)), W)",
        NORSE | W,
        shown="0.v",
        scale=4.0,
        note="`I` are its weights of the input. With `autapses=False`, its default, "
        "the diagonal of `W` is 0.",
    ),
    Cell(
        "Norse",
        "LSNNCell(LSNNParameters(tau_syn_inv, tau_mem_inv, tau_adapt_inv, v_th=v_th,"
        " beta=beta), dt=0.001)",
        "Stack(Delay(1),"
        " LeakyIntegrator(TimeConstant(1 / tau_syn_inv, 0.001, euler=True)),"
        " AdaptiveLIF(TimeConstant(1 / tau_mem_inv, 0.001, euler=True), v_th,"
        " adaptation_decay=TimeConstant(1 / tau_adapt_inv, 0.001, euler=True),"
        " adaptation_strength=(1 - 0.001 * tau_adapt_inv) * beta, scale_input=True,"
        " reset=HardReset(detach=False), surrogate=FastSigmoid(1.0, gain=2.0)))",
        LSNN,
        shown="2.v",
        scale=8.0,
        note="The synapse acts a step late. The gradient of `v_th` is not compared: "
        "there, the threshold at the start is cut from it.",
    ),
    Cell(
        "Norse",
        "LSNNRecurrentCell(16, 16, LSNNParameters(tau_syn_inv, tau_mem_inv,"
        " tau_adapt_inv, v_th=v_th, beta=beta),"
        " input_weights=I, recurrent_weights=W.T, autapses=True)",
        "Recurrent(Stack(Delay(1),"
        " LeakyIntegrator(TimeConstant(1 / tau_syn_inv, 0.001, euler=True)),"
        " AdaptiveLIF(TimeConstant(1 / tau_mem_inv, 0.001, euler=True), v_th,"
        " adaptation_decay=TimeConstant(1 / tau_adapt_inv, 0.001, euler=True),"
        " adaptation_strength=(1 - 0.001 * tau_adapt_inv) * beta, scale_input=True,"
        " reset=HardReset(), surrogate=FastSigmoid(1.0, gain=2.0))), W)",
        LSNN | W,
        shown="0.2.v",
        scale=8.0,
        graded=False,
        note="Gradients differ, by half: there they do not see the adaptation.",
    ),
    Cell(
        "Norse",
        "LIFRefracCell(LIFRefracParameters(LIFParameters(tau_syn_inv, tau_mem_inv,"
        " v_th=v_th), rho_reset=rho_reset), dt=0.001)",
        "SynapticLIF(TimeConstant(1 / tau_mem_inv, 0.001, euler=True), v_th,"
        " synaptic_decay=TimeConstant(1 / tau_syn_inv, 0.001, euler=True),"
        " scale_input=True, reset=HardReset(), refractory_steps=2)",
        NORSE | {"rho_reset": 2.0},
        scale=4.0,
        graded=False,
        note="Gradients are others: there they pass through the refractory counter.",
    ),
    Cell(
        "Spyx",
        "IF((16,))",
        "Stack(LIF(1.0, reset=SoftReset(delayed=True, detach=False),"
        " surrogate=FastSigmoid()), Delay(1))",
        {},
        shown="0.v",
        note=OLD,
    ),
    Cell(
        "Spyx",
        "LIF((16,), beta, threshold)",
        "Stack(LIF(beta, threshold, reset=SoftReset(delayed=True, detach=False),"
        " surrogate=FastSigmoid()), Delay(1))",
        LEAKY,
        shown="0.v",
        ungraded=("threshold",),
        note="The gradient of `threshold` differs by up to 0.08 %, here and below: "
        "there, the potential at rest, of which the first spike is read, adds to it.",
    ),
    Cell(
        "Spyx",
        "CuBaLIF((16,), alpha, beta, threshold)",
        "Stack(SynapticLIF(beta, threshold, synaptic_decay=alpha,"
        " reset=SoftReset(detach=False), surrogate=FastSigmoid()), Delay(1))",
        SYNAPTIC,
        shown="0.u",
        ungraded=("threshold",),
        note="It resets before the decay, so that spikes are as if at once.",
    ),
    Cell(
        "Spyx",
        "ALIF((16,), beta, gamma, threshold)",
        "Stack(AdaptiveLIF(beta, threshold, adaptation_decay=gamma,"
        " adaptation_strength=1 - gamma, reset=SoftReset(delayed=True, detach=False),"
        " surrogate=FastSigmoid()), Delay(1))",
        LEAKY | learnt(gamma=0.75),
        shown="0.v",
        ungraded=("threshold",),
    ),
    Cell(
        "Spyx",
        "RIF((16,))",
        "Stack(Recurrent(LIF(1.0, reset=SoftReset(delayed=True, detach=False),"
        " surrogate=FastSigmoid()), W), Delay(1))",
        W,
        shown="0.0.v",
        note="`W` is `recurrent_w`.",
    ),
    Cell(
        "Spyx",
        "RLIF((16,), beta, threshold)",
        "Stack(Recurrent(LIF(beta, threshold, reset=SoftReset(delayed=True,"
        " detach=False), surrogate=FastSigmoid()), W), Delay(1))",
        LEAKY | W,
        shown="0.0.v",
        ungraded=("threshold",),
    ),
    Cell(
        "Spyx",
        "RCuBaLIF((16,), alpha, beta, threshold)",
        "Stack(Recurrent(SynapticLIF(beta, threshold, synaptic_decay=alpha,"
        " reset=SoftReset(detach=False), surrogate=FastSigmoid()), W), Delay(1))",
        SYNAPTIC | W,
        shown="0.0.u",
        ungraded=("threshold",),
    ),
    Cell(
        "SpyTorch",
        "SpyTorch(alpha, beta)",
        "Stack(Delay(1), SynapticLIF(beta, synaptic_decay=alpha,"
        " reset=HardReset(delayed=True),"
        " surrogate=FastSigmoid(100.0, gain=0.02)), Delay(1))",
        learnt(alpha=0.75, beta=0.875),
        shown="1.v",
        note="The spike reads the old potential, the synapse acts a step late, and the "
        "reset wipes out the input.",
    ),
    Cell(
        "SpyTorch",
        "SpyTorch(alpha, beta, W)",
        "Recurrent(Stack(Delay(1), SynapticLIF(beta, synaptic_decay=alpha,"
        " reset=HardReset(delayed=True),"
        " surrogate=FastSigmoid(100.0, gain=0.02)), Delay(1)), W)",
        learnt(alpha=0.75, beta=0.875) | W,
        shown="0.1.v",
        note="The recurrent network for the Heidelberg digits.",
    ),
    Cell(
        "stork",
        "LIFGroup(tau_mem, tau_syn, time_step=0.001)",
        "Stack(Delay(1), SynapticLIF(TimeConstant(tau_mem, 0.001),"
        " synaptic_decay=TimeConstant(tau_syn, 0.001), scale_input=True,"
        " reset=HardReset(delayed=True),"
        " surrogate=FastSigmoid(20.0, gain=0.1)), Delay(1))",
        learnt(tau_mem=0.01, tau_syn=0.005),
        shown="1.v",
        scale=4.0,
        note="As SpyTorch, with the input scaled.",
    ),
    Cell(
        "Bellec et al.",
        "LSNN(decay, threshold, rho, beta)",
        "AdaptiveLIF(decay, threshold, adaptation_decay=rho, adaptation_strength=beta,"
        " reset=SoftReset(delayed=True, detach=False, by=threshold),"
        " surrogate=Triangular(1 / threshold, gain=0.3))",
        learnt(decay=0.875, rho=0.9375, beta=0.25) | {"threshold": 1.0},
        note="It subtracts the threshold of a neuron that is not adapted. As in e-prop "
        "(2020), without refractory steps.",
    ),
    Cell(
        "ngc-learn",
        'LIFCell("z", 16, tau_m, thr=thr, v_rest=v_rest, v_reset=v_reset,'
        " tau_theta=tau_theta, theta_plus=theta_plus, refract_time=2.0)",
        "AdaptiveLIF(TimeConstant(tau_m, euler=True), thr, v_rest=v_rest,"
        " scale_input=True, reset=HardReset(v_reset), refractory_steps=2,"
        " refractory_leak=True, adaptation_decay=TimeConstant(tau_theta),"
        " adaptation_strength=theta_plus)",
        {
            **{"tau_m": 8.0, "thr": 1.0, "v_rest": -0.25, "v_reset": 0.25},
            **{"tau_theta": 50.0, "theta_plus": 0.125},
        },
        scale=8.0,
        graded=False,
        note='With `integration_type="euler"`, its default; without `v_min` and '
        "`one_spike`. `tau_m` has to be a `Compartment`. It has no gradients.",
    ),
    Cell(
        "ngc-learn",
        'SLIFCell("z", 16, tau_m, 1.0, thr, thr_jitter=0.0, refract_time=3.0,'
        " sticky_spikes=True)",
        "LIF(TimeConstant(tau_m, euler=True), thr, scale_input=True,"
        " reset=HardReset(), refractory_steps=2, refractory_spikes=True)",
        {"tau_m": 8.0, "thr": 1.0},
        scale=8.0,
        graded=False,
        note="Without `thr_gain`, `thr_leak`, `rho_b` and `resist_inh`. Its first "
        "refractory step is that of the spike.",
    ),
)
