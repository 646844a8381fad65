"""Statistics are computed for fixed keys; each test has a false-alarm rate of 1e-4."""

import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from ngcx.data import random_permutation_index
from ngcx.testing import keys


pytestmark = pytest.mark.in_turn(2)


def orders(n, seeds, adjacent=False):
    """The orders of n elements by that many keys, random ones or successive ones."""
    seeds = jnp.arange(seeds) if np.ndim(seeds) == 0 else seeds
    made = adjacent_keys(seeds) if adjacent else random_keys(seeds)
    return np.asarray(all_of(made, n))


adjacent_keys = jax.jit(jax.vmap(jr.key))
random_keys = jax.jit(jax.vmap(lambda seed: jr.fold_in(jr.key(0), seed)))


@partial(jax.jit, static_argnums=1)
def all_of(made, n):
    one = lambda key: random_permutation_index(key, jnp.arange(n), n)  # noqa: E731
    return jax.vmap(one)(made)


@given(key=keys(), n=st.one_of(st.integers(1, 40), st.integers(1, 3000)))
def test_is_a_permutation(key, n):
    order = random_permutation_index(key, np.arange(n), n)
    assert order.dtype == np.int32
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 64, 1000, 1009, 65_536, 10**6 + 3])
def test_host_and_device_agree(n):
    i, key = np.arange(n) if n < 10**5 else np.arange(0, n, 997), jr.key(n)
    host = random_permutation_index(key, i, n)
    device = random_permutation_index(key, jnp.asarray(i), n)
    assert isinstance(host, np.ndarray) and isinstance(device, jax.Array)
    np.testing.assert_array_equal(host, device)
    compiled = jax.jit(lambda key, i: random_permutation_index(key, i, n))
    np.testing.assert_array_equal(compiled(key, jnp.asarray(i)), host)
    mapped = jax.vmap(lambda i: random_permutation_index(key, i, n))(jnp.asarray(i))
    np.testing.assert_array_equal(mapped, host)
    assert int(random_permutation_index(key, 0, n)) == host[0]


@pytest.mark.parametrize("n", [2**31 - 1, 2**31, 10**12 + 39, 2**62])
def test_long_permutations(n):
    i = np.unique(np.linspace(0, n - 1, 1000).astype(np.int64).clip(0, n - 1))
    host = random_permutation_index(jr.key(0), i, n)
    assert len(np.unique(host)) == len(i) and host.min() >= 0 and host.max() < n
    # The elements are spread over the whole range.
    assert scipy.stats.kstest(host / n, "uniform").pvalue > 1e-4
    with jax.enable_x64(True):
        device = random_permutation_index(jr.key(0), jnp.asarray(i), n)
    np.testing.assert_array_equal(host, device)


@pytest.mark.parametrize(
    ("dtype", "i"),
    [
        ("int8", [-128, -1, 127]),
        ("uint8", [255]),
        ("int32", [-(2**31), -1, 2**31 - 1]),
        ("uint32", [2**31, 2**32 - 1]),
        ("int64", [-(2**63), -(2**32) + 1, 2**32 + 1, 2**63 - 1]),
        ("uint64", [2**63, 2**64 - 1]),
    ],
)
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_positions_out_of_range_on_the_device_are_the_nearest_within(n, dtype, i):
    with jax.enable_x64("64" in dtype):
        i = jnp.asarray(np.array(i, dtype))
        got = random_permutation_index(jr.key(0), i, n)
        nearest = np.clip([int(each) for each in i], 0, n - 1)
        if np.iinfo(dtype).max < n - 1:
            nearest = np.clip(nearest, 0, np.iinfo(dtype).max)
    np.testing.assert_array_equal(
        got, random_permutation_index(jr.key(0), nearest.astype(np.int64), n)
    )


def test_what_32_bits_cannot_count_is_an_error():
    with pytest.raises(
        ValueError, match=r"`n` must be below 2\*\*31 .* got 2147483648"
    ):
        random_permutation_index(jr.key(0), jnp.zeros(1, int), 2**31)


def numbered(drawn):
    """The number of each order among all orders of its length."""
    n, code = drawn.shape[1], np.zeros(len(drawn), int)
    for at in range(n):
        code = code * (n - at) + np.sum(drawn[:, at + 1 :] < drawn[:, at, None], 1)
    return code


ADJACENT = pytest.mark.parametrize("adjacent", [True, False])


@pytest.mark.in_turn(2)
@ADJACENT
@pytest.mark.parametrize("n", range(2, 9))
def test_every_order_is_as_likely(n, adjacent):
    drawn = orders(n, max(100_000, 10 * math.factorial(n)), adjacent)
    counts = np.bincount(numbered(drawn), minlength=math.factorial(n))
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


@ADJACENT
@pytest.mark.parametrize("lag", [1, 2, 64])
def test_orders_of_one_key_say_nothing_of_those_of_the_next(lag, adjacent):
    code = numbered(orders(4, 100_000, adjacent))
    counts = np.bincount(code[lag:] * 24 + code[:-lag], minlength=24**2)
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


def assert_pairs_and_parity(n, adjacent, number=20_000):
    drawn = orders(n, number, adjacent)
    inversions = sum(
        np.sum(drawn[:, at + 1 :] < drawn[:, at, None], 1) for at in range(n)
    )
    odd = int(np.sum(inversions % 2))
    assert scipy.stats.binomtest(odd, number).pvalue > 1e-4, "parity"
    # Each two positions hold each two values as often.
    statistics = []
    for one, other in itertools.combinations(drawn.T, 2):
        counts = np.bincount(one * n + other, minlength=n * n)
        assert not np.any(counts[:: n + 1])
        expected = number / (n * (n - 1))
        statistics.append(np.sum(counts**2) / expected - number)
    largest = scipy.stats.chi2(n * (n - 1) - 1).sf(max(statistics))
    assert largest * len(statistics) > 1e-4, "pairs"


@ADJACENT
@pytest.mark.parametrize("n", [9, 25, 49, 64])
def test_every_pair_of_positions_and_both_parities_are_as_likely(n, adjacent):
    assert_pairs_and_parity(n, adjacent)


@pytest.mark.thorough
@ADJACENT
@pytest.mark.parametrize("n", range(3, 65))
def test_pairs_and_parity_for_every_short_length(n, adjacent):
    assert_pairs_and_parity(n, adjacent, 200_000)


def test_every_position_has_every_value():
    drawn = orders(64, 20_000)
    counts = np.stack([np.bincount(column, minlength=64) for column in drawn.T])
    statistic = np.sum((counts - 20_000 / 64) ** 2) / (20_000 / 64)
    # Rows and columns of the table have fixed sums.
    assert scipy.stats.chi2(63 * 63).sf(statistic * 63 / 64) > 1e-4


@pytest.mark.parametrize("seed", range(4))
def test_pairs_and_runs(seed):
    n = 10_007
    order = random_permutation_index(jr.key(seed), np.arange(n), n)
    # The table counts neighbours by the tenth of the range in which each lies.
    tenth = order * 10 // n
    table = np.bincount(tenth[:-1] * 10 + tenth[1:], minlength=100)
    assert scipy.stats.chisquare(table).pvalue > 1e-4
    for one, other in ((order[:-1], order[1:]), (np.arange(n), order)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(n)
    # Runs up and down have mean (2n - 1) / 3 and variance (16n - 29) / 90.
    turns = np.sum(np.diff(np.sign(np.diff(order))) != 0) + 1
    assert abs(turns - (2 * n - 1) / 3) < 4 * np.sqrt((16 * n - 29) / 90)


def test_keys_give_unrelated_orders():
    first, second = orders(1000, 2)
    assert np.sum(first == second) < 12  # one is expected
    neighbours = [
        random_permutation_index(jr.key(k), np.arange(1000), 1000) for k in (0, 1)
    ]
    assert np.sum(neighbours[0] == neighbours[1]) < 12


def test_the_orders_of_keys_stay_what_they_are():
    # Otherwise an experiment could not be repeated with a later version.
    first = random_permutation_index(jr.key(0), np.arange(8), 1000)
    np.testing.assert_array_equal(first, [587, 747, 783, 880, 660, 572, 483, 387])
    short = random_permutation_index(jr.key(0), np.arange(9), 9)
    np.testing.assert_array_equal(short, [1, 4, 6, 0, 7, 2, 8, 3, 5])
    last = random_permutation_index(jr.key(1), np.arange(4), 10**6)
    np.testing.assert_array_equal(last, [662205, 600154, 893179, 38156])


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: random_permutation_index(jr.key(0), 0, 0), "`n` must be .* got 0"),
        (lambda: random_permutation_index(jr.key(0), 5, 5), "`i` must be .* got 5"),
        (lambda: random_permutation_index(jr.key(0), -1, 5), "`i` must be .* got -1"),
        (
            lambda: random_permutation_index(jr.key(0), 2**70, 5),
            "`i` must be .* 4; got",
        ),
        (
            lambda: random_permutation_index(jr.key(0), jnp.arange(3), 2**40),
            r"`n` must be below 2\*\*31 without jax_enable_x64",
        ),
        (lambda: random_permutation_index(0, 0, 5), "`key` of `"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_wrong_arguments_are_errors(wrong, match):
    with pytest.raises((ValueError, TypeError), match=match):
        wrong()
