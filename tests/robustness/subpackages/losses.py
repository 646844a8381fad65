"""Entries of `ngcx.losses`."""

from ngcx import losses

from .._entries import Array, Entry, Name, Number, Size


def spikes(rng, shape):
    return rng.random(shape) < 0.5


TRAINS = Array("time *batch neurons", "float", spikes)
POTENTIALS = Array("time *batch classes")
LENGTHS = {"lengths": Array("*batch", "int", optional=True)}
ROWS = Array("*batch classes")
LABELS = Array("*batch", "int")
TARGETS = {"right": Number(1.0), "wrong": Number(0.0)}


def reduced(where: str):
    return {"reduction": Name("none"), "where": Array(where, "bool", optional=True)}


ENTRIES = {
    "activity_penalty": Entry(
        losses.activity_penalty, {"spikes": TRAINS, "power": Size(2), **LENGTHS}
    ),
    "binary_cross_entropy": Entry(
        losses.binary_cross_entropy,
        {"logits": ROWS, "targets": ROWS, **reduced("*batch classes")},
        like="logits",
    ),
    "cross_entropy": Entry(
        losses.cross_entropy,
        {
            "logits": ROWS,
            "labels": LABELS,
            "label_smoothing": Number(0.1, low=0, high=1),
            "class_weights": Array("classes", optional=True),
            **reduced("*batch"),
        },
    ),
    "first_spike_time": Entry(losses.first_spike_time, {"spikes": TRAINS, **LENGTHS}),
    "last_step": Entry(losses.last_step, {"potentials": POTENTIALS, **LENGTHS}),
    "maximum": Entry(losses.maximum, {"potentials": POTENTIALS, **LENGTHS}),
    "mean_over_time": Entry(
        losses.mean_over_time, {"potentials": POTENTIALS, **LENGTHS}
    ),
    "membrane_loss": Entry(
        losses.membrane_loss,
        {"potentials": POTENTIALS, "labels": LABELS, **TARGETS, **LENGTHS},
    ),
    "rate_penalty": Entry(
        losses.rate_penalty,
        {
            "spikes": TRAINS,
            "lower": Number(0.1, low=0),
            "upper": Number(0.2, low=0),
            **LENGTHS,
        },
    ),
    "spike_count": Entry(
        losses.spike_count,
        {"spikes": TRAINS, "population": Size(3), **LENGTHS},
        also=("population",),
    ),
    "spike_rate": Entry(
        losses.spike_rate,
        {"spikes": TRAINS, "population": Size(3), **LENGTHS},
        also=("population",),
    ),
    "squared_error_to_targets": Entry(
        losses.squared_error_to_targets,
        {"values": ROWS, "labels": LABELS, **TARGETS, **reduced("*batch")},
    ),
    "time_mask": Entry(
        losses.time_mask,
        {"lengths": LABELS, "steps": Size(4, low=0)},
        differentiable=False,
    ),
}
