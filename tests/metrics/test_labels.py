"""What metrics take for labels, and what they refuse."""

import re
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from ngcx import metrics
from ngcx.metrics import Streaming


pytestmark = pytest.mark.in_turn(3)


LABELS: Any = np.array([0, 1, 2, 1])
SCORES: Any = np.eye(3, dtype=np.float32)[[0, 1, 1, 1]] * 0.8 + np.float32(0.1)
TAKE_LABELS = {
    "accuracy": lambda labels: metrics.accuracy(SCORES, labels),
    "accuracy of indices": lambda labels: metrics.accuracy(labels, LABELS),
    "classification_report": lambda labels: (
        metrics.classification_report(SCORES, labels).confusion
    ),
    "categorical_nll": lambda labels: metrics.categorical_nll(SCORES, labels),
    "adjusted_rand_index": lambda labels: metrics.adjusted_rand_index(LABELS, labels),
    "fowlkes_mallows_index": lambda labels: metrics.fowlkes_mallows_index(
        labels, LABELS
    ),
    "v_measure": lambda labels: metrics.v_measure(LABELS, labels),
    "streamed": lambda labels: (
        Streaming.init(metrics.accuracy).update(SCORES, labels).compute()
    ),
    "streamed by name": lambda labels: (
        Streaming.init(metrics.accuracy).update(SCORES, targets=labels).compute()
    ),
}


@pytest.fixture(params=TAKE_LABELS)
def score(request):
    return TAKE_LABELS[request.param]


@pytest.mark.parametrize(
    "labels",
    [
        LABELS + 2**32,
        LABELS - 2**32,
        LABELS.astype(np.uint64) + 2**63,
        LABELS.astype(np.uint64) + 2**32,
    ],
)
def test_labels_beyond_32_bits_are_refused(score, labels):
    with pytest.raises(ValueError, match="must be of 32 bits(.|\n)*return_inverse"):
        score(labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint32, np.int64])
def test_labels_of_every_integer_dtype_are_the_same(score, dtype):
    expected = score(LABELS.astype(np.int32))
    np.testing.assert_array_equal(score(LABELS.astype(dtype)), expected)


@pytest.mark.parametrize("cast", [np.float32, bool])
def test_labels_that_are_no_integers_are_refused_with_the_cure(score, cast):
    with pytest.raises(TypeError, match=re.escape(".astype(int)`")):
        score(LABELS.astype(cast))


@pytest.mark.parametrize("cast", ["", ".astype(int)"])
def test_a_column_of_labels_is_refused_with_the_cure(score, cast):
    column = LABELS[:, None]
    cure = re.escape(f"[..., 0]{cast}`")
    with pytest.raises((TypeError, ValueError), match=cure):
        score(column.astype(np.float32) if cast else column)


def test_one_column_of_scores_is_no_choice():
    column = SCORES[:, :1]
    for metric in (metrics.accuracy, metrics.classification_report):
        for both in ((column, LABELS), (column, column), (LABELS, column)):
            with pytest.raises(ValueError, match="a score of each class; got one"):
                metric(*both)
    with pytest.raises(ValueError, match="use `binary_cross_entropy`"):
        metrics.categorical_nll(column, LABELS)


def test_unsigned_labels_are_told_apart_from_negative_ones():
    large: Any = np.array([2**32 - 1, 2**31 + 5, 2**31 + 5], np.uint32)
    assert metrics.accuracy(large, large) == 1
    assert metrics.accuracy(large, jnp.array([-1, -(2**31) + 5, 7])) == 0
    report = metrics.classification_report(large, large, num_classes=2)
    assert report.misses == 3 and np.all(report.confusion == 0)
    many = jnp.full((1, 200), 1 / 200)
    no_class = metrics.categorical_nll(many, jnp.array([-1], jnp.int8))
    assert no_class == metrics.categorical_nll(many, jnp.array([-1]))


def test_counts_beyond_32_bits_are_taken_as_floats():
    total = jnp.asarray(-50.0)
    numbers: list[Any] = [
        3_000_000_000,
        np.int64(3_000_000_000),
        np.array(3_000_000_000),
    ]
    for samples in numbers:
        got = metrics.bayesian_information_criterion(total, 3, samples)
        np.testing.assert_allclose(got, 100 + 3 * np.log(3e9), rtol=1e-6)
