"""What probes take for representations and targets, and what they refuse."""

import re

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.analysis import (
    AttentiveProbe,
    FittedKMeans,
    FittedKNN,
    KMeansProbe,
    KNNProbe,
    LinearProbe,
)


pytestmark = [pytest.mark.usefixtures("standard_promotion"), pytest.mark.in_turn(3)]
KEY = jr.key(0)
X, Y = np.ones((6, 2), np.float32), np.array([0, 1, 2, 0, 1, 2])


def labels_of(kind):
    """Labels that are no class indices yet, and the cure that is named."""
    labels = np.array([0, 1, 2, 0, 1, 2])
    return {
        "floats": (labels.astype(np.float32), TypeError, "`y.astype(int)`"),
        "booleans": (labels > 0, TypeError, "`y.astype(int)`"),
        "a column": (labels[:, None], TypeError, "`y[..., 0]`"),
        "a column of floats": (
            labels[:, None].astype(np.float32),
            ValueError,
            "`y[:, 0].astype(int)`",
        ),
        "beyond 32 bits": (labels + 2**32, ValueError, "return_inverse"),
        "beyond 32 bits without sign": (
            labels.astype(np.uint64) + 2**40,
            ValueError,
            "return_inverse",
        ),
        "rows of integers": (np.eye(3, dtype=int)[labels], TypeError, "astype(float)"),
        "NaN": (np.full((6, 3), np.nan, np.float32), ValueError, "must be finite"),
    }[kind]


@pytest.mark.parametrize(
    "probe", [LinearProbe(), AttentiveProbe(), KNNProbe(), KMeansProbe()]
)
@pytest.mark.parametrize(
    "kind",
    [
        "floats",
        "booleans",
        "a column",
        "a column of floats",
        "beyond 32 bits",
        "beyond 32 bits without sign",
        "rows of integers",
        "NaN",
    ],
)
def test_labels_are_read_as_such_or_refused_with_the_cure(probe, kind):
    y, error, cure = labels_of(kind)
    with pytest.raises(error, match="`y`.*(.|\n)*" + re.escape(cure)):
        probe.fit(KEY, X, y)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64])
def test_labels_of_every_integer_dtype_are_the_same(dtype):
    for probe in (KNNProbe(3, p=1), KMeansProbe(2)):
        x, y = np.random.default_rng(0).normal(size=(60, 4)), Y.repeat(10)
        x = x.astype(np.float32)
        (one, _), (other, _) = (
            probe.fit(KEY, x, labels) for labels in (y, y.astype(dtype))
        )
        assert eqx.tree_equal(one, other)
        assert one.score(x, y) == one.score(x, y.astype(dtype))


def test_a_score_takes_no_column_for_classes_or_for_several_outputs():
    fitted = FittedKNN(KNNProbe(p=1, num_classes=3), jnp.ones((6, 2)), jnp.ones((6, 3)))
    column = np.ones((6, 1), np.float32)
    with pytest.raises(ValueError, match="must have a column for each class"):
        fitted.score(X, column)
    recipe = KNNProbe(p=1, task="regression")
    fitted = FittedKNN(recipe, jnp.ones((6, 2)), jnp.ones((6, 3)))
    with pytest.raises(ValueError, match=r"values of shape \(6, 3\)"):
        fitted.score(X, column)


@pytest.mark.parametrize(
    "probe", [LinearProbe(), AttentiveProbe(), KNNProbe(), KMeansProbe()]
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_fitted(probe, value):
    x = X.copy()
    x[2, 1] = value
    with pytest.raises(ValueError, match="`x` must be finite"):
        probe.fit(KEY, x, Y)
    if isinstance(probe, AttentiveProbe | LinearProbe):
        with pytest.raises(ValueError, match="`x` must be finite"):
            probe.fit(KEY, X, Y, validation=(x, Y))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_not_finite_is_in_no_cluster(value):
    fitted = FittedKMeans(jnp.array([[0.0, 0.0], [5.0, 5.0]]), jnp.eye(2))
    x = np.array([[4.0, 6.0], [value, 0.0], [1.0, 0.0]], np.float32)
    assert fitted.clusters(x).tolist() == [1, -1, 0]
    assert fitted.predict(x).tolist() == [1, -1, 0]
    assert np.isnan(fitted(x)).tolist() == [[False] * 2, [True] * 2, [False] * 2]


def test_a_row_that_is_far_away_is_in_a_cluster():
    x = jnp.repeat(jnp.array([[-1.0, -1.0], [2.0, 2.0]]), 3, 0)
    probe, _ = KMeansProbe(2).fit(KEY, x, jnp.repeat(jnp.arange(2), 3))
    # The centres are equally far, since the largest numbers absorb the difference.
    far = jnp.array([[-3e38, 0.0], [4e37, 4e37]])
    np.testing.assert_array_equal(probe.clusters(far), [0, 0])
    assert not np.any(np.isnan(probe(far)))
