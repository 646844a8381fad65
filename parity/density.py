import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats

from ngcx import density

from ._entries import differs, equal, f32, ref


theirs = ref.density
RANDOM = np.random.default_rng(0)
WEIGHTS = f32([0.3, 0.7])
X = f32(RANDOM.normal(size=(20, 3)))
BITS = f32(RANDOM.integers(0, 2, (20, 3)))
POSITIVE = f32(RANDOM.exponential(size=(20, 3)))
MEANS = f32(RANDOM.normal(size=(2, 3)))
COVARIANCES = f32([np.eye(3), np.diag([1.0, 2.0, 0.5]) + 0.1])
PROBABILITIES = f32(RANDOM.uniform(0.2, 0.8, (2, 3)))
RATES = f32(RANDOM.uniform(0.5, 2, (1, 3)))


def mixture(name, weights, **parameters):
    """One of their mixtures, with given parameters: a list with a row for each
    component.
    """
    made = getattr(theirs, name)(len(weights))
    made.pi = weights[None]
    for parameter, values in parameters.items():
        setattr(made, parameter, values)
    return made


# Their likelihoods are not kept as logarithms, so the rows are near the components.
equal(
    lambda x: mixture(
        "GaussianMixture", WEIGHTS, mu=[m[None] for m in MEANS], Sigma=[*COVARIANCES]
    ).calc_log_likelihood(x)[0][:, 0],
    lambda x: density.GaussianMixture.from_parameters(
        WEIGHTS, MEANS, COVARIANCES
    ).log_prob(x),
    X,
)
equal(
    lambda x: mixture(
        "BernoulliMixture", WEIGHTS, mu=[p[None] for p in PROBABILITIES]
    ).calc_log_likelihood(x)[0][:, 0],
    lambda x: density.BernoulliMixture.from_parameters(WEIGHTS, PROBABILITIES).log_prob(
        x
    ),
    BITS,
)
# There is a single component, because of several they return another number.
equal(
    lambda x: mixture(
        "ExponentialMixture", jnp.ones(1), rate=[RATES]
    ).calc_log_likelihood(x)[0][:, 0],
    lambda x: density.ExponentialMixture.from_parameters(jnp.ones(1), RATES).log_prob(
        x
    ),
    POSITIVE,
)
equal(
    lambda x: mixture("ExponentialMixture", jnp.ones(1), rate=[RATES]).update(x)[2],
    lambda x: (
        density.ExponentialMixture.from_parameters(jnp.ones(1), RATES)
        .em_step(x)[0]
        .components.rates
    ),
    POSITIVE,
)

ONE = jnp.ones(1)
ORIGIN = jnp.zeros((1, 2))
KEY = jax.random.key(0)


def their_normals(means, covariance=jnp.eye(2)):
    """A mixture of equal weights and covariances."""
    count = len(means)
    weights, covariances = jnp.full(count, 1 / count), [covariance] * count
    return mixture(
        "GaussianMixture", weights, mu=[*means[:, None]], Sigma=covariances, key=KEY
    )


def our_normals(means, covariance=jnp.eye(2)):
    count = len(means)
    return density.GaussianMixture.from_parameters(
        jnp.full(count, 1 / count), means, jnp.stack([covariance] * count)
    )


differs(
    "mean of a Gaussian, and of a Bernoulli, mixture of one component",
    (
        lambda: their_normals(ORIGIN).update(POSITIVE[:, :2])[2][0],
        lambda: mixture("BernoulliMixture", ONE, mu=[PROBABILITIES[:1]]).update(BITS)[
            2
        ][0],
    ),
    (
        lambda: our_normals(ORIGIN).em_step(POSITIVE[:, :2])[0].components.means[0],
        lambda: (
            density.BernoulliMixture.from_parameters(ONE, PROBABILITIES[:1])
            .em_step(BITS)[0]
            .components.probabilities[0]
        ),
    ),
    (np.mean(POSITIVE[:, :2], 0, float), np.mean(BITS, 0, float)),
)
CLUSTERS = f32(RANDOM.normal([[-5.0]] * 20 + [[5.0]] * 20, 0.5, (40, 2)))
CENTERS = np.asarray(CLUSTERS, float).reshape(2, 20, 2).mean(1)
START = CLUSTERS[:2]  # Both rows are of the same cluster.


def our_centers():
    means = our_normals(START).fit_more(CLUSTERS)[0].components.means
    return means[jnp.argsort(means[:, 0])]


differs(
    "two clusters at ±5 with deviation ½, from a start in one of them",
    lambda: their_normals(START).update(CLUSTERS)[2],
    our_centers,
    CENTERS,
    within=1e-3,  # This is the tolerance of the fit.
)
FAR = jnp.full((1, 2), 100.0)
differs(
    "log-likelihood of (100, 100) under N(0, I)",
    lambda: their_normals(ORIGIN).calc_log_likelihood(FAR)[0][:, 0],
    lambda: our_normals(ORIGIN).log_prob(FAR),
    [-1e4 - np.log(2 * np.pi)],
)
COIN = jnp.full((1, 784), 0.5)
HEADS = jnp.ones((1, 784))


def their_coins():
    made = mixture("BernoulliMixture", WEIGHTS, mu=[COIN, COIN])
    return made.calc_log_likelihood(HEADS)[0][:, 0], made.update(HEADS)[0]


def our_coins():
    made = density.BernoulliMixture.from_parameters(WEIGHTS, jnp.repeat(COIN, 2, 0))
    return made.log_prob(HEADS), made.responsibilities(HEADS)


differs(
    "784 tosses under two fair coins: log-likelihood; responsibilities",
    their_coins,
    our_coins,
    ([-784 * np.log(2)], [[0.3, 0.7]]),
    # Each of the logarithms is rounded.
    within=784 * float(jnp.finfo("float32").eps),
)
ZEROS = jnp.zeros((20, 2))


def zero_if_finite(x):
    """0 if all numbers are finite, NaN otherwise."""
    return jnp.sum(0 * x)


def their_log_prob(name, x):
    made = getattr(theirs, name)(1, key=KEY)
    made.init(x)
    made.fit(x)
    return made.calc_log_likelihood(x)[0]


differs(
    "log-likelihood of zeros that a Gaussian, or an exponential, mixture was fitted to",
    tuple(
        lambda name=name: zero_if_finite(their_log_prob(name, ZEROS))
        for name in ("GaussianMixture", "ExponentialMixture")
    ),
    tuple(
        lambda made=made: zero_if_finite(made.fit(KEY, ZEROS, 1)[0].log_prob(ZEROS))
        for made in (density.GaussianMixture, density.ExponentialMixture)
    ),
    (0, 0),
)
CORRELATED = f32([[4, 1.9], [1.9, 1]])


def covariance(samples):
    return np.cov(np.asarray(samples, float).T)


differs(
    "samples of covariance [[4, 1.9], [1.9, 1]]",
    lambda: covariance(their_normals(ORIGIN, CORRELATED).sample(50_000)),
    lambda: covariance(our_normals(ORIGIN, CORRELATED).sample(KEY, 50_000)[0]),
    np.asarray(CORRELATED, float),
    # The largest variance, 4, deviates most.
    within=5 * np.sqrt(2 * 4**2 / 50_000),
)


def changes(samples):
    """How often a sample is from another component than the one before."""
    return np.count_nonzero(np.diff(np.asarray(samples)[:, 0] > 0))


APART = f32([[-9, 0], [9, 0]])
differs(
    "changes of component in 1,001 samples of two equal ones",
    lambda: changes(their_normals(APART).sample(1001)),
    lambda: changes(our_normals(APART).sample(KEY, 1001)[0]),
    500,
    within=5 * np.sqrt(1000 / 4),
)


def their_components():
    """How many different ones there are at the start."""
    made = theirs.GaussianMixture(5, key=KEY)
    made.init(X[:3])
    return len(np.unique(np.concatenate(made.mu), axis=0))


differs(
    "`fit` before `init`; `sample` before that; 5 components for 3 rows",
    (
        lambda: theirs.GaussianMixture(1, key=KEY).fit(POSITIVE),
        lambda: theirs.GaussianMixture(1, key=KEY).sample(2),
        their_components,
    ),
    (
        lambda: density.GaussianMixture.fit(KEY, POSITIVE, 1)[0].components.means[0],
        lambda: density.GaussianMixture.sample(KEY, 2),  # pyright: ignore[reportAttributeAccessIssue]
        lambda: density.GaussianMixture.fit(KEY, X[:3], 5),
    ),
    (np.mean(POSITIVE, 0, float), AttributeError, ValueError),
)
differs(
    "log-likelihood of a 1 under a Bernoulli of probability 1",
    lambda: mixture("BernoulliMixture", ONE, mu=[ONE[None]]).calc_log_likelihood(
        ONE[None]
    )[0][0],
    lambda: density.BernoulliMixture.from_parameters(ONE, ONE[None]).log_prob(
        ONE[None]
    ),
    [0],
)
FAST = f32([[4]])
differs(
    "mean of 50,000 samples of an exponential of rate 4",
    lambda: (
        mixture("ExponentialMixture", ONE, rate=[FAST], key=KEY).sample(50_000).mean()
    ),
    lambda: (
        density.ExponentialMixture.from_parameters(ONE, FAST)
        .sample(KEY, 50_000)[0]
        .mean()
    ),
    1 / 4,
    within=5 / 4 / np.sqrt(50_000),
)
TWO_RATES = f32(RANDOM.uniform(0.5, 2, (2, 3)))


def exponential_log_prob(x, weights, rates):
    """The oracle, in float64."""
    x, weights, rates = (np.asarray(a, float) for a in (x, weights, rates))
    each = scipy.stats.expon.logpdf(x[:, None], scale=1 / rates).sum(-1)
    return scipy.special.logsumexp(each, axis=1, b=weights)


differs(
    "log-likelihood of an exponential mixture",
    lambda: mixture(
        "ExponentialMixture", WEIGHTS, rate=[*TWO_RATES[:, None]]
    ).calc_log_likelihood(POSITIVE)[0][:, 0],
    lambda: density.ExponentialMixture.from_parameters(WEIGHTS, TWO_RATES).log_prob(
        POSITIVE
    ),
    exponential_log_prob(POSITIVE, WEIGHTS, TWO_RATES),
)
EDGES = f32([[1e4], [-1]])
RATE_ONE = jnp.ones((2, 1))
differs(
    "log-likelihood of 1e4, and of -1, under two exponentials of rate 1",
    lambda: mixture(
        "ExponentialMixture", WEIGHTS, rate=[*RATE_ONE[:, None]]
    ).calc_log_likelihood(EDGES)[0][:, 0],
    lambda: density.ExponentialMixture.from_parameters(WEIGHTS, RATE_ONE).log_prob(
        EDGES
    ),
    exponential_log_prob(EDGES, WEIGHTS, RATE_ONE),
)
