import jax.numpy as jnp
import numpy as np

from ngcx import density

from ._entries import equal, f32, ref


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
    """One of theirs with given parameters, a list with a row for each component."""
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
# Of a single component: of several they return another number.
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
        .rates
    ),
    POSITIVE,
)
