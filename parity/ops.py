import types

import jax
import jax.numpy as jnp
import numpy as np

from ngcx import ops
from ngcx.activations import Tanh

from ._entries import bf16, differs, equal, f16, f32, ref, x64


model = ref.model_utils
KEY = jax.random.key(0)
MATRIX = f32(np.random.default_rng(0).normal(size=(6, 4)))

equal(model.binarize, ops.binarize, MATRIX)
equal(lambda x: model.clamp_min(x, 0.1), lambda x: ops.clamp_min(x, 0.1), MATRIX)
equal(lambda x: model.clamp_max(x, 0.1), lambda x: ops.clamp_max(x, 0.1), MATRIX)
equal(model.one_hot, ops.one_hot_argmax, MATRIX)
equal(model.chebyshev_norm, ops.chebyshev_norm, MATRIX)
for axis in (0, 1):
    for order in (1, 2):
        equal(
            lambda x, o=order, a=axis: model.normalize_matrix(x, 2.0, o, a),
            lambda x, o=order, a=axis: ops.normalize_matrix(x, 2.0, order=o, axis=a),
            MATRIX,
        )
    equal(
        lambda x, a=axis: model.normalize_block_matrix(x, (3, 2), 2, a, 1.0),
        lambda x, a=axis: ops.normalize_block_matrix(x, (3, 2), order=2, axis=a),
        MATRIX,
    )
# There is a single row, because the reference shares one variance among all.
equal(model.layer_normalize, ops.layer_normalize, MATRIX[:1])
equal(
    lambda x: model.layer_normalize(x, 0.5, 2.0),
    lambda x: ops.layer_normalize(x, 0.5, 2.0),
    MATRIX[:1],
)
# The reference adds 1e-6 to both probabilities.
PROBABILITIES = f32(np.linspace(0.05, 0.95, 64))
equal(model.inverse_logistic, ops.inverse_logistic, PROBABILITIES, within=1e-6 / 0.03)
equal(lambda x: model.drop_out(KEY, x), lambda x: ops.dropout(KEY, x), MATRIX)
# Chance decides what is dropped; the fraction is within five standard deviations.
ONES = jnp.ones(100_000)
equal(
    lambda x: jnp.mean(model.drop_out(KEY, x, 0.3)[0]),
    lambda x: jnp.mean(ops.dropout(KEY, x, 0.3)[0]),
    ONES,
    within=2 * 5 * np.sqrt(0.3 / 0.7 / ONES.size),
)
equal(
    lambda x: model.tensorstats(x),
    lambda x: {
        "mean": ops.tensor_stats(x).mean,
        "std": ops.tensor_stats(x).std,
        "mag": ops.tensor_stats(x).magnitude,
        "min": ops.tensor_stats(x).minimum,
        "max": ops.tensor_stats(x).maximum,
    },
    MATRIX,
)
equal(lambda: model.eye_wrapped(5, 2, 3.0), lambda: ops.eye_wrapped(5, 2, 3.0))
CONNECTIVITY = jnp.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
equal(
    # The sign of `alpha_inh` is reversed off the diagonal.
    lambda x: model.create_block_matrix(x, (2, 2), alpha_inh=0.5, alpha_exc=2.0),
    lambda x: ops.block_matrix(x, (2, 2), inhibition=-0.5, excitation=2.0),
    CONNECTIVITY,
)
GROUPS = jnp.array([[1.0, 1, 0, 0], [0, 0, 1, 1]])
equal(model.group_mean, ops.group_mean, MATRIX, GROUPS)
equal(
    lambda x: jnp.sum(model.sample_values_by_group(KEY, x, 2).reshape(6, 2, 2), -1),
    lambda x: jnp.sum(ops.sample_values_by_group(KEY, x, 2).reshape(6, 2, 2), -1),
    jnp.abs(MATRIX),
)
equal(
    lambda w: jnp.tensordot(*ref.matrix_utils.decompose_to_mps(w, 2), 1),
    lambda w: jnp.tensordot(*ops.decompose_to_mps(w, 2), 1),
    MATRIX,
)

differs(
    "`binarize` of 0.5; of NaN",
    lambda: model.binarize(f32([0.5, np.nan])),
    lambda: ops.binarize(f32([0.5, np.nan])),
    [1, np.nan],
)
differs(
    "`clamp_min(x, -inf)`, `clamp_max(x, inf)`",
    (
        lambda: model.clamp_min(f32(3), -np.inf),
        lambda: model.clamp_max(f32(3), np.inf),
    ),
    (lambda: ops.clamp_min(f32(3), -np.inf), lambda: ops.clamp_max(f32(3), np.inf)),
    (3, 3),
)
differs(
    "`clamp_min` of NaN at 0",
    lambda: model.clamp_min(f32(np.nan), 0.0),
    lambda: ops.clamp_min(f32(np.nan), 0.0),
    np.nan,
)
differs(
    "`clamp_min` of int32 16777217 at 0",
    lambda: model.clamp_min(jnp.int32(16777217), 0),
    lambda: ops.clamp_min(jnp.int32(16777217), 0),
    16777217,
    ulps=0,
)
differs(
    "`clamp_min` of float64 -5 at 0.1",
    x64(lambda: model.clamp_min(jnp.float64(-5), 0.1)),
    x64(lambda: ops.clamp_min(jnp.float64(-5), 0.1)),
    0.1,
)
differs(
    "`one_hot_argmax` of [0.5, NaN, 0.9]; of [0, 0]",
    (
        lambda: model.one_hot(f32([[0.5, np.nan, 0.9]]))[0],
        lambda: model.one_hot(f32([[0, 0]]))[0],
    ),
    (
        lambda: ops.one_hot_argmax(f32([0.5, np.nan, 0.9])),
        lambda: ops.one_hot_argmax(f32([0, 0])),
    ),
    ([0, 0, 0], [0, 0]),
)
CUBE = np.random.default_rng(0).normal(size=(2, 3, 4))
differs(
    "`one_hot_argmax` of shape (2, 3, 4)",
    lambda: model.one_hot(f32(CUBE)),
    lambda: ops.one_hot_argmax(f32(CUBE)),
    np.eye(4)[CUBE.argmax(-1)],
)
SMALL = np.array([[1.0, -2.0], [3.0, 0.0]])
differs(
    "`normalize_matrix` with order 3 or infinity",
    tuple(
        lambda order=order: model.normalize_matrix(f32(SMALL), 1.0, order)
        for order in (3, np.inf)
    ),
    tuple(
        lambda order=order: ops.normalize_matrix(f32(SMALL), order=order)
        for order in (3, np.inf)
    ),
    tuple(SMALL / np.linalg.norm(SMALL, order, axis=0) for order in (3, np.inf)),
)
differs(
    "`normalize_matrix` of [[1e-9], [1e-9]]",
    lambda: model.normalize_matrix(f32([[1e-9], [1e-9]]), 1.0),
    lambda: ops.normalize_matrix(f32([[1e-9], [1e-9]])),
    [[0.5], [0.5]],
)
differs(
    "`normalize_matrix` of [[1e20], [1e20]], order 2",
    lambda: model.normalize_matrix(f32([[1e20], [1e20]]), 1.0, 2),
    lambda: ops.normalize_matrix(f32([[1e20], [1e20]]), order=2),
    [[np.sqrt(0.5)], [np.sqrt(0.5)]],
)
differs(
    "gradient of `normalize_matrix` at zeros, order 2",
    lambda: jax.grad(lambda x: model.normalize_matrix(x, 1.0, 2).sum())(
        jnp.zeros((2, 1))
    ),
    lambda: jax.grad(lambda x: ops.normalize_matrix(x, order=2).sum())(
        jnp.zeros((2, 1))
    ),
    [[0], [0]],
)
differs(
    "`layer_normalize` of [[0, 1, 2], [10, 20, 30]]",
    lambda: model.layer_normalize(f32([[0, 1, 2], [10, 20, 30]]))[:, 2],
    lambda: ops.layer_normalize(f32([[0, 1, 2], [10, 20, 30]]))[:, 2],
    [np.sqrt(1.5), np.sqrt(1.5)],
)
differs(
    "`layer_normalize` of [[0, 1e-4, 2e-4]]",
    lambda: model.layer_normalize(f32([[0, 1e-4, 2e-4]]))[:, 2],
    lambda: ops.layer_normalize(f32([[0, 1e-4, 2e-4]]))[:, 2],
    [np.sqrt(1.5)],
)
differs(
    "`layer_normalize` of [[-1e20, 0, 1e20]]; of float16 [[0, 300, 600]]",
    (
        lambda: model.layer_normalize(f32([[-1e20, 0, 1e20]]))[:, 2],
        lambda: model.layer_normalize(f16([[0, 300, 600]]))[:, 2],
    ),
    (
        lambda: ops.layer_normalize(f32([[-1e20, 0, 1e20]]))[:, 2],
        lambda: ops.layer_normalize(f16([[0, 300, 600]]))[:, 2],
    ),
    ([np.sqrt(1.5)], [np.sqrt(1.5)]),
)
differs(
    "`inverse_tanh` of 0.5; of 1e-8",
    lambda: model.inverse_tanh(f32([0.5, 1e-8])),
    lambda: ops.inverse_tanh(f32([0.5, 1e-8])),
    np.arctanh([0.5, 1e-8]),
)
differs(
    "`inverse_tanh` with `clip_bound=0.03`",
    lambda: model.inverse_tanh(f32([1, -1]), clip_bound=0.03),
    lambda: ops.inverse_tanh(f32([1, -1]), clip_bound=0.03),
    np.arctanh([0.97, -0.97]),
)
differs(
    "`inverse_logistic` with `clip_bound=0.03`",
    (
        lambda: model.inverse_logistic(f32([0, 1]), clip_bound=0.03),
        lambda: model.inverse_sigmoid(f32([0, 1])),
    ),
    (
        lambda: ops.inverse_logistic(f32([0, 1]), clip_bound=0.03),
        lambda: ops.inverse_logistic(f32([0, 1]), clip_bound=0.03),
    ),
    (np.log([0.03 / 0.97, 0.97 / 0.03]), np.log([0.03 / 0.97, 0.97 / 0.03])),
)
differs(
    "`inverse_logistic` of 0.5",
    lambda: model.inverse_logistic(f32(0.5)),
    lambda: ops.inverse_logistic(f32(0.5)),
    0,
)
differs(
    "`inverse_logistic` of 0.03, 0.97",
    lambda: model.inverse_logistic(f32([0.03, 0.97])),
    lambda: ops.inverse_logistic(f32([0.03, 0.97])),
    np.log([0.03 / 0.97, 0.97 / 0.03]),
    ulps=1,
)


def without_jit(f):
    """`f` where the reference's function cannot be compiled."""

    def run():
        with jax.disable_jit():
            return f()

    return run


differs(
    "`inverse_logistic` with `clip_bound=0.6`",
    without_jit(lambda: model.inverse_logistic(f32([0, 1]), 0.6)),
    lambda: ops.inverse_logistic(f32([0, 1]), 0.6),
    ValueError,
)
differs(
    "mask of `drop_out` at rate 0.5",
    lambda: np.unique(model.drop_out(KEY, ONES, 0.5)[1]),
    lambda: np.unique(ops.dropout(KEY, ONES, 0.5)[1]),
    [0, 1],
)


def dropped(output, mask):
    return np.asarray(output)[np.asarray(mask) == 0][:3]


differs(
    "`drop_out` of NaN, where dropped",
    lambda: dropped(*model.drop_out(KEY, np.nan * ONES, 0.5)),
    lambda: dropped(*ops.dropout(KEY, np.nan * ONES, 0.5)),
    [0, 0, 0],
)
differs(
    "`drop_out` at rate -1; at rate 1.5",
    tuple(
        lambda rate=rate: model.drop_out(KEY, ONES, rate)[0].max() for rate in (-1, 1.5)
    ),
    tuple(lambda rate=rate: ops.dropout(KEY, ONES, rate) for rate in (-1.0, 1.5)),
    (ValueError, ValueError),
)
MANY = jnp.ones(2**22)


def largest_of_theirs(rate):
    return lambda: model.drop_out(jax.random.PRNGKey(4), MANY, rate)[0].max()


differs(
    "`drop_out` at rate 1",
    (largest_of_theirs(1.0), largest_of_theirs(jnp.ones(()))),
    (
        lambda: ops.dropout(jax.random.PRNGKey(4), MANY, 1.0),
        jax.jit(
            lambda: ops.dropout(jax.random.PRNGKey(4), MANY, jnp.ones(()))[0].max()
        ),
    ),
    (ValueError, 0),
)
RAGGED = [f32([1]), f32([2, 3])]
differs(
    "`tensorstats` of arrays of unlike shapes, of 3.0 or of [1.0, 2.0]",
    tuple(lambda x=x: model.tensorstats(x) for x in (RAGGED, 3.0, [1.0, 2.0])),
    tuple(lambda x=x: ops.tensor_stats(x).mean for x in (RAGGED, 3.0, [1.0, 2.0])),
    (2, 3, 1.5),
)
differs(
    "`tensorstats` of float16, 100,000 times 10",
    lambda: model.tensorstats(jnp.full(100_000, 10, "float16"))["std"],
    lambda: ops.tensor_stats(jnp.full(100_000, 10, "float16")).std,
    0,
)
differs(
    "`tensorstats` of bfloat16, 1,000 times 1",
    lambda: [model.tensorstats(bf16(np.ones(1000)))[name] for name in ("mean", "std")],
    lambda: [
        getattr(ops.tensor_stats(bf16(np.ones(1000))), n) for n in ("mean", "std")
    ],
    (1, 0),
)
differs(
    "`tensorstats` of int8 [-128, 5]",
    lambda: model.tensorstats(jnp.array([-128, 5], "int8"))["mag"],
    lambda: ops.tensor_stats(jnp.array([-128, 5], "int8")).magnitude,
    128,
)
HIDDEN = Tanh()
differs(
    "`pull_equations` of a model with an equation",
    lambda: model.pull_equations(types.SimpleNamespace(components={"hidden": HIDDEN})),
    lambda: ops.equations({"hidden": HIDDEN}).text,
    rf"['hidden']: {HIDDEN.equation}",
)
differs(
    "`create_block_matrix` off the diagonal of a block, by default",
    lambda: model.create_block_matrix(jnp.ones((1, 1)), (2, 2))[0, 1],
    lambda: ops.block_matrix(jnp.ones((1, 1)), (2, 2))[0, 1],
    -1,
)
differs(
    "`sample_values_by_group` of [-3, 1, -1, 2], 2 groups",
    lambda: model.sample_values_by_group(KEY, f32([[-3, 1, -1, 2]]), 2)[0],
    lambda: ops.sample_values_by_group(KEY, f32([-3, 1, -1, 2]), 2),
    [0, 1, 0, 1],
)
differs(
    "`group_mean` with an empty mask",
    lambda: model.group_mean(f32([[1, 3]]), f32([[1, 1], [0, 0]]))[0],
    lambda: ops.group_mean(f32([1, 3]), f32([[1, 1], [0, 0]])),
    [2, 2],
)
differs(
    "`decompose_to_mps` with bond dimension 0; -1",
    tuple(
        lambda b=b: ref.matrix_utils.decompose_to_mps(MATRIX, b)[0].shape[-1]
        for b in (0, -1)
    ),
    tuple(lambda b=b: ops.decompose_to_mps(MATRIX, b) for b in (0, -1)),
    (ValueError, ValueError),
)


def gradient_at_zeros(decompose):
    return lambda: jax.grad(lambda w: decompose(w)[0].sum())(jnp.zeros((2, 2)))


differs(
    "`decompose_to_mps` of bfloat16; gradient at zeros",
    (
        lambda: ref.matrix_utils.decompose_to_mps(bf16(MATRIX))[0].dtype.name,
        gradient_at_zeros(ref.matrix_utils.decompose_to_mps),
    ),
    (
        lambda: ops.decompose_to_mps(bf16(MATRIX))[0].dtype.name,
        gradient_at_zeros(ops.decompose_to_mps),
    ),
    ("bfloat16", [[0, 0], [0, 0]]),
)
HALF = f16(np.eye(2))
differs(
    "float16, bfloat16 or float64 in, many functions",
    lambda: [
        model.binarize(HALF).dtype.name,
        model.one_hot(HALF).dtype.name,
        model.drop_out(KEY, HALF)[0].dtype.name,
    ],
    lambda: [
        ops.binarize(HALF).dtype.name,
        ops.one_hot_argmax(HALF).dtype.name,
        ops.dropout(KEY, HALF)[0].dtype.name,
    ],
    ["float16"] * 3,
)
