import jax
import jax.numpy as jnp
import numpy as np

from ngcx import init

from ._entries import differs, equal, ref


theirs = ref.distribution_generator.DistributionGenerator
KEY = jax.random.PRNGKey(0)
SHAPE = (300, 400)
SIZE = SHAPE[0] * SHAPE[1]
SQUARE = (3, 3)


def standardized(weights, mean, std):
    """The mean and variance, in units of five times the deviation that a draw has.

    The variance of a sample of anything up to a normal distribution deviates by
    `sqrt(2 / n)` of itself.
    """
    weights = np.asarray(weights, float)
    return [
        (weights.mean() - mean) / (5 * std / np.sqrt(SIZE)),
        (weights.var() / std**2 - 1) / (5 * np.sqrt(2 / SIZE)),
    ]


for theirs_, ours, mean, std in (
    (
        lambda **p: theirs.uniform(-1.0, 3.0, **p),
        init.Uniform(-1.0, 3.0),
        1,
        4 / 12**0.5,
    ),
    (lambda **p: theirs.gaussian(2.0, 0.5, **p), init.Gaussian(2.0, 0.5), 2, 0.5),
    # The reference takes the second axis for the uniform law, the first for the other.
    (
        lambda **p: theirs.fan_in_uniform(**p),
        init.FanInUniform(in_axis=-1, out_axis=-2),
        0,
        1 / (3 * SHAPE[1]) ** 0.5,
    ),
    (
        lambda **p: theirs.fan_in_gaussian(**p),
        init.FanInGaussian(),
        0,
        1 / SHAPE[0] ** 0.5,
    ),
):
    equal(
        lambda f=theirs_, m=mean, s=std: standardized(f()(SHAPE, KEY), m, s),
        lambda f=ours, m=mean, s=std: standardized(f(KEY, SHAPE), m, s),
        within=2,
    )
    equal(
        lambda f=theirs_, m=mean, s=std: standardized(
            f(use_numpy=True)(SHAPE, 0), m, s
        ),
        lambda f=ours, m=mean, s=std: standardized(f.numpy(0, SHAPE), m, s),
        within=2,
    )
equal(
    lambda: standardized(
        np.log(theirs.log_gaussian(0.5, use_numpy=True)(SHAPE, 0)), 0, 0.5
    ),
    lambda: standardized(np.log(init.LogGaussian(0.5).numpy(0, SHAPE)), 0, 0.5),
    within=2,
)
equal(
    lambda: theirs.constant(2.5)(SQUARE, KEY),
    lambda: init.Constant(2.5)(KEY, SQUARE),
)
equal(
    lambda: theirs.diag_offdiag(1.0, -0.5)(SQUARE, KEY),
    lambda: init.DiagOffDiag(1.0, -0.5)(KEY, SQUARE),
)
COUNTING = init.DiagOffDiag(-2.0, 3.0)
for keywords, constraint in (
    ({"amin": 0.5, "amax": 2.0}, init.Clip(0.5, 2.0)),
    ({"lower_triangle": True}, init.LowerTriangle()),
    ({"upper_triangle": True}, init.UpperTriangle()),
    ({"hollow": True}, init.Hollow()),
    ({"eye": True}, init.Eye()),
):
    equal(
        lambda k=keywords: theirs.diag_offdiag(-2.0, 3.0, **k)(SQUARE, KEY),
        lambda c=constraint: COUNTING.constrain(c)(KEY, SQUARE),
    )
# Which ones is decided by chance, how many is not.
equal(
    lambda: jnp.sort(theirs.constant(1.0, col_mask=2)((3, 5), KEY).sum(0)),
    lambda: jnp.sort(
        init.Constant(1.0).constrain(init.ColumnMask(2))(KEY, (3, 5)).sum(0)
    ),
)
equal(
    lambda: theirs.constant(1.0, col_mask=[0, 3], use_numpy=True)((3, 5), 0),
    lambda: init.Constant(1.0).constrain(init.ColumnMask([0, 3])).numpy(0, (3, 5)),
)


def bound(weights):
    """The limit of a uniform law; its largest of 1,000 is 1 % below, or less."""
    return np.abs(weights).max()


TALL = (1000, 10)
differs(
    "fan-in of (1000, 10)",
    (
        lambda: bound(theirs.fan_in_uniform()(TALL, KEY)) ** -2,
        lambda: np.var(theirs.fan_in_gaussian()(TALL, KEY)) ** -1,
    ),
    (
        lambda: bound(init.FanInUniform()(KEY, TALL)) ** -2,
        lambda: np.var(init.FanInGaussian()(KEY, TALL)) ** -1,
    ),
    (1000, 1000),
    within=1000 * 5 * np.sqrt(2 / 10_000),
)
differs(
    "`lower_triangle` and `upper_triangle` at once",
    lambda: theirs.constant(1.0, lower_triangle=True, upper_triangle=True)(SQUARE, KEY),
    lambda: init.Constant(1.0).constrain(init.LowerTriangle(), init.UpperTriangle()),
    ValueError,
)
differs(
    "`col_mask=[0, 3]` with JAX",
    lambda: theirs.constant(1.0, col_mask=[0, 3])((2, 4), KEY),
    lambda: init.Constant(1.0).constrain(init.ColumnMask([0, 3]))(KEY, (2, 4)),
    [[1, 0, 0, 1]] * 2,
)
differs(
    "`col_mask` as a numpy array",
    lambda: theirs.constant(1.0, col_mask=np.array([0, 3]))((2, 4), KEY),
    lambda: init.Constant(1.0).constrain(init.ColumnMask(np.array([0, 3])))(
        KEY, (2, 4)
    ),
    [[1, 0, 0, 1]] * 2,
)
differs(
    "`row_mask=1` of (3, 3)",
    lambda: np.sort(theirs.constant(1.0, row_mask=1)(SQUARE, KEY).sum(1)),
    lambda: np.sort(init.Constant(1.0).constrain(init.RowMask(1))(KEY, SQUARE).sum(1)),
    [0, 0, 3],
)
INFINITE = init.Constant(np.inf).constrain(init.Hollow())
differs(
    "`hollow` of a constant infinity",
    lambda: np.diag(theirs.constant(np.inf, hollow=True)(SQUARE, KEY)),
    lambda: np.diag(INFINITE(KEY, SQUARE)),
    [0, 0, 0],
)
differs(
    "`hollow` of (2, 2, 2)",
    lambda: theirs.constant(1.0, hollow=True)((2, 2, 2), KEY),
    lambda: init.Constant(1.0).constrain(init.Hollow())(KEY, (2, 2, 2)),
    [[[0, 1], [1, 0]]] * 2,
)
differs(
    "`hollow` and `eye` in numpy mode, float32",
    tuple(
        lambda k=k: theirs.constant(1.0, use_numpy=True, **k)(SQUARE, 0).dtype.name
        for k in ({"hollow": True}, {"eye": True})
    ),
    tuple(
        lambda c=c: init.Constant(1.0).constrain(c).numpy(0, SQUARE).dtype.name
        for c in (init.Hollow(), init.Eye())
    ),
    ("float32", "float32"),
)
differs(
    "`uniform(1., -1.)`, `gaussian(std=-1)`, `amin=5, amax=1`",
    (
        lambda: theirs.uniform(1.0, -1.0)(SQUARE, KEY),
        lambda: theirs.gaussian(std=-1.0)(SQUARE, KEY),
        lambda: theirs.gaussian(amin=5.0, amax=1.0)(SQUARE, KEY),
    ),
    (
        lambda: init.Uniform(1.0, -1.0),
        lambda: init.Gaussian(std=-1.0),
        lambda: init.Gaussian().constrain(init.Clip(5.0, 1.0)),
    ),
    (ValueError,) * 3,
)
differs(
    "`log_gaussian` with JAX",
    lambda: standardized(np.log(theirs.log_gaussian(0.5)(SHAPE, KEY)), 0, 0.5),
    lambda: standardized(np.log(init.LogGaussian(0.5)(KEY, SHAPE)), 0, 0.5),
    [0, 0],
    within=1,
)
differs(
    "no key",
    lambda: theirs.uniform()(SQUARE),
    lambda: init.Uniform()(shape=SQUARE),  # type: ignore
    TypeError,
)
MANY = 1_000_000
differs(
    "`uniform` in numpy mode, float16, many draws",
    lambda: theirs.uniform(use_numpy=True, dtype=np.float16)((MANY, 1), 0).max(),
    lambda: init.Uniform().numpy(0, (MANY, 1), np.float16).max(),
    1 - 2**-11,  # This is the largest number below 1.
    ulps=0,
)
KERNEL = (3, 3, 8, 16)
differs(
    "fan-in of a kernel (3, 3, 8, 16)",
    lambda: np.var(theirs.fan_in_gaussian()(KERNEL, KEY)) ** -1,
    lambda: np.var(init.FanInGaussian()(KEY, KERNEL)) ** -1,
    72,
    within=72 * 5 * np.sqrt(2 / np.prod(KERNEL)),
)
