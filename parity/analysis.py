import contextlib
import io

import jax
import jax.numpy as jnp
import numpy as np

from ngcx import analysis, density, metrics

from ._entries import differs, equal, f32, ref


dimensions = ref.analysis.effective_dim
KEY = jax.random.PRNGKey(0)
RANDOM = np.random.default_rng(0)
CODES = f32(RANDOM.normal(size=(40, 6)) * [9, 2, 1, 1, 1, 1])
# There are two groups, ten standard deviations apart.
LABELS = jnp.asarray(RANDOM.integers(0, 2, 60), "int32")
ONE_HOT = jax.nn.one_hot(LABELS, 2)
X = f32(RANDOM.normal(size=(60, 3)) + 10 * np.asarray(LABELS)[:, None])
VALUES = f32(RANDOM.normal(size=(60, 2)))
QUERIES = f32(RANDOM.normal(size=(20, 3)) + 5)

equal(dimensions.participation_ratio, analysis.participation_ratio, CODES)
# The reference adds 1e-7 to each share.
equal(dimensions.rankme, analysis.rankme, CODES, within=1e-7 * 6)
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


def their_pairs(batch_size):
    """How often each label is trained with each of five samples, in an epoch."""
    probe = ref.analysis.LinearProbe(KEY, 1, 5, 5, batch_size=batch_size)
    update, pairs = probe.update, np.zeros((5, 5))

    def counted(x, y, dkey):
        pairs[...] += y.T @ x[:, 0]
        return update(x, y, dkey)

    probe.update = counted
    probe.fit((jnp.eye(5), jnp.eye(5)), n_iter=1)
    return pairs


def our_pairs(batch_size):
    """Which label the fit has memorised for each sample."""
    labels = jnp.arange(5)
    probe, _ = analysis.LinearProbe(l1=0.0, l2=0.0).fit(
        KEY, jnp.eye(5), labels, batch_size=batch_size, epochs=300
    )
    return np.eye(5)[probe.predict(jnp.eye(5))].T


def mistaken(pairs):
    """How many samples were trained with the label of another."""
    return np.sum(pairs) - np.trace(pairs)


def left_out(pairs):
    """How many samples were not trained with their labels."""
    return np.count_nonzero(np.diag(pairs) == 0)


differs(
    "5 samples in batches of 3, with a label of another; in batches of 4, left out",
    (lambda: mistaken(their_pairs(3)), lambda: left_out(their_pairs(4))),
    (lambda: mistaken(our_pairs(3)), lambda: left_out(our_pairs(4))),
    (0, 0),
)


def theirs(name="LinearProbe", tokens=1, features=3, **keywords):
    return getattr(ref.analysis, name)(KEY, tokens, features, 2, **keywords)


def fitted(x=X, **keywords):
    return analysis.LinearProbe().fit(KEY, x, LABELS, epochs=2, **keywords)


differs(
    "`predict` of 50 rows in batches of 8",
    lambda: len(theirs().predict(X[:50], batch_size=8)),
    lambda: len(fitted(batch_size=8)[0].predict(X[:50])),
    50,
)
differs(
    "`fit` in batches of more than twice the data; `predict` in such batches",
    (
        lambda: theirs(batch_size=121).fit((X, ONE_HOT)),
        lambda: len(theirs(batch_size=121).predict(X)),
    ),
    (
        lambda: fitted(batch_size=121)[1].epochs,
        lambda: len(fitted(batch_size=121)[0].predict(X)),
    ),
    (2, 60),
)
# These labels are the wrong way round: the better a probe is, the fewer it finds.
CLOSE = f32(RANDOM.normal(size=(60, 3)) + np.asarray(LABELS)[:, None])


def their_loss_of_accuracy():
    probe = theirs(batch_size=20, use_softmax=True, dev_batch_size=20)
    held_out = CLOSE, 1 - ONE_HOT
    best = probe.fit((CLOSE, ONE_HOT), held_out, n_iter=60, patience=60)
    return best - metrics.accuracy(probe.predict(CLOSE), 1 - LABELS)


def our_loss_of_accuracy():
    probe, result = analysis.LinearProbe().fit(
        KEY,
        CLOSE,
        LABELS,
        validation=(CLOSE, 1 - LABELS),
        batch_size=20,
        epochs=60,
        patience=60,
    )
    assert result.score[-1] < result.score.max()
    return result.score.max() - metrics.accuracy(probe(CLOSE), 1 - LABELS)


differs(
    "accuracy of the best epoch, less that of the fitted probe, in validation",
    their_loss_of_accuracy,
    our_loss_of_accuracy,
    0,
)


def effect(weights, penalised):
    return "nothing" if jnp.array_equal(weights, penalised) else "something"


def their_weights(decay):
    probe = theirs(batch_size=20)
    probe.l1_decay = probe.l2_decay = decay
    probe.fit((X, ONE_HOT), n_iter=2)
    return probe.probe_params[2]


def our_weights(decay):
    probe = analysis.LinearProbe("regression", l1=decay, l2=decay)
    return probe.fit(KEY, X, ONE_HOT, epochs=2)[0].network.linear.weight


differs(
    "what the elastic net of `LinearProbe` does",
    lambda: effect(their_weights(0.0), their_weights(1e6)),
    lambda: effect(our_weights(0.0), our_weights(1e6)),
    "something",
)


def zero_if_finite(x):
    """0 if all numbers are finite, NaN otherwise."""
    return jnp.sum(0 * x)


differs(
    "loss of `LinearProbe` with logits of 1e4",
    lambda: zero_if_finite(
        theirs(batch_size=20, use_softmax=True).update(1e4 * QUERIES, ONE_HOT[:20])[0]
    ),
    lambda: zero_if_finite(fitted(1e4 * X)[1].loss),
    0,
)
TOKENS = jnp.stack([X, -X], 1)


def attentive():
    return analysis.AttentiveProbe().fit(
        KEY, (TOKENS, jnp.ones((60, 2), bool)), LABELS, batch_size=20, epochs=1
    )


differs(
    "`AttentiveProbe.predict` of as many rows as were in a batch of `fit`",
    lambda: len(theirs("AttentiveProbe", 2, batch_size=20).predict(TOKENS[:20])),
    lambda: len(attentive()[0].predict(TOKENS[:20])),
    20,
)


def their_masked():
    probe = theirs("AttentiveProbe", 2)
    probe.dev_mask = np.ones((1, 1, 2), bool)
    return probe.process(TOKENS[:1])


differs(
    "attention to a row that is masked altogether",
    lambda: zero_if_finite(their_masked()),
    lambda: zero_if_finite(attentive()[0]((TOKENS[:1], jnp.zeros((1, 2), bool)))),
    0,
)
differs(
    "accuracy after `KNNProbe.fit`",
    lambda: theirs("KNNProbe").fit((X, ONE_HOT)),
    lambda: analysis.KNNProbe().fit(KEY, X, LABELS)[0].score(X, LABELS),
    1,
)
differs(
    "an unknown distance of `KNNProbe`",
    lambda: their_neighbors(QUERIES, VALUES, distance_function=("hamming", 2)),
    lambda: analysis.KNNProbe(metric="hamming"),
    TypeError,
)
MANY = 50_000


def distances_at_once(f):
    """How many arrays of all distances a program holds at the same time."""
    samples = jax.ShapeDtypeStruct((MANY, 64), "float32")
    labels = jax.ShapeDtypeStruct((MANY, 2), "float32")
    used = jax.jit(f).lower(samples, samples, labels).compile().memory_analysis()
    return used.temp_size_in_bytes // (4 * MANY**2)


def their_many(queries, x, y):
    probe = theirs("KNNProbe", features=64)
    probe.update(x, y)
    return probe.process(queries)


differs(
    "all distances at once, of 50,000 queries and 50,000 samples of `KNNProbe`",
    lambda: distances_at_once(their_many),
    lambda: distances_at_once(
        lambda queries, x, y: analysis.KNNProbe().fit(KEY, x, y)[0](queries)
    ),
    0,
)
differs(
    "participation ratio of constant codes, NaN wanted",
    lambda: dimensions.participation_ratio(jnp.ones((5, 3)), True),
    lambda: analysis.participation_ratio(jnp.ones((5, 3)), degenerate=jnp.nan),
    np.nan,
)
differs(
    "gradient of `participation_ratio` at zeros",
    lambda: jax.grad(dimensions.participation_ratio)(jnp.zeros((5, 3))),
    lambda: jax.grad(analysis.participation_ratio)(jnp.zeros((5, 3))),
    np.zeros((5, 3)),
)
differs(
    "`rankme` of 1e-8 times the identity, 4 × 4",
    lambda: dimensions.rankme(1e-8 * jnp.eye(4)),
    lambda: analysis.rankme(1e-8 * jnp.eye(4)),
    4,
)
GAUSSIAN = f32(np.random.default_rng(0).normal(size=(60, 50)))
SINGULAR = np.linalg.svd(GAUSSIAN - np.mean(GAUSSIAN, 0, float), compute_uv=False)
differs(
    "`stable_rank` of a Gaussian matrix, 60 × 50",
    lambda: dimensions.stable_rank(GAUSSIAN),
    lambda: analysis.stable_rank(GAUSSIAN),
    np.sum(SINGULAR**2) / SINGULAR[0] ** 2,
)


def printed(f):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        f()
    return "something" if output.getvalue() else "nothing"


def their_mixture():
    made = ref.density.GaussianMixture(1, key=KEY)
    made.init(X)
    made.fit(X)


differs(
    "what `fit` of a probe prints; of a mixture",
    (
        lambda: printed(lambda: theirs(batch_size=20).fit((X, ONE_HOT), n_iter=2)),
        lambda: printed(their_mixture),
    ),
    (
        lambda: printed(fitted),
        lambda: printed(lambda: density.GaussianMixture.fit(KEY, X, 1)),
    ),
    ("nothing", "nothing"),
)
