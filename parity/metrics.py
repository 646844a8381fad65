import jax
import jax.numpy as jnp
import numpy as np

from ngcx import metrics

from ._entries import differs, equal, f16, f32, ref


theirs = ref.metric_utils
RANDOM = np.random.default_rng(0)
TARGETS = f32(RANDOM.normal(size=(8, 5)))
PREDICTIONS = f32(RANDOM.normal(size=(8, 5)))
PROBABILITIES = f32(RANDOM.dirichlet(np.ones(5), 8))
MORE_PROBABILITIES = f32(RANDOM.dirichlet(np.ones(5), 8))
BITS = f32(RANDOM.integers(0, 2, (8, 5)))
SPIKES = f32(RANDOM.integers(0, 2, (40, 5)))
LABELS = jnp.asarray(RANDOM.integers(0, 4, 40), "int32")
CLUSTERS = jnp.asarray(RANDOM.integers(0, 3, 40), "int32")
CLASSES = jax.nn.one_hot(RANDOM.integers(0, 5, 8), 5)

for name, ours in {
    "measure_MSE": metrics.mean_squared_error,
    "measure_MAE": metrics.mean_absolute_error,
}.items():
    equal(
        getattr(theirs, name),
        lambda a, b, ours=ours: ours(a, b, feature_reduction="sum"),
        PREDICTIONS,
        TARGETS,
    )
equal(
    theirs.measure_RMSE,
    lambda a, b: jnp.sqrt(metrics.mean_squared_error(a, b, feature_reduction="sum")),
    PREDICTIONS,
    TARGETS,
)
equal(
    lambda p, x: theirs.measure_BCE(p, x),
    metrics.binary_cross_entropy,
    PROBABILITIES,
    BITS,
    # Their probabilities are cut at 1e-7.
    within=5e-7 / float(PROBABILITIES.min()),
)
equal(theirs.measure_CatNLL, metrics.categorical_nll, PROBABILITIES, CLASSES)
equal(
    lambda p, x: theirs.measure_KLD(p, x, preserve_batch=True)[:, 0] * p.shape[1],
    lambda p, x: metrics.kl_divergence(p, x, reduction="none"),
    PROBABILITIES,
    MORE_PROBABILITIES,
)
IDENTITY = jnp.eye(3)
equal(
    lambda m, a, b: theirs.measure_gaussian_KLD(m[None], a, m[None], b)[0, 0],
    lambda m, a, b: metrics.gaussian_kl_divergence(m, a, m, b),
    jnp.ones(3),
    IDENTITY,
    2 * IDENTITY,
)
equal(
    lambda x: theirs.measure_BIC(x, 3, -50.0),
    lambda x: metrics.bayesian_information_criterion(f32(-50), 3, len(x)),
    jnp.ones((100, 2)),
)
equal(theirs.measure_ACC, metrics.accuracy, PREDICTIONS, CLASSES)


def _their_report(mu, y):
    report = metrics.classification_report(mu, y)
    confusion, precision, recall, *shares = report[:6]
    return confusion, precision.macro, recall.macro, *shares


for name in ("analyze_scores", "analyze_categorization_performance"):
    equal(
        getattr(theirs, name),
        _their_report,
        f32(np.eye(3)[[0, 1, 2, 2, 1, 0]]),
        f32(np.eye(3)[[0, 1, 2, 1, 1, 2]]),
    )
for name, ours in {
    "measure_fanoFactor": metrics.fano_factor,
    "measure_firingRate": metrics.firing_rate,
}.items():
    equal(getattr(theirs, name), ours, SPIKES)
    equal(
        lambda x, f=getattr(theirs, name): f(x, preserve_batch=True)[0],
        lambda x, f=ours: f(x, reduction="none"),
        SPIKES,
    )
equal(
    lambda x: 1 - theirs.measure_sparsity(x, preserve_batch=False),
    metrics.sparsity,
    SPIKES,
)
equal(
    lambda x: theirs.measure_workload_entropy(x)[1],
    metrics.workload_entropy,
    SPIKES,
)
equal(
    theirs.measure_Pearson_correlation,
    metrics.pearson_correlation,
    f32(RANDOM.normal(size=(2, 9, 3))),
    f32(RANDOM.normal(size=(2, 9, 3))),
)
equal(
    lambda x: theirs.measure_gini_index(x, preserve_batch=False),
    metrics.gini_index,
    PROBABILITIES,
    within=5 * 1e-8,  # They add 1e-8 to each entry.
)
# They add 1e-8 to the squared norm, and to the squared variance.
equal(
    theirs.measure_hoyer_sparsity,
    metrics.hoyer_sparsity,
    100 * PROBABILITIES,
    within=1e-8,
)
equal(
    theirs.measure_excess_kurtosis,
    metrics.excess_kurtosis,
    100 * PROBABILITIES,
    within=1e-8,
)
equal(theirs.measure_ARI, metrics.adjusted_rand_index, LABELS, CLUSTERS)
equal(theirs.measure_FMI, metrics.fowlkes_mallows_index, LABELS, CLUSTERS)
equal(theirs.measure_Vmeasure, metrics.v_measure, LABELS, CLUSTERS)

differs(
    "`measure_CatNLL` with integer labels",
    lambda: theirs.measure_CatNLL(f32([[0.2, 0.8], [0.5, 0.5]]), jnp.array([1, 0])),
    lambda: metrics.categorical_nll(f32([[0.2, 0.8], [0.5, 0.5]]), jnp.array([1, 0])),
    -np.log([0.8, 0.5]).mean(),
)
ZEROS, CLASS_0 = jnp.zeros((1, 3)), f32([[1, 0, 0]])
differs(
    "accuracy of a row of equal scores against class 0",
    lambda: theirs.measure_ACC(jnp.full((1, 3), 0.5), CLASS_0),
    lambda: metrics.accuracy(jnp.full((1, 3), 0.5), CLASS_0),
    0,
)
differs(
    "firing rate of 70,000 steps, float16",
    lambda: theirs.measure_firingRate(jnp.ones((70_000, 1), "float16")),
    lambda: metrics.firing_rate(jnp.ones((70_000, 1), "float16")),
    1,
)
ERRORS = np.array([[1.0, 2.0], [3.0, 5.0]])
for row, name, ours, right in (
    (
        "`measure_MSE` of [[1, 2], [3, 5]] and 0",
        "measure_MSE",
        metrics.mean_squared_error,
        (ERRORS**2).mean(),
    ),
    (
        "`measure_RMSE` of the same",
        "measure_RMSE",
        metrics.root_mean_squared_error,
        np.sqrt((ERRORS**2).mean()),
    ),
    (
        "`measure_MAE` of the same",
        "measure_MAE",
        metrics.mean_absolute_error,
        ERRORS.mean(),
    ),
):
    differs(
        row,
        lambda name=name: getattr(theirs, name)(f32(ERRORS), jnp.zeros((2, 2))),
        lambda ours=ours: ours(f32(ERRORS), jnp.zeros((2, 2))),
        right,
    )
differs(
    "gradient of `measure_RMSE` at equal arguments",
    lambda: jax.grad(theirs.measure_RMSE)(jnp.ones((2, 2)), jnp.ones((2, 2))),
    lambda: jax.grad(metrics.root_mean_squared_error)(
        jnp.ones((2, 2)), jnp.ones((2, 2))
    ),
    [[0, 0], [0, 0]],
)
HALVES, QUARTERS = f32([[0.5, 0.5]]), f32([[0.25, 0.75]])
differs(
    "`measure_KLD` of [½, ½] and [¼, ¾]",
    lambda: theirs.measure_KLD(HALVES, QUARTERS),
    lambda: metrics.kl_divergence(HALVES, QUARTERS),
    0.25 * np.log(0.5) + 0.75 * np.log(1.5),
)


def teaches(f):
    """Whether raising the probability of what happened lowers the score."""
    gradient = jax.grad(f)(f32([[0, 1]]), f32([[1, 0]]))
    return "teaches" if gradient[0, 0] < 0 else "silent"


differs(
    "`measure_KLD`, `measure_BCE`, `measure_CatNLL` at the worst prediction",
    (
        lambda: teaches(theirs.measure_KLD),
        lambda: teaches(theirs.measure_BCE),
        lambda: teaches(theirs.measure_CatNLL),
    ),
    (
        lambda: teaches(metrics.kl_divergence),
        lambda: teaches(metrics.binary_cross_entropy),
        lambda: teaches(metrics.categorical_nll),
    ),
    ("teaches",) * 3,
)
differs(
    "`measure_BCE` of [1, 0] and [1, 0], float16",
    lambda: theirs.measure_BCE(f16([[1, 0]]), f16([[1, 0]])),
    lambda: metrics.binary_cross_entropy(f16([[1, 0]]), f16([[1, 0]])),
    0,
)
PLANE = jnp.eye(2)
differs(
    "`measure_gaussian_KLD` of N(0, I) and N((1, 1), I)",
    lambda: theirs.measure_gaussian_KLD(
        jnp.zeros((1, 2)), PLANE, jnp.ones((1, 2)), PLANE
    )[0, 0],
    lambda: metrics.gaussian_kl_divergence(jnp.zeros(2), PLANE, jnp.ones(2), PLANE),
    1,
)
INDEFINITE = f32([[1, 0], [0, -2]])
MEAN = jnp.zeros(2)
differs(
    "the same with diag(1, -2) as the second covariance",
    tuple(
        lambda inverse=inverse: theirs.measure_gaussian_KLD(
            MEAN[None], PLANE, MEAN[None], INDEFINITE, inverse
        )[0, 0]
        for inverse in (True, False)
    ),
    (
        lambda: metrics.gaussian_kl_divergence(MEAN, PLANE, MEAN, INDEFINITE),
        lambda: metrics.gaussian_kl_divergence(MEAN, PLANE, MEAN, INDEFINITE),
    ),
    (np.inf, np.inf),
)
differs(
    "accuracy of no prediction for class 0",
    lambda: theirs.measure_ACC(ZEROS, CLASS_0),
    lambda: metrics.accuracy(ZEROS, CLASS_0),
    0,
)
TWO_OF_THREE = f32(np.eye(3)[[0, 1]])
differs(
    "`analyze_scores` where class 2 of 3 is absent",
    lambda: theirs.analyze_scores(TWO_OF_THREE, TWO_OF_THREE)[0].shape,
    lambda: metrics.classification_report(TWO_OF_THREE, TWO_OF_THREE).confusion.shape,
    (3, 3),
)
differs(
    "precision where every row is a miss",
    lambda: theirs.analyze_scores(ZEROS, CLASS_0)[1],
    lambda: metrics.classification_report(ZEROS, CLASS_0).precision.macro,
    0,
)
ONE_SILENT = f32([[0, 0], [0, 2]])
differs(
    "`measure_fanoFactor` with one silent neuron",
    lambda: theirs.measure_fanoFactor(ONE_SILENT, preserve_batch=True)[0, 0],
    lambda: metrics.fano_factor(ONE_SILENT, reduction="none")[0],
    0,
)
RESPONSES = (f32([[[0], [4]]]), f32([[[0], [0.4]]]))
for name in ("measure_breadth_TC", "measure_breadthOfTuningCurve"):
    differs(
        "`measure_breadth_TC` of responses [0, 4], and of [0, 0.4]",
        tuple(lambda x=x, f=getattr(theirs, name): f(x) for x in RESPONSES),
        tuple(lambda x=x: metrics.breadth_of_tuning_curve(x) for x in RESPONSES),
        (0.5, 0.5),
    )
differs(
    "`measure_sparsity` of [0, 0, 0, 2]",
    lambda: theirs.measure_sparsity(f32([[0, 0, 0, 2]]))[0, 0],
    lambda: metrics.sparsity(f32([0, 0, 0, 2])),
    0.75,
)
differs(
    "errors of (3, 1) and (1, 3)",
    lambda: theirs.measure_MSE(jnp.ones((3, 1)), jnp.ones((1, 3))),
    lambda: metrics.mean_squared_error(jnp.ones((3, 1)), jnp.ones((1, 3))),
    TypeError,
)
