"""The filters against scipy, their derivatives, and what they cost."""

import functools as ft
import itertools
import math
import time

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings, strategies as st

from ngcx import filters
from ngcx.testing import tolerance

from ._common import ALL, SCIPY, blur, each, oracle, positive


pytestmark = pytest.mark.in_turn(5)


def formula(filter, center, surround, p: float = 2, q: float = 2):
    match filter:
        case filters.difference_of_gaussians:
            return center - surround
        case filters.ratio_of_gaussians:
            return center / (surround + 1e-5)
        case filters.cortical_difference_of_gaussians:
            return np.maximum(center - surround, 0)
    return center**p / (surround**q + 0.1**2)


def check_close(got, expected, dtype):
    """Errors are within 32 units in the last place of a number of magnitude 1."""
    assert got.dtype == dtype
    error = tolerance(dtype, 32)["rtol"]
    np.testing.assert_allclose(np.asarray(got, float), expected, error, error)


@pytest.mark.parametrize("radius", [0, 3, 11])
@pytest.mark.parametrize("mode", SCIPY)
@settings(max_examples=10)
@given(seed=st.integers(0, 999), sigma=st.just(0.0) | st.floats(0.1, 50))
def test_the_blur_is_that_of_scipy(seed, sigma, radius, mode):
    # There are three channels, and a radius beyond the size of the image.
    images = positive(seed)
    got = filters.gaussian_blur(images, sigma, radius=radius, mode=mode)
    check_close(got, oracle(images, sigma, radius, mode), jnp.float32)


@each
def test_filters_are_their_formulas(filter, dtype):
    images = positive(0, dtype=dtype)
    # One is a number and the other an array, in turns.
    sigmas = 0.8, jnp.asarray(1.6)
    if dtype in (jnp.float16, jnp.float32):
        sigmas = jnp.asarray(0.8, dtype), 1.6
    center, surround = (oracle(images, float(sigma), 2) for sigma in sigmas)
    got = filter(images, *sigmas, radius=2)
    check_close(got, formula(filter, center, surround), dtype)


@pytest.mark.parametrize(("p", "q"), [(2, 2), (0.5, 0.5), (1.5, 2.0), (2.0, 1.0)])
def test_exponents(p, q):
    images = positive(1)
    center, surround = oracle(images, 0.8, 2), oracle(images, 1.6, 2)
    expected = formula(filters.cortical_ratio_of_gaussians, center, surround, p, q)
    for exponents in ((p, q), (jnp.float32(p), jnp.float32(q))):
        got = filters.cortical_ratio_of_gaussians(
            images,
            0.8,
            1.6,
            radius=2,
            excitation_exponent=exponents[0],
            inhibition_exponent=exponents[1],
        )
        check_close(got, expected, jnp.float32)


@each
def test_leading_axes_are_a_batch(filter):
    images = positive(2)

    @jax.jit
    def run(images):
        last = jax.vmap(lambda x: filter(x, 0.8, 1.6, radius=2), -1, -1)
        return (
            filter(images, 0.8, 1.6, radius=2),
            filter(images[1, 2], 0.8, 1.6, radius=2),
            last(jnp.moveaxis(images, 1, -1)),
        )

    whole, one, channels_last = run(images)
    np.testing.assert_allclose(one, whole[1, 2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        channels_last, jnp.moveaxis(whole, 1, -1), rtol=1e-5, atol=1e-6
    )


@each
@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
def test_derivatives_are_finite_differences(filter, dtype):
    with jax.enable_x64(True):
        images, ones = positive(3, (4, 5), dtype), positive(4, (4, 5), dtype)

        def value(images, sigmas):
            return jnp.sum(ones * filter(images, *sigmas, radius=1))

        sigmas = jnp.asarray(0.7, dtype), jnp.asarray(1.4, dtype)
        directions = positive(5, (4, 5), dtype), (ones[0, 0], -ones[0, 1])

        @jax.jit
        def along(t):
            moved = jax.tree.map(lambda x, d: x + t * d, (images, sigmas), directions)
            return value(*moved)

        @jax.jit
        def derivatives(zero):
            forward = jax.jacfwd(along)(zero)
            gradients = jax.grad(value, (0, 1))(images, sigmas)
            products = jax.tree.map(lambda g, d: jnp.sum(g * d), gradients, directions)
            return forward, sum(jax.tree.leaves(products))

        zero, step = jnp.zeros((), dtype), 1e-5
        central = (along(zero + step) - along(zero - step)) / (2 * step)
        forward, reverse = derivatives(zero)
        np.testing.assert_allclose(forward, central, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(reverse, forward, rtol=1e-12, atol=1e-13)


@jax.jit
def difference_and_gradients(sigma):
    def value(sigma):
        return jnp.sum(
            IMAGES * filters.difference_of_gaussians(IMAGES, sigma, 2.0, radius=3)
        )

    return value(sigma), jax.grad(value)(sigma), jax.grad(jax.grad(value))(sigma)


IMAGES = positive(6, (5, 5))


@given(st.floats(0, 2.0**126, width=32) | st.floats(0, 0.25, width=32))
def test_every_sigma_has_finite_derivatives(sigma):
    assert np.all(np.isfinite(difference_and_gradients(jnp.float32(sigma))))


def test_sigma_of_zero_is_the_image():
    np.testing.assert_array_equal(
        filters.gaussian_blur(IMAGES, jnp.zeros(()), radius=3), IMAGES
    )
    # It is so continuously: what is left out there is 0 in every dtype.
    just_above = filters.gaussian_blur(IMAGES, 0.0251, radius=3)
    np.testing.assert_array_equal(just_above, IMAGES)
    assert np.isnan(
        filters.gaussian_blur(IMAGES, jnp.nan * IMAGES[0, 0], radius=1)
    ).all()


@each
@pytest.mark.parametrize("fill", [0.0, -1e-5, -1.0, 1e-30, 1e19, 1e37, -1e37])
def test_even_images_have_finite_values_and_gradients(filter, fill):
    result, gradient = sum_and_gradient(filter, jnp.full((3, 3), fill))
    assert np.all(np.isfinite(result)) and np.all(np.isfinite(gradient))
    if filter is filters.ratio_of_gaussians:
        expected = fill / (abs(fill) + 1e-5)
        np.testing.assert_allclose(result, 9 * expected, rtol=1e-5)


@ft.partial(jax.jit, static_argnums=0)
def sum_and_gradient(filter, image):
    return jax.value_and_grad(lambda image: jnp.sum(filter(image, 0.8, 1.6, radius=1)))(
        image
    )


@jax.jit
def response_and_gradients(fill, p, q, h):
    def value(image, p, q, h):
        return jnp.sum(
            filters.cortical_ratio_of_gaussians(
                image,
                0.8,
                1.6,
                radius=1,
                semi_saturation=h,
                excitation_exponent=p,
                inhibition_exponent=q,
            )
        )

    return jax.value_and_grad(value, (0, 1, 2, 3))(jnp.full((3, 3), fill), p, q, h)


@pytest.mark.parametrize("fill", [0.0, -1.0, 0.5])
@pytest.mark.parametrize(("p", "q"), [(0.5, 0.5), (1.0, 1.0), (2.0, 0.5)])
@pytest.mark.parametrize("h", [0.0, 0.1])
def test_every_exponent_has_finite_gradients_in_the_dark(fill, p, q, h):
    response, gradients = response_and_gradients(fill, p, q, h)
    assert np.isfinite(response) and (fill > 0 or response == 0)
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    if fill <= 0:
        np.testing.assert_array_equal(gradients[0], 0)


@pytest.mark.parametrize("light", [1e-30, 0.3, 1.0, 2.0, 1e30])
def test_powers_may_be_beyond_all_numbers(light):
    """Against numbers of any exponent."""
    exponents, halves = (1e-30, 1e-3, 0.5, 2.0, 7.0, 300.0, 1e30), (1e-30, 0.1, 1e30)
    table = np.array(list(itertools.product(exponents, exponents, halves)), "f4")

    def response(p, q, h):
        return filters.cortical_ratio_of_gaussians(
            jnp.full((1, 1), light),
            0.0,
            0.0,
            radius=0,
            semi_saturation=h,
            excitation_exponent=p,
            inhibition_exponent=q,
        )[0, 0]

    info = np.finfo("f4")
    responses = jax.jit(jax.vmap(response))(*table.T).tolist()
    for row, got in zip(table, responses, strict=True):
        c, p, q, h = (mpmath.mpf(float(value)) for value in (np.float32(light), *row))
        expected = c**p / (c**q + h**2)
        # A power is as uncertain as the logarithm of it.
        logs = p * mpmath.log(c), q * mpmath.log(c), 2 * mpmath.log(h)
        error = 4 * float(info.eps) * expected * (1 + sum(map(abs, logs)))
        beyond = expected > float(info.max) and got == math.inf
        below = expected < float(info.tiny) and got <= float(info.tiny)
        assert beyond or below or abs(got - expected) <= error, (row, got, expected)


def test_bright_images_do_not_overflow():
    # Their squares would.
    images = positive(7) * 1e30
    np.testing.assert_allclose(
        filters.cortical_ratio_of_gaussians(images, 0.8, 1.6, radius=2),
        (oracle(images, 0.8, 2) / oracle(images, 1.6, 2)) ** 2,
        rtol=1e-5,
    )


@each
def test_the_cost_grows_with_the_radius_not_with_its_square(filter):
    def operations(radius):
        run = jax.jit(lambda x: filter(x, 1.0, 2.0, radius=radius))
        images = jnp.zeros((2, 128, 128))
        cost = run.lower(images).compile().cost_analysis()
        assert cost is not None
        return cost["flops"] / images.size

    # Two blurs of two passes multiply and add up to 4 radii, and as much again where a
    # pixel might be infinite; with windows of two dimensions it would be thousands.
    assert 0 < operations(32) - operations(16) < 16 * 4 * 2 * 2 * 2 * 4
    if filter is filters.cortical_ratio_of_gaussians:
        run = jax.jit(lambda x: filter(x, 1.0, 2.0, radius=1))
        assert "power(" not in str(run.lower(IMAGES).compile().as_text())


@pytest.mark.parametrize("filter", [blur, *ALL], ids=lambda filter: filter.__name__)
def test_the_program_does_not_grow_with_the_radius(filter):
    def lines(radius, derive=lambda function: function):
        def value(sigma):
            return jnp.sum(
                filter(positive(0, (40, 50)), sigma, 2 * sigma, radius=radius)
            )

        return len(str(jax.jit(derive(value)).lower(1.0).as_text()).splitlines())

    for derive in (lambda function: function, jax.grad):
        assert lines(300, derive) == lines(200, derive)


@pytest.mark.thorough  # It compiles many times, and takes the time of that.
@pytest.mark.parametrize("filter", [blur, filters.difference_of_gaussians])
def test_a_large_radius_compiles_in_half_a_second(filter):
    images = positive(0, (64, 64))

    def seconds(function) -> float:
        began, wall = time.process_time(), time.time()
        # No cache has a program with this constant in it.
        jax.jit(lambda sigma: wall * function(sigma)).lower(2.0).compile()
        return time.process_time() - began

    for radius in (40, 300):

        def value(sigma, radius=radius):
            return jnp.sum(filter(images, sigma, 2 * sigma, radius=radius))

        assert min(seconds(value) for _ in range(3)) < 0.5
        assert min(seconds(jax.grad(value)) for _ in range(3)) < 1.0


@pytest.mark.parametrize("mode", SCIPY)
@pytest.mark.parametrize("radius", [20, 75])
def test_blocks_meet(mode, radius):
    # The image has several blocks one way, and one the other way.
    images = positive(0, (1, 130, 20))
    got = filters.gaussian_blur(images, 9.0, radius=radius, mode=mode)
    check_close(got, oracle(images, 9.0, radius, mode), jnp.float32)


@each
def test_another_value_does_not_compile_anew(filter, caplog):
    filter(IMAGES, 0.5, 1.0, radius=1)
    with jax.log_compiles(True):
        filter(IMAGES, 0.6, 1.1, radius=1)
        assert not caplog.records
        filter(IMAGES[1:], 0.6, 1.1, radius=1)
        assert caplog.records


def test_on_many_devices():
    mesh = jax.make_mesh((8,), ("batch",), (jax.sharding.AxisType.Auto,))
    sharding = jax.NamedSharding(mesh, jax.P("batch"))
    images = positive(8, (8, 6, 9))
    sharded = filters.difference_of_gaussians(
        jax.device_put(images, sharding), 0.8, 1.6, radius=2
    )
    assert sharded.sharding.is_equivalent_to(sharding, 3)
    np.testing.assert_allclose(
        sharded,
        filters.difference_of_gaussians(images, 0.8, 1.6, radius=2),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"center_sigma": -1.0}, "`center_sigma` must be 0 or more; got -1.0"),
        ({"surround_sigma": float("nan")}, "`surround_sigma` must be 0 or more"),
        ({"radius": -1}, "`radius` must be 0 or more; got -1"),
        ({"radius": 1.5}, "radius"),
        ({"radius": (1, -1)}, r"`radius` must be 0 or more; got \(1, -1\)"),
        ({"mode": "mirror"}, "'mirror'"),
        ({"images": jnp.zeros((3, 0))}, "`images` must have pixels"),
        ({"images": jnp.zeros(3)}, "`images` of"),
        ({"images": jnp.zeros((3, 3), int)}, "`images` of"),
        ({"semi_saturation": 0.0}, "`semi_saturation` must be positive"),
        ({"excitation_exponent": 0.0}, "`excitation_exponent` must be positive"),
        ({"inhibition_exponent": -1.0}, "`inhibition_exponent` must be positive"),
    ],
)
def test_wrong_arguments_are_errors(arguments, match):
    usual = {"images": IMAGES, "center_sigma": 0.5, "surround_sigma": 1.0, "radius": 1}
    with pytest.raises((ValueError, TypeError), match=match):
        filters.cortical_ratio_of_gaussians(**(usual | arguments))


def test_the_ratio_needs_a_guard():
    with pytest.raises(ValueError, match="`epsilon` must be positive; got 0"):
        filters.ratio_of_gaussians(IMAGES, 0.5, 1.0, radius=1, epsilon=0)


def test_even_light_of_the_largest_numbers(dtype):
    images = jnp.full((5, 5), jnp.finfo(dtype).max)
    difference = filters.difference_of_gaussians(images, 1.0, 2.0, radius=2)
    ratio = filters.ratio_of_gaussians(images, 1.0, 2.0, radius=2)
    eps = float(jnp.finfo(dtype).eps)
    largest = float(jnp.finfo(dtype).max)
    assert np.max(np.abs(np.asarray(difference, float))) <= 8 * eps * largest
    np.testing.assert_allclose(np.asarray(ratio, float), 1, rtol=8 * eps)


def test_an_epsilon_that_rounds_to_0():
    dark = filters.ratio_of_gaussians(
        jnp.zeros((3, 3)), 1.0, 2.0, radius=1, epsilon=1e-50
    )
    np.testing.assert_array_equal(dark, 0)


@pytest.mark.parametrize("mode", SCIPY)
@pytest.mark.parametrize("reach", [(2, 1), (0, 3), (3, 3)])
def test_windows_of_even_sizes_are_those_of_scipy(reach, mode):
    images, offsets = positive(0, (2, 3, 7, 40)), np.arange(-reach[0], reach[1] + 1)
    weights = np.exp(-(offsets**2) / (2 * 1.3**2))
    weights /= weights.sum()
    expected, origin = np.asarray(images, float), reach[0] - len(weights) // 2
    for axis in (2, 3):
        expected = scipy.ndimage.correlate1d(
            expected, weights, axis, mode=SCIPY[mode], origin=origin
        )
    got = filters.gaussian_blur(images, 1.3, radius=reach, mode=mode)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    if reach[0] == reach[1]:
        same = filters.gaussian_blur(images, 1.3, radius=reach[0], mode=mode)
        np.testing.assert_array_equal(got, same)
