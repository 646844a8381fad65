from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from ngcx.init import (
    Clip,
    Constant,
    Constrained,
    DiagOffDiag,
    FanInGaussian,
    FanInUniform,
    FromJax,
    Gaussian,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    LogGaussian,
    Orthogonal,
    TruncatedGaussian,
    Uniform,
    VarianceScaling,
)
from ngcx.testing import initializers, keys, tolerance


pytestmark = pytest.mark.in_turn(4)


def truncated(variance):
    """Normal within two standard deviations, of that variance after truncation."""
    within = scipy.stats.truncnorm(-2, 2)
    return scipy.stats.truncnorm(-2, 2, scale=np.sqrt(variance / within.var()))


def centred(variance):
    return scipy.stats.uniform(-np.sqrt(3 * variance), 2 * np.sqrt(3 * variance))


DTYPES = ("float16", "bfloat16", "float32", "float64")
LAWS = [
    (Uniform(-2.0, 3.0), scipy.stats.uniform(-2, 5)),
    (Gaussian(1.0, 2.0), scipy.stats.norm(1, 2)),
    (FanInUniform(), scipy.stats.uniform(-0.1, 0.2)),
    (FanInGaussian(), scipy.stats.norm(0, 0.1)),
    (LogGaussian(0.5), scipy.stats.lognorm(0.5)),
    (TruncatedGaussian(1.0, 2.0), scipy.stats.truncnorm(-2, 2, 1, 2)),
    (TruncatedGaussian(lower=0, upper=1), scipy.stats.truncnorm(0, 1)),
    (GlorotUniform(), centred(2 / 300)),
    (GlorotNormal(), truncated(2 / 300)),
    (HeUniform(), centred(2 / 100)),
    (HeNormal(), truncated(2 / 100)),
    (HeNormal(in_axis=-1, out_axis=-2), truncated(2 / 200)),
    (LeCunUniform(), centred(1 / 100)),
    (LeCunNormal(), truncated(1 / 100)),
    (VarianceScaling(3.0, "fan_out", "normal"), scipy.stats.norm(0, 0.015**0.5)),
    (FromJax(jax.nn.initializers.normal(0.3)), scipy.stats.norm(0, 0.3)),
]


@pytest.fixture(scope="module")
def draws():
    """What each initializer draws. One program does it all, so that random bits are
    computed once.
    """
    of = [initializer for initializer, _ in LAWS]
    program = jax.jit(lambda key: [each(key, (100, 200)) for each in of])
    return dict(zip(of, program(jr.key(0)), strict=True))


@pytest.mark.parametrize(("initializer", "law"), LAWS)
def test_law(initializer, law, draws):
    # The keys are fixed; a false alarm has a chance of one in 1,000 for each draw.
    for draw in (draws[initializer], initializer.numpy(0, (100, 200))):
        assert scipy.stats.kstest(np.ravel(draw), law.cdf).pvalue > 1e-3


@eqx.filter_jit
def compiled(initializer, key):
    return initializer(key, (3, 4))


@given(initializer=initializers(), key=keys())
def test_a_key_decides_the_draw(initializer, key):
    first, again = (initializer(key, (3, 4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(compiled(initializer, key), first)


@given(initializer=initializers(), dtype=st.sampled_from(DTYPES))
def test_dtype_and_memory(initializer, dtype):
    with jax.enable_x64(dtype == "float64"):
        drawn = initializer(jr.key(0), (3, 4), dtype)
        host = initializer.numpy(0, (3, 4), dtype)
    assert drawn.dtype == host.dtype == dtype
    assert drawn.shape == host.shape == (3, 4)
    assert isinstance(host, np.ndarray)
    for draw in (drawn, host):
        assert np.all(np.isfinite(np.asarray(draw, np.float64)))


def test_uniform_never_reaches_its_upper_bound(dtype):
    uniform = Uniform(0.0, 1.0)
    for draw in (
        uniform(jr.key(0), (1 << 16,), dtype),
        uniform.numpy(0, (1 << 16,), dtype),
    ):
        draw = np.asarray(draw, np.float64)
        assert draw.min() >= 0 and draw.max() < 1


@pytest.mark.parametrize(
    ("shape", "fan_in"), [((1000, 10), 1000), ((10, 1000), 10), ((3, 3, 8, 160), 72)]
)
def test_fan_in_counts_inputs_and_receptive_field(shape, fan_in):
    uniform, gaussian = jax.jit(
        lambda key: (FanInUniform()(key, shape), FanInGaussian()(key, shape))
    )(jr.key(0))
    for draw, variance in ((uniform, 1 / fan_in / 3), (gaussian, 1 / fan_in)):
        # The standard error of a variance is at most sqrt(2 / n) of it; 5 are allowed.
        allowed = 5 * (2 / draw.size) ** 0.5
        np.testing.assert_allclose(np.var(draw), variance, rtol=allowed)


def test_fan_in_of_transposed_weights():
    draw = FanInUniform(in_axis=-1, out_axis=-2)(jr.key(0), (10, 1000))
    assert np.abs(draw).max() <= 1000**-0.5


@pytest.mark.thorough
@given(initializer=initializers(), key=keys())
def test_a_half_precision_draw_is_the_float32_one_rounded(initializer, key):
    # Bits of half precision would give a normal law without tails.
    for draw in (
        lambda dtype: initializer(key, (3, 4), dtype),
        lambda dtype: initializer.numpy(0, (3, 4), dtype),
    ):
        single = np.asarray(draw(jnp.float32), np.float64)
        for dtype in (jnp.float16, jnp.bfloat16):
            # They may differ by one unit, because the upper bound of a uniform law is
            # excluded.
            np.testing.assert_allclose(
                np.asarray(draw(dtype), np.float64), single, **tolerance(dtype, 1)
            )


def test_a_wide_uniform_law_does_not_overflow(dtype):
    largest = float(jnp.finfo(dtype).max)
    for draw in (
        Uniform(-largest, largest)(jr.key(0), (1000,), dtype),
        Uniform(-largest, largest).numpy(0, (1000,), dtype),
    ):
        law = scipy.stats.uniform(-1, 2)
        draw = np.asarray(draw, np.float64) / largest
        assert scipy.stats.kstest(draw, law.cdf).pvalue > 1e-3


@given(initializer=initializers(), shape=st.sampled_from([(0, 3), (3, 0), (0, 0)]))
def test_empty_shapes(initializer, shape):
    if not isinstance(initializer, Constrained):  # whose row or column is not there
        assert initializer(jr.key(0), shape).shape == shape
        assert initializer.numpy(0, shape).shape == shape


@pytest.mark.parametrize(
    "initializer", [Constant(2.0), Gaussian(), Uniform(), TruncatedGaussian()]
)
def test_a_draw_of_no_axes_is_an_array(initializer):
    draw = initializer.numpy(0, ())
    assert isinstance(draw, np.ndarray) and draw.shape == () and draw.dtype == "f4"
    assert initializer(jr.key(0), ()).shape == ()


@pytest.mark.parametrize("initializer", [Gaussian(), HeNormal(), Orthogonal()])
def test_numpy_draws_while_jax_traces(initializer):
    def draw():
        return initializer.numpy(0, (3, 3))

    np.testing.assert_array_equal(jax.jit(draw)(), draw())


def test_stands_in_for_an_initializer_of_jax():
    for initializer in (jax.nn.initializers.normal(0.1), Gaussian(std=0.1)):
        weight = initializer(jr.key(0), (2, 3), jnp.bfloat16)
        assert weight.shape == (2, 3) and weight.dtype == jnp.bfloat16
    assert Gaussian()(jr.key(0), (np.int64(2), 3), None).dtype == jnp.float32


def test_stands_in_for_an_initializer_of_flax(standard_promotion):
    flax = pytest.importorskip("flax.linen")
    inhibition = HeNormal().constrain(Clip(amax=0.0))
    dense = flax.Dense(5, kernel_init=inhibition, bias_init=Constant(0.5))
    parameters = dense.init(jr.key(0), jnp.ones((1, 3)))["params"]
    assert parameters["kernel"].shape == (3, 5)
    assert np.all(parameters["kernel"] <= 0) and np.all(parameters["bias"] == 0.5)


def test_orthogonal(dtype):
    shapes = {"float16": [(6, 4)], "bfloat16": [(4, 6)], "float64": [(2, 3, 4)]}
    for shape in shapes.get(dtype.name, [(6, 4), (4, 6), (2, 3, 4)]):
        for draw in (
            Orthogonal(2.0)(jr.key(0), shape, dtype),
            Orthogonal(2.0).numpy(0, shape, dtype),
        ):
            matrix = np.asarray(draw, np.float64).reshape(-1, shape[-1])
            if matrix.shape[0] < matrix.shape[1]:
                matrix = matrix.T
            gram = matrix.T @ matrix
            expected = 4 * np.eye(len(gram))
            limit = 16 * float(jnp.finfo(dtype).eps)
            np.testing.assert_allclose(gram, expected, rtol=limit, atol=limit)


@pytest.mark.parametrize(("initializer", "gain"), [(HeNormal, 2), (FanInGaussian, 1)])
def test_batch_axes_count_in_no_fan(initializer, gain):
    draw = initializer(batch_axis=(0,))(jr.key(0), (50, 100, 20))
    allowed = 5 * (2 / draw.size) ** 0.5
    np.testing.assert_allclose(np.var(draw), gain / 100, rtol=allowed)


def test_diagonal_and_the_rest():
    for draw in (
        DiagOffDiag(2.0, -1.0)(jr.key(0), (3, 2, 3)),
        DiagOffDiag(2.0, -1.0).numpy(0, (3, 2, 3)),
    ):
        np.testing.assert_array_equal(draw[1], [[2, -1, -1], [-1, 2, -1]])


def test_constant():
    np.testing.assert_array_equal(
        Constant(2.5)(jr.key(0), (2, 3)), np.full((2, 3), 2.5)
    )


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: Uniform(1.0, -1.0), "`low` must not exceed `high`; got low=1.0"),
        (lambda: Gaussian(std=-1.0), "`std` must be 0 or more; got -1.0"),
        (lambda: LogGaussian(-1.0), "`sigma` must be 0 or more; got -1.0"),
        (lambda: TruncatedGaussian(std=0.0), "`std` must be positive; got 0.0"),
        (
            lambda: TruncatedGaussian(lower=2, upper=1),
            "`lower` must be below `upper`; got lower=2, upper=1",
        ),
        (lambda: DiagOffDiag(1.0, 0.0)(jr.key(0), (3,)), r"`shape` must have rows"),
        (lambda: Orthogonal()(jr.key(0), (3,)), r"`shape` must have rows and columns"),
        (lambda: GlorotUniform()(jr.key(0), (3,)), r"`shape` must have .*\(3,\)"),
        (
            lambda: HeNormal(batch_axis=(0,))(jr.key(0), (3, 4)),
            r"`shape` must have different axes .*`batch_axis`=\(0,\); got \(3, 4\)",
        ),
        (
            lambda: HeNormal(batch_axis=(7,))(jr.key(0), (3, 4, 5)),
            r"`shape` must have different axes .*`batch_axis`=\(7,\)",
        ),
        *(
            # The type check looks at one of the sizes, by chance.
            (lambda i=i: Gaussian()(jr.key(i), (3, 2.5)), "shape")  # pyright: ignore[reportArgumentType]
            for i in range(4)
        ),
        (lambda: Gaussian()(jr.key(0), (2, -3)), r"`shape` .*\(2, -3\)"),
        (lambda: Gaussian()(jr.key(0), (2,), jnp.int32), "`dtype` .* got int32"),
        (lambda: Gaussian()(0, (2,)), "`key` of `"),  # pyright: ignore[reportArgumentType]
        (lambda: FanInUniform()(jr.key(0), (3,)), r"`shape` must have .*\(3,\)"),
        (
            lambda: FanInUniform(in_axis=0, out_axis=0)(jr.key(0), (3, 4)),
            "different axes",
        ),
    ],
)
def test_wrong_arguments_are_errors(wrong, match):
    with pytest.raises((ValueError, TypeError), match=match):
        wrong()


TAILS = ((3.5, 100), (5, 8), (-8, -6), (10, 13))
# Two tails are enough for the dtypes that are not the default one.
TAILS_OF = (
    ("float16", TAILS[::2]),
    ("bfloat16", TAILS[1::2]),
    ("float32", TAILS),
    ("float64", TAILS[1:3]),
)


@pytest.mark.parametrize(
    ("dtype", "bounds"),
    [(dtype, bounds) for dtype, tails in TAILS_OF for bounds in tails],
    indirect=["dtype"],
)
def test_a_law_truncated_to_a_tail(bounds, dtype):
    lower, upper = map(float, bounds)
    draw = TruncatedGaussian(lower=lower, upper=upper)(jr.key(0), (20_000,), dtype)
    assert draw.dtype == dtype and draw.min() >= lower and draw.max() <= upper
    law = scipy.stats.truncnorm(lower, upper)
    mean = np.mean(np.asarray(draw, np.float64))
    # The mean may be off by five standard errors, and by the rounding of such numbers.
    allowed = 5 * law.std() / np.sqrt(20_000) + jnp.finfo(dtype).eps * abs(mean) / 8
    assert abs(mean - law.mean()) < allowed
    assert len(np.unique(draw)) > (10_000 if jnp.finfo(dtype).bits > 16 else 10)


BOUNDS = [
    (2.9, 8),
    (-8, -2.9),
    (2.9, 3.1),
    (3.0, 12),
    (5, 5.001),
    (-8, 8),
    (-30, 2),
    (-0.5, 7),
    (0, 9),
    (0.1, 0.1001),
    (-float("inf"), 1),
    (-float("inf"), float("inf")),
    (11, float("inf")),
]


def check_truncated(draw, lower, upper):
    """Checks the law, how far its tails reach, and how many numbers there are."""
    law = scipy.stats.truncnorm(lower, upper)
    values, number = np.sort(np.asarray(draw, np.float64)), draw.size
    low, high = draw.dtype.type(lower), draw.dtype.type(upper)
    assert low <= values[0] and values[-1] <= high
    assert scipy.stats.kstest(values, law.cdf).pvalue > 1e-3
    # At the near bound of a tail, many round to the bound itself.
    assert values[-1] < 0 or upper < 6 or number * law.sf(values[-1]) > 1e-6
    assert values[0] > 0 or lower > -6 or number * law.cdf(values[0]) > 1e-6
    exact = law.ppf(np.random.default_rng(0).random(number)).astype(draw.dtype)
    assert len(np.unique(draw)) > 0.8 * len(np.unique(exact))


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("lower", "upper"), BOUNDS)
def test_truncated_laws_are_exact_far_from_the_bounds(lower, upper, kind):
    initializer = TruncatedGaussian(lower=float(lower), upper=float(upper))
    with jax.enable_x64(kind == "float64"):
        check_truncated(
            np.asarray(initializer(jr.key(0), (20_000,), kind)), lower, upper
        )
        check_truncated(initializer.numpy(0, (20_000,), kind), lower, upper)


@pytest.mark.thorough
@pytest.mark.parametrize(("lower", "upper"), BOUNDS)
def test_truncated_laws_of_a_million_draws(lower, upper):
    initializer = TruncatedGaussian(lower=float(lower), upper=float(upper))
    check_truncated(np.asarray(initializer(jr.key(1), (1_000_000,))), lower, upper)


def test_a_tail_that_no_number_is_in_is_an_error():
    with pytest.raises(ValueError, match="`lower` and `upper` must come within 12 st"):
        TruncatedGaussian(lower=20.0, upper=30.0)(jr.key(0), (3,))


@pytest.mark.thorough
def test_numbers_of_numpy_are_those_of_python():
    half: Any = np.float32(0.5)
    two: Any = np.int64(2)
    zero: Any = np.int8(0)
    for numpy, python in (
        (Constant(half), Constant(0.5)),
        (Uniform(zero, half), Uniform(0, 0.5)),
        (Gaussian(half, two), Gaussian(0.5, 2)),
        (LogGaussian(half), LogGaussian(0.5)),
        (DiagOffDiag(half, two), DiagOffDiag(0.5, 2)),
        (TruncatedGaussian(half, two, -half, two), TruncatedGaussian(0.5, 2, -0.5, 2)),
        (Orthogonal(half), Orthogonal(0.5)),
        (HeNormal(in_axis=-two), HeNormal(in_axis=-2)),
        (FanInGaussian(batch_axis=(zero,)), FanInGaussian(batch_axis=(0,))),
        (Gaussian().constrain(Clip(zero, half)), Gaussian().constrain(Clip(0, 0.5))),
    ):
        assert numpy == python and hash(numpy) == hash(python)
        shape = (2, two, np.uint8(3))
        drawn = numpy.numpy(two, shape)
        np.testing.assert_array_equal(drawn, python.numpy(2, (2, 2, 3)))
    with pytest.raises(ValueError, match="`low` must not exceed `high`"):
        Uniform(two, half)
    with pytest.raises(ValueError, match="`amin` must not exceed `amax`"):
        Clip(two, 1.0)
