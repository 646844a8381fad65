"""Entries of `ngcx.metrics`."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ngcx import metrics, neurons

from .._entries import (
    Array,
    Entry,
    Fixed,
    Flag,
    Function,
    Key,
    Name,
    Number,
    Other,
    Size,
    members,
)


def entry(metric, where: str, arguments, **options):
    reduced = {
        "reduction": Name("none"),
        "where": Array(where, "bool", optional=True),
    }
    return Entry(metric, arguments | reduced, **options)


def simplex(rng, shape):
    drawn = rng.uniform(0.1, 0.9, shape)
    return drawn / drawn.sum(-1, keepdims=True)


def definite(rng, shape):
    drawn = rng.normal(size=shape)
    return drawn @ drawn.swapaxes(-1, -2) + np.eye(shape[-1])


def spikes(rng, shape):
    return rng.random(shape) < 0.5


SCORES = Array("*batch classes", "float", simplex)
EITHER = Array("*batch classes", "float int", simplex)
LABELS = Array("*batch", "int")
ROWS = Array("*batch features")
TRAINS = Array("*batch time neurons", "float", spikes)
MEAN = Array("*batch features")
COVARIANCE = Array("*batch features features", "float", definite)
PARTITION = Array("*batch samples", "int")
BINARY = Array("*batch samples", "bool int")
SAMPLES = Array("*batch samples")
WEIGHTS = Array("*batch samples", optional=True)
TIMES = metrics.SpikeTimes(
    jnp.array([[[0.5, 2.0, 2.5], [1.0, 9.0, 9.0]]] * 2),
    jnp.array([[3, 1], [2, 0]]),
    4.0,
)
POSITIVE = Number(2.0, low=0, open=True)
NOTHING = jnp.zeros(())
AVERAGES = metrics.Averages(*[NOTHING] * 4)

ENTRIES = {
    "Averages": Entry(
        metrics.Averages,
        {name: Fixed(jnp.zeros(())) for name in metrics.Averages._fields},
    ),
    "ClassificationReport": Entry(
        metrics.ClassificationReport,
        {
            name: Fixed(AVERAGES if name in ("precision", "recall") else NOTHING)
            for name in metrics.ClassificationReport._fields
        },
    ),
    "ClassificationReport.f_score": Entry(
        metrics.classification_report(jnp.eye(3), jnp.eye(3)).f_score,
        {"beta": Number(1.0, low=0)},
    ),
    "accuracy": entry(
        metrics.accuracy,
        "*batch",
        {"predictions": EITHER, "targets": LABELS, "top_k": Size(2)},
        differentiable=False,
    ),
    "adjusted_mutual_information": entry(
        metrics.adjusted_mutual_information,
        "*batch samples",
        {"classes": PARTITION, "clusters": PARTITION},
    ),
    "adjusted_rand_index": entry(
        metrics.adjusted_rand_index,
        "*batch samples",
        {"classes": PARTITION, "clusters": PARTITION},
    ),
    "average_precision": entry(
        metrics.average_precision,
        "*batch samples",
        {"scores": SAMPLES, "labels": BINARY, "sample_weight": WEIGHTS},
        differentiable=False,
    ),
    "bayesian_information_criterion": Entry(
        metrics.bayesian_information_criterion,
        {
            "log_likelihood": Array("*batch"),
            "num_parameters": Number(3, low=0, scalar=False),
            "num_samples": Number(10, low=1, scalar=False),
        },
        like="log_likelihood",
    ),
    "binary_cross_entropy": entry(
        metrics.binary_cross_entropy,
        "*batch",
        {"probabilities": ROWS, "targets": ROWS},
    ),
    "breadth_of_tuning_curve": entry(
        metrics.breadth_of_tuning_curve, "neurons", {"responses": TRAINS}
    ),
    "categorical_nll": entry(
        metrics.categorical_nll,
        "*batch",
        {"probabilities": SCORES, "targets": LABELS},
    ),
    "classification_report": Entry(
        metrics.classification_report,
        {
            "predictions": EITHER,
            "targets": LABELS,
            "num_classes": Size(3, optional=True),
            "sample_weight": Array("*batch", optional=True),
            "where": Array("*batch", "bool", optional=True),
        },
        also=("num_classes",),
        differentiable=False,
    ),
    "coefficient_of_variation": entry(
        metrics.coefficient_of_variation,
        "*batch neurons",
        {"spikes": TRAINS},
        differentiable=False,
    ),
    "cross_correlogram": Entry(
        metrics.cross_correlogram,
        {"a": TRAINS, "b": TRAINS, "width": POSITIVE, "lags": Size(2, low=0)},
        differentiable=False,
    ),
    "expected_calibration_error": Entry(
        metrics.expected_calibration_error,
        {
            "probabilities": SCORES,
            "targets": LABELS,
            "bins": Size(5),
            "where": Array("*batch", "bool", optional=True),
        },
        differentiable=False,
    ),
    "excess_kurtosis": entry(metrics.excess_kurtosis, "*batch", {"codes": ROWS}),
    "explained_variance": entry(
        metrics.explained_variance, "*batch", {"predictions": ROWS, "targets": ROWS}
    ),
    "fano_factor": entry(metrics.fano_factor, "*batch neurons", {"spikes": TRAINS}),
    "firing_rate": entry(
        metrics.firing_rate,
        "*batch neurons",
        {"spikes": TRAINS, "dt": Number(2.0, low=0, open=True, optional=True)},
    ),
    "fowlkes_mallows_index": entry(
        metrics.fowlkes_mallows_index,
        "*batch samples",
        {"classes": PARTITION, "clusters": PARTITION},
    ),
    "gaussian_kl_divergence": entry(
        metrics.gaussian_kl_divergence,
        "*batch",
        {
            "mean1": MEAN,
            "covariance1": COVARIANCE,
            "mean2": MEAN,
            "covariance2": COVARIANCE,
        },
    ),
    "gini_index": entry(metrics.gini_index, "*batch", {"codes": ROWS}),
    "hoyer_sparsity": entry(metrics.hoyer_sparsity, "*batch", {"codes": ROWS}),
    "inter_spike_intervals": Entry(
        metrics.inter_spike_intervals,
        {"spikes": TRAINS},
        empty="anything",
        differentiable=False,
    ),
    "kl_divergence": entry(
        metrics.kl_divergence, "*batch", {"probabilities": SCORES, "targets": SCORES}
    ),
    "local_coefficient_of_variation": entry(
        metrics.local_coefficient_of_variation,
        "*batch neurons",
        {"spikes": TRAINS},
        differentiable=False,
    ),
    "local_variation": entry(
        metrics.local_variation,
        "*batch neurons",
        {"spikes": TRAINS},
        differentiable=False,
    ),
    "mean_absolute_error": entry(
        metrics.mean_absolute_error,
        "*batch",
        {"predictions": ROWS, "targets": ROWS, "feature_reduction": Name("sum")},
    ),
    "mean_squared_error": entry(
        metrics.mean_squared_error,
        "*batch",
        {"predictions": ROWS, "targets": ROWS, "feature_reduction": Name("sum")},
    ),
    "pairwise": Entry(
        metrics.pairwise,
        {
            "measure": Function(metrics.spike_time_tiling_coefficient),
            "spikes": Other(TIMES, {"None": None, "text": "text", "a list": [1.0]}),
            "window": POSITIVE,
        },
        differentiable=False,
    ),
    "pearson_correlation": entry(
        metrics.pearson_correlation, "*batch neurons", {"a": TRAINS, "b": TRAINS}
    ),
    "r_squared": entry(
        metrics.r_squared, "*batch", {"predictions": ROWS, "targets": ROWS}
    ),
    "roc_auc": entry(
        metrics.roc_auc,
        "*batch samples",
        {"scores": SAMPLES, "labels": BINARY, "sample_weight": WEIGHTS},
        differentiable=False,
    ),
    "root_mean_squared_error": entry(
        metrics.root_mean_squared_error,
        "*batch",
        {"predictions": ROWS, "targets": ROWS},
    ),
    "sparsity": entry(
        metrics.sparsity,
        "*batch",
        {"codes": ROWS, "tolerance": Number(0.5)},
        differentiable=False,
    ),
    "spike_time_tiling_coefficient": entry(
        metrics.spike_time_tiling_coefficient,
        "*batch neurons",
        {"a": TRAINS, "b": TRAINS, "window": POSITIVE},
        differentiable=False,
    ),
    "spike_train_synchrony": entry(
        metrics.spike_train_synchrony,
        "*batch",
        {"spikes": TRAINS},
        differentiable=False,
    ),
    "synaptic_operations": Entry(
        metrics.synaptic_operations,
        {
            "stack": Other(
                neurons.Stack(eqx.nn.Linear(3, 2, key=jr.key(0)), neurons.LIF()),
                {"None": None, "a function": jnp.tanh, "a layer": eqx.nn.Identity()},
            ),
            "inputs": Array("time batch features"),
            "state": Fixed(None),
            "key": Key(optional=True),
            "batched": Flag(True),
            "lengths": Fixed(jnp.array([2, 4])),
            "steps": Fixed(None),
        },
        differentiable=False,
        default_dtype=True,
        also=("Layer", "lengths"),
    ),
    "v_measure": entry(
        metrics.v_measure,
        "*batch samples",
        {"classes": PARTITION, "clusters": PARTITION, "beta": Number(1.0, low=0)},
    ),
    "van_rossum_distance": entry(
        metrics.van_rossum_distance,
        "*batch neurons",
        {"a": TRAINS, "b": TRAINS, "tau": POSITIVE, "dt": POSITIVE},
    ),
    "victor_purpura_distance": entry(
        metrics.victor_purpura_distance,
        "*batch neurons",
        {"a": TRAINS, "b": TRAINS, "cost": Number(0.5, low=0), "dt": POSITIVE},
        differentiable=False,
    ),
    "workload_entropy": entry(
        metrics.workload_entropy, "*batch", {"counts": Array("*batch samples neurons")}
    ),
    "SpikeTimes": Entry(
        metrics.SpikeTimes,
        {
            "times": Array("*batch neurons spikes"),
            "count": Array("*batch neurons", "int"),
            "t_stop": POSITIVE,
        },
    ),
    **members(
        "SpikeTimes",
        TIMES,
        from_grid=Entry(
            metrics.SpikeTimes.from_grid,
            {"spikes": TRAINS, "dt": POSITIVE},
            differentiable=False,
            default_dtype=True,
        ),
        counts={"windows": Size(3)},
    ),
    "Streaming": Entry(
        lambda metric, dtype: metrics.Streaming.init(metric, dtype=dtype),
        {
            "metric": Function(metrics.accuracy),
            "dtype": Other("float32", {"text": "text"}),
        },
    ),
}
