"""Measures of how far partitions agree, beside scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, strategies as st

from ngcx import metrics

from ._comparison import SEEDS, WIDE, close


@WIDE
@given(seed=SEEDS, groups=st.integers(1, 6))
def test_agreement_of_partitions(seed, groups, dtype):
    rng = np.random.default_rng(seed)
    classes, clusters = rng.integers(0, groups, (2, 15)) * 7 - 3
    first, second = jnp.asarray(classes), jnp.asarray(clusters)
    expected = (
        sklearn.metrics.adjusted_rand_score(classes, clusters),
        sklearn.metrics.fowlkes_mallows_score(classes, clusters),
        sklearn.metrics.v_measure_score(classes, clusters),
        sklearn.metrics.v_measure_score(classes, clusters, beta=0.5),
        sklearn.metrics.adjusted_mutual_info_score(classes, clusters),
    )
    for got, oracle in zip(agreements(first, second), expected, strict=True):
        close(got, oracle, dtype, 4.0)


@jax.jit
def agreements(first, second):
    return (
        metrics.adjusted_rand_index(first, second),
        metrics.fowlkes_mallows_index(first, second),
        metrics.v_measure(first, second),
        metrics.v_measure(first, second, beta=0.5),
        metrics.adjusted_mutual_information(first, second),
    )


@given(seed=SEEDS)
def test_near_and_far_labels_agree_alike(seed):
    # Near labels are counted in a table, and far ones are sorted.
    near = np.random.default_rng(seed).integers(0, 3, (2, 40))
    expected = agreements(*map(jnp.asarray, near))
    far = np.array([-(2**31), 5, 2**31 - 1])[near]
    for labels in (far, [near[0], far[1]], near - 128):
        got = agreements(*(jnp.asarray(each, jnp.int32) for each in labels))
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
    few = agreements(*(jnp.asarray(np.array([-128, 0, 127])[near], jnp.int8)))
    np.testing.assert_allclose(few, expected, rtol=1e-6, atol=1e-7)


def test_a_negative_beta_is_an_error():
    labels = jnp.zeros(3, int)
    with pytest.raises(ValueError, match="`beta` must be 0 or more; got -1.0."):
        metrics.v_measure(labels, labels, beta=-1.0)


@given(seed=SEEDS)
def test_masked_samples_are_in_no_partition(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (2, 15))
    kept = rng.random(15) < 0.7
    first, second = jnp.asarray(labels)
    few, fewer = labels[:, kept]
    for got, oracle in (
        (metrics.adjusted_rand_index, sklearn.metrics.adjusted_rand_score),
        (metrics.v_measure, sklearn.metrics.v_measure_score),
        (
            metrics.adjusted_mutual_information,
            sklearn.metrics.adjusted_mutual_info_score,
        ),
    ):
        expected = oracle(few, fewer)
        close(got(first, second, where=jnp.asarray(kept)), expected, np.float32, 4.0)


AGREEMENTS = {
    metrics.adjusted_mutual_information: sklearn.metrics.adjusted_mutual_info_score,
    metrics.adjusted_rand_index: sklearn.metrics.adjusted_rand_score,
    metrics.fowlkes_mallows_index: sklearn.metrics.fowlkes_mallows_score,
    metrics.v_measure: sklearn.metrics.v_measure_score,
}

OF_PAIRS = metrics.adjusted_rand_index, metrics.fowlkes_mallows_index


@pytest.mark.parametrize(
    "samples", [100_000, pytest.param(1_000_000, marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("measure", AGREEMENTS, ids=lambda measure: measure.__name__)
def test_little_agreement_of_many_samples_is_exact(measure, samples):
    rng = np.random.default_rng(0)
    chance = rng.integers(0, 2, (2, samples))
    rare = (rng.random((2, samples)) < 3 / samples).astype(int)
    nearly = np.stack([chance[0], chance[0]])
    nearly[1, :5] ^= 1
    for labels in (chance, rare, nearly, chance + 2 * rare):
        got = float(measure(*map(jnp.asarray, labels)))
        # So much is lost by a sum of logarithms, which scikit-learn rounds one by one.
        lost = 0 if measure in OF_PAIRS else samples * np.finfo(float).eps / 2
        np.testing.assert_allclose(got, AGREEMENTS[measure](*labels), 2e-7, lost)
        assert got >= 0 or measure.__name__.startswith("adjusted")
        assert got <= 1
