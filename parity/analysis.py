import jax
import jax.numpy as jnp
import numpy as np

from ngcx import analysis, metrics

from ._entries import equal, f32, ref


dimensions = ref.analysis.effective_dim
KEY = jax.random.PRNGKey(0)
RANDOM = np.random.default_rng(0)
CODES = f32(RANDOM.normal(size=(40, 6)) * [9, 2, 1, 1, 1, 1])
# Two groups, ten standard deviations apart.
LABELS = jnp.asarray(RANDOM.integers(0, 2, 60), "int32")
ONE_HOT = jax.nn.one_hot(LABELS, 2)
X = f32(RANDOM.normal(size=(60, 3)) + 10 * np.asarray(LABELS)[:, None])
VALUES = f32(RANDOM.normal(size=(60, 2)))
QUERIES = f32(RANDOM.normal(size=(20, 3)) + 5)

equal(dimensions.participation_ratio, analysis.participation_ratio, CODES)
equal(dimensions.rankme, analysis.rankme, CODES, within=1e-7 * 6)  # they add 1e-7
# Their ten power steps are enough where one direction dominates.
equal(dimensions.stable_rank, analysis.stable_rank, CODES)


def their_neighbors(queries, targets, **keywords):
    probe = ref.analysis.KNNProbe(KEY, 1, 3, 2, num_neighbors=3, **keywords)
    probe.update(X, targets)
    return probe.process(queries)


for name, metric in {
    "euclidean": {},
    "manhattan": {"p": 1},
    "chebyshev": {"metric": "chebyshev"},
    "cosine": {"metric": "cosine"},
}.items():
    equal(
        lambda q, name=name: their_neighbors(
            q, VALUES, distance_function=(name, 2), predictor_type="regressor"
        ),
        lambda q, metric=metric: analysis.KNNProbe(3, task="regression", **metric).fit(
            KEY, X, VALUES
        )[0](q),
        QUERIES,
    )
equal(
    lambda q: jnp.argmax(their_neighbors(q, ONE_HOT), 1),
    lambda q: analysis.KNNProbe(3).fit(KEY, X, LABELS)[0].predict(q),
    QUERIES,
)
equal(
    lambda x: ref.analysis.KMeansProbe(KEY, 1, 3, 2).fit((x, ONE_HOT)),
    lambda x: analysis.KMeansProbe(2).fit(KEY, x, LABELS)[1].score,
    X,
)


# What is learned depends on the start; that it separates the groups does not.
def their_accuracy(name, x, **keywords):
    probe = getattr(ref.analysis, name)(
        KEY, source_seq_length=1, input_dim=3, out_dim=2, batch_size=20, **keywords
    )
    return probe.fit((x[:, None], ONE_HOT), n_iter=200, patience=200)


def our_accuracy(probe, x):
    fitted, _ = probe.fit(KEY, x, LABELS, batch_size=20, epochs=200)
    return metrics.accuracy(fitted(x), LABELS)


equal(
    lambda x: their_accuracy("LinearProbe", x, use_softmax=True),
    lambda x: our_accuracy(analysis.LinearProbe(), x),
    X - 5,
)
equal(
    lambda x: their_accuracy("AttentiveProbe", x, dropout=0.0),
    lambda x: our_accuracy(analysis.AttentiveProbe(dropout=0.0), x[:, None]),
    X - 5,
)
