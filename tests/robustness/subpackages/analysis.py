"""Entries of `ngcx.analysis`."""

import functools as ft
import inspect
from concurrent.futures import ThreadPoolExecutor

import jax.numpy as jnp
import jax.random as jr

from ngcx import analysis

from .._entries import (
    Array,
    Entry,
    Fixed,
    Flag,
    Key,
    Name,
    Number,
    Other,
    Size,
    members,
)


X = Array("samples features")
TOKENS = Array("samples *tokens features")
CLASSES = Array("samples", "int")
COUNT = Size(3, optional=True)
TASK = {"task": Name("classification"), "num_classes": COUNT}
KINDS = {
    "AttentiveProbe": {
        **TASK,
        "num_heads": Size(1),
        "attention_size": Size(2),
        "query_size": Size(2),
        "num_queries": Size(1),
        "layer_norm": Flag(),
        "input_layer_norm": Flag(),
        "dropout": Number(0.5, low=0, high=1, array=False),
    },
    "KMeansProbe": {"num_clusters": Size(2), "num_classes": COUNT},
    "KNNProbe": {
        "k": Size(2),
        "metric": Name("cosine"),
        "p": Number(2, low=1, array=False),
        "vote": Name("mean"),
        "weights": Name("softmax"),
        "temperature": Number(0.1, low=0, open=True),
        **TASK,
    },
    "LinearProbe": {
        **TASK,
        "l1": Number(0.1, low=0),
        "l2": Number(0.1, low=0),
        "layer_norm": Flag(),
    },
}
TRAINING = {
    "validation": Other(None, {"text": "text", "an array": jnp.ones(3)}),
    "batch_size": Size(4, optional=True),
    "epochs": Size(1, optional=True),
    "patience": Size(1),
    "class_weight": Other(None, {"text": "text", "two": jnp.ones(2)}),
    "optimizer": Other(None, {"text": "text"}),
}
FITS = {
    "KMeansProbe": {"max_iter": Size(2), "n_init": Size(1)},
    "KNNProbe": {},
    "LinearProbe": TRAINING,
}
INPUTS = {name: TOKENS if name == "AttentiveProbe" else X for name in KINDS}
FITTED = {
    "AttentiveProbe": analysis.FittedNetwork,
    "KMeansProbe": analysis.FittedKMeans,
    "KNNProbe": analysis.FittedKNN,
    "LinearProbe": analysis.FittedNetwork,
}
MORE = {"KMeansProbe": ["clusters"], "KNNProbe": ["neighbors"]}


@ft.cache
def fitted(name: str):
    def fit():
        options = {"epochs": 1} if name == "AttentiveProbe" else {}
        x, y = INPUTS[name].valid, CLASSES.valid
        return MADE[name].fit(jr.key(0), x, y, **options)[0]

    # The first call may come while something is traced, of which a thread of its own
    # knows nothing.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(fit).result()


def on_fitted(name: str, method: str):
    """The method of a probe that is fitted when it is first called."""

    def call(*args, **kwargs):
        return getattr(fitted(name), method)(*args, **kwargs)

    _, *further = inspect.signature(getattr(FITTED[name], method)).parameters.values()
    call.__signature__ = inspect.Signature(further)
    return call


EXEMPT = {
    "AbstractFittedProbe": "abstract",
    "AbstractPredictor": "abstract",
    "AbstractProbe": "abstract",
    "AbstractTrainedProbe": "abstract",
    **{kind.__name__: "made by a fit" for kind in FITTED.values()},
}
ENTRIES = {
    "KMeansResult": Entry(
        analysis.KMeansResult,
        {name: Fixed(jnp.zeros(())) for name in analysis.KMeansResult._fields},
    ),
    "TrainingResult": Entry(
        analysis.TrainingResult,
        {
            "loss": Array("time"),
            "score": Array("time", optional=True),
            "epochs": Fixed(jnp.array(1)),
            "best_epoch": Fixed(jnp.array(0)),
            "converged": Fixed(jnp.array(True)),
        },
    ),
    "participation_ratio": Entry(
        analysis.participation_ratio, {"codes": X, "degenerate": Number(1.0)}
    ),
    "rankme": Entry(analysis.rankme, {"codes": X}),
    "stable_rank": Entry(analysis.stable_rank, {"codes": X}),
}
ENTRIES |= {
    name: Entry(getattr(analysis, name), kinds) for name, kinds in KINDS.items()
}
MADE = {name: ENTRIES[name].call(ENTRIES[name].valid()) for name in KINDS}
for name, probe in MADE.items():
    x = INPUTS[name]
    methods = {
        "__call__": Entry(on_fitted(name, "__call__"), {"x": x}, empty="anything"),
        "predict": Entry(on_fitted(name, "predict"), {"x": x}),
        "score": Entry(
            on_fitted(name, "score"),
            {"x": x, "y": CLASSES},
            empty="anything",
            default_dtype=True,
        ),
        **{
            method: Entry(on_fitted(name, method), {"x": X})
            for method in MORE.get(name, ())
        },
    }
    if name != "AttentiveProbe":  # slow to compile, and the same as of `LinearProbe`
        arguments = {"key": Key(), "x": x, "y": CLASSES, **FITS[name]}
        # What is fitted may be kept in float32.
        methods["fit"] = Entry(probe.fit, arguments, on_host=True, half=False)
    ENTRIES |= members(name, probe, **methods)
