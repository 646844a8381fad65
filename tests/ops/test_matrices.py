import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ngcx import ops
from ngcx.testing import arrays


pytestmark = pytest.mark.in_turn(2)


@given(data=st.data(), size=st.sampled_from([1, 4]), shift=st.integers(-20, 20))
def test_eye_wrapped(data, size, shift, dtype):
    values = data.draw(arrays(dtype, (size,)))
    expected = np.zeros((size, size))
    rows = np.arange(size)
    expected[rows, (rows + shift) % size] = np.asarray(values, np.float64)
    for k in (shift, jnp.array(shift)):
        got = ops.eye_wrapped(size, k, values)
        assert got.dtype == dtype
        np.testing.assert_array_equal(np.asarray(got, float), expected)


def test_eye_wrapped_takes_one_number_for_all():
    np.testing.assert_array_equal(ops.eye_wrapped(3, 0), np.eye(3))
    got = ops.eye_wrapped(2, 1, 3)
    assert got.dtype == jnp.float32 and not got.weak_type
    np.testing.assert_array_equal(got, [[0, 3], [3, 0]])
    nan = ops.eye_wrapped(2, 0, jnp.array([jnp.nan, jnp.inf]))
    np.testing.assert_array_equal(nan, [[jnp.nan, 0], [0, jnp.inf]])


def test_wrong_arguments_of_eye_wrapped_are_errors():
    with pytest.raises(ValueError, match="`size` must be 1 or more; got 0."):
        ops.eye_wrapped(0, 1)
    match = r"`values` must be a number or have shape \(3,\); got \(2,\)."
    with pytest.raises(ValueError, match=match):
        ops.eye_wrapped(3, 1, jnp.ones(2))
    with pytest.raises(TypeError, match="`shift` of"):
        ops.eye_wrapped(3, 1.5)  # pyright: ignore


@given(
    data=st.data(),
    block_shape=st.sampled_from([(1, 1), (2, 3)]),
    weights=st.tuples(st.floats(-8, 8, width=16), st.floats(-8, 8, width=16)),
)
def test_block_matrix(data, block_shape, weights, dtype):
    x = data.draw(arrays(dtype, (2, 3, 2)))
    x = jnp.asarray(np.asarray(x) * (np.abs(x) >= jnp.finfo(dtype).tiny))
    inhibition, excitation = np.asarray(weights).astype(dtype).astype(float)
    same = np.eye(*block_shape, dtype=bool)
    block = np.where(same, excitation, inhibition)
    expected = [np.kron(np.asarray(matrix, float) > 0, block) for matrix in x]
    got = ops.block_matrix(x, block_shape, inhibition=inhibition, excitation=excitation)
    assert got.dtype == dtype
    np.testing.assert_array_equal(np.asarray(got, float), expected)


@pytest.mark.parametrize("kind", [bool, np.int32, np.uint8, np.float32])
def test_block_matrix_inhibits_off_the_diagonal(kind):
    connectivity = jnp.asarray(np.array([[1, 0], [0, 1]]), kind)
    got = ops.block_matrix(connectivity, (2, 2))
    assert got.dtype == jnp.float32
    expected = [[1, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, -1], [0, 0, -1, 1]]
    np.testing.assert_array_equal(got, expected)


def test_block_matrix_weights_are_parameters():
    connected = jnp.array([[1.0, -1.0, jnp.nan]])
    gradient = jax.grad(
        lambda a: ops.block_matrix(connected, (2, 3), inhibition=a).sum()
    )(jnp.array(-0.5))
    assert gradient == 4


@pytest.mark.parametrize("block_shape", [(0, 2), (2, -1)])
def test_an_empty_block_is_an_error(block_shape):
    with pytest.raises(ValueError, match=r"`block_shape` must be positive; got \("):
        ops.block_matrix(jnp.eye(2), block_shape)


def _product(cores):
    left, right = cores
    return left[..., 0, :, :] @ right[..., 0]


@given(seed=st.integers(0, 10_000), turn=st.booleans())
def test_decompose_to_mps_restores_the_matrix(seed, turn, dtype):
    # Each dtype has two of the shapes, so that each shape meets a half and a wide one.
    shapes = [(5, 3), (3, 5), (2, 4, 4), (1, 1)]
    shape = shapes[2 * turn + (dtype in (jnp.float16, jnp.float32))]
    weights = jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)
    *batch, inputs, outputs = shape
    rank = min(inputs, outputs)
    left, right = ops.decompose_to_mps(weights)
    assert left.shape == (*batch, 1, inputs, rank) and left.dtype == dtype
    assert right.shape == (*batch, rank, outputs, 1) and right.dtype == dtype
    got = _product((np.asarray(left, float), np.asarray(right, float)))
    error = 32 * float(jnp.finfo(dtype).eps) * np.abs(np.asarray(weights, float)).max()
    np.testing.assert_allclose(got, np.asarray(weights, float), rtol=0, atol=error)


@given(seed=st.integers(0, 10_000), bond=st.sampled_from([1, 3]))
def test_decompose_to_mps_is_the_closest_of_its_rank(seed, bond):
    weights = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
    left, right = ops.decompose_to_mps(jnp.asarray(weights), bond)
    assert left.shape == (1, 6, bond) and right.shape == (bond, 4, 1)
    singular = np.linalg.svd(weights, compute_uv=False)
    error = np.linalg.norm(weights - _product((left, right)))
    np.testing.assert_allclose(error, np.linalg.norm(singular[bond:]), atol=1e-5)
    # Both cores carry the root of the singular values.
    for core, axis in ((left[0], 0), (right[..., 0], 1)):
        norms = np.linalg.norm(core, axis=axis)
        np.testing.assert_allclose(norms, np.sqrt(singular[:bond]), rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e30, 3e38])
def test_decompose_to_mps_is_free_of_scale(scale):
    weights = scale * jnp.array([[1.0, 0.5], [0.25, -1.0], [0.0, 0.75]])
    left, right = ops.decompose_to_mps(weights)
    np.testing.assert_allclose(
        _product((left, right)) / scale, weights / scale, atol=1e-6
    )
    gradient = jax.jit(jax.grad(lambda w: ops.decompose_to_mps(w)[0].sum()))(weights)
    assert np.all(np.isfinite(gradient)) and np.all(gradient != 0)


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 4, 4)])
def test_derivatives_of_decompose_to_mps(shape, dtype, check_derivatives):
    def cores_and_closest(weights):
        cores = ops.decompose_to_mps(weights, 2)
        return jnp.concatenate([z.ravel() for z in (*cores, _product(cores))])

    check_derivatives(cores_and_closest, np.random.default_rng(0).normal(size=shape))


@pytest.mark.parametrize(
    "weights",
    [np.zeros((3, 2)), np.eye(3), np.diag([1, 0, 0]), np.ones((2, 4))],
    ids=["zero", "identity", "rank one", "ones"],
)
def test_gradients_of_decompose_to_mps_are_finite(weights):
    loss = lambda w: sum(core.sum() for core in ops.decompose_to_mps(w))  # noqa: E731
    gradient = jax.jit(jax.grad(loss))(jnp.asarray(weights, jnp.float32))
    assert np.all(np.isfinite(gradient))


def test_decompose_to_mps_of_zeros_is_zeros():
    left, right = ops.decompose_to_mps(jnp.zeros((3, 2)))
    assert not np.any(left) and not np.any(right)


@pytest.mark.parametrize("bond", [0, -1])
def test_a_bond_dimension_below_one_is_an_error(bond):
    match = f"`bond_dimension` must be 1 or more; got {bond}."
    with pytest.raises(ValueError, match=match):
        ops.decompose_to_mps(jnp.eye(3), bond)
