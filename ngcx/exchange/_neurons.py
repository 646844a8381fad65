"""Neurons, and the nodes of NIR that mean the same, with the gain of their input.

Leaky neurons of NIR scale their input, $v \\leftarrow v + dt / \\tau (r i - v)$, and
those of ngcx do if told so. The difference is a gain, which goes into the weights.
"""

from typing import Any

import nir
import numpy as np

from ..neurons import (
    LIF,
    HardReset,
    LeakyIntegrator,
    NoReset,
    SynapticLIF,
    TimeConstant,
)
from ..surrogate import AbstractStep
from ._layers import as_numbers, learnt_names, parameter


def neuron_nodes(
    cell: Any, shape: tuple[int, ...], dt: float
) -> list[tuple[nir.NIRNode, np.ndarray]]:
    """The nodes of a neuron, each with the gain of its input; none if it has none."""
    if not isinstance(cell, LIF | LeakyIntegrator | SynapticLIF):
        return []
    decay, fields, threshold = _factor(cell.decay, shape), {}, None
    if not isinstance(cell, LeakyIntegrator):
        _check_spikes(cell)
        fields["v_threshold"] = as_numbers(cell.threshold, shape)
        if isinstance(cell.reset, HardReset):
            fields["v_reset"] = as_numbers(cell.reset.to, shape)
        else:
            threshold = nir.Threshold(fields.pop("v_threshold"))
    found = []
    if threshold is None or np.any(decay) or isinstance(cell, SynapticLIF):
        found.append(_integrating(cell, decay, fields, dt))
    if threshold is not None:
        found.append((threshold, np.ones(())))
    learnt = learnt_names(cell, getattr(cell, "reset", NoReset()))
    for node, _ in found:
        node.metadata = node.metadata | learnt
    return found


def _integrating(
    cell: Any, decay: np.ndarray, fields: dict, dt: float
) -> tuple[nir.NIRNode, np.ndarray]:
    """The node of a neuron without a threshold, or with one if there are fields."""
    one, rest = np.ones(decay.shape), as_numbers(cell.v_rest, decay.shape)
    if np.all(decay == 1) and not isinstance(cell, SynapticLIF):
        if np.any(rest) or cell.scale_input:
            raise ValueError(
                "NIR's neuron without a leak begins at 0 and takes its input as it is; "
                "with `decay=1.0`, take `v_rest=0.0` and `scale_input=False`."
            )
        return (nir.IF(one, **fields) if fields else nir.I(one)), one
    tau = _tau(decay, dt)
    if isinstance(cell, SynapticLIF):
        # Here `r` and `w_in` hold the scale, since all readers heed them.
        tau_syn = _tau(_factor(cell.synaptic_decay, decay.shape), dt)
        r = one if cell.scale_input else tau / dt
        kind = nir.CubaLIF if fields else nir.CubaLI
        node = kind(tau_syn, tau, r, rest, w_in=tau_syn / dt, **fields)
        return node, one
    node = (nir.LIF if fields else nir.LI)(tau, one, rest, **fields)
    if cell.scale_input:
        return node, one
    node.metadata = {"scale_input": False}
    return node, 1 / (1 - decay)


def _factor(decay, shape) -> np.ndarray:
    if isinstance(decay, TimeConstant):
        decay = decay.factor()
    return np.clip(as_numbers(decay, shape), 0, 1)


def _tau(decay: np.ndarray, dt: float) -> np.ndarray:
    if np.any(decay == 1):
        raise ValueError(
            "NIR has no synapse with a decay of 1, nor a layer of which some neurons "
            "have it; take a decay below 1."
        )
    return dt / (1 - decay)


def _check_spikes(cell: LIF | SynapticLIF):
    if not isinstance(cell.reset, HardReset | NoReset) or cell.reset.delayed:
        raise ValueError(
            "In NIR, a spike sets the potential to a value at once; got "
            f"`reset={cell.reset}`. Train with `reset=HardReset()`."
        )
    if cell.refractory_steps:
        raise ValueError(
            f"NIR has no refractory steps; got {cell.refractory_steps}. Train with "
            "`refractory_steps=0`."
        )
    if not isinstance(cell.surrogate, AbstractStep):
        raise ValueError(
            "NIR spikes where the potential is above the threshold, not as "
            f"`{type(cell.surrogate).__name__}` does. Train with a surrogate that is "
            "an `AbstractStep`."
        )


def neuron_layer(node: Any, dt: float, dtype) -> tuple[list, np.ndarray]:
    """The cells of a node, one after the other, and the gain that their input needs."""

    def value(name: str, numbers):
        return parameter(node, name, numbers, dtype)

    if isinstance(node, nir.Threshold):
        threshold = value("threshold", node.threshold)
        return [LIF(0.0, threshold, reset=NoReset())], np.ones(())
    options = {}
    if isinstance(node, nir.IF | nir.LIF | nir.CubaLIF):
        options["threshold"] = value("threshold", node.v_threshold)
        options["reset"] = HardReset(value("to", node.v_reset))
    r = np.asarray(node.r, np.float64)
    if isinstance(node, nir.I | nir.IF):
        kind = LIF if options else LeakyIntegrator
        # All but SpikingJelly write 1 where the formula says 1 / dt.
        gain = _rounded(np.where(r == 1, r, r * dt))
        return [kind(value("decay", np.ones(r.shape)), **options)], gain
    cuba = isinstance(node, nir.CubaLI | nir.CubaLIF)
    decay = _decay(node.tau_mem if cuba else node.tau, dt)
    options["scale_input"], gain = _scaling(node, r, decay)
    options["v_rest"] = value("v_rest", node.v_leak)
    decay = value("decay", decay)
    if not cuba:
        kind = LIF if isinstance(node, nir.LIF) else LeakyIntegrator
        return [kind(decay, **options)], gain
    synaptic = _decay(node.tau_syn, dt)
    gain = _rounded(gain * np.asarray(node.w_in, np.float64) * (1 - synaptic))
    synaptic = value("synaptic_decay", synaptic)
    if isinstance(node, nir.CubaLIF):
        return [SynapticLIF(decay, synaptic_decay=synaptic, **options)], gain
    return [LeakyIntegrator(synaptic), LeakyIntegrator(decay, **options)], gain


def _decay(tau: Any, dt: float) -> np.ndarray:
    tau = np.asarray(tau, np.float64)
    # Rounding to float32 may have made it a little shorter than a step.
    if not np.all(tau >= dt * (1 - 1e-6)):
        raise ValueError(
            f"Its time constants must be at least `dt`, {dt} s; got {np.unique(tau)}. "
            "Take a smaller `dt`."
        )
    return np.clip(1 - dt / tau, 0, 1)


def _scaling(node: Any, r: np.ndarray, decay: np.ndarray) -> tuple[bool, np.ndarray]:
    """Whether the neuron scales its input by 1 - decay, and the gain that is left."""
    gain = _rounded(r * (1 - decay))
    said = node.metadata.get("scale_input")
    if said is None and not np.all(gain == 1) and np.allclose(r, decay, 1e-6, 0):
        raise ValueError(
            "Its `r` is 1 - dt / tau, as Spyx writes it for a neuron that adds its "
            "input as it is. If that is meant, put `node.r = node.tau / dt` (`tau_mem` "
            "of a `CubaLIF`, and `node.w_in = node.tau_syn / dt`); else, put `r` into "
            "the weights, and 1 in its place."
        )
    scale_input = not np.all(gain == 1) if said is None else bool(said)
    return scale_input, _rounded(r) if scale_input else gain


def _rounded(gain: np.ndarray) -> np.ndarray:
    """Writers of float32 mean 1 by what is that but for rounding."""
    return np.where(np.isclose(gain, 1, rtol=1e-6, atol=0), 1, gain)
