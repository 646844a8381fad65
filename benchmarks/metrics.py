"""This makes the report of a classifier for 100,000 rows and 100 classes."""

import jax
import jax.numpy as jnp
import numpy as np
import sklearn.metrics

from ngcx.metrics import classification_report

from ._measure import compare


ROWS, CLASSES = 100_000, 100


def main():
    random = np.random.default_rng(0)
    scores = random.random((ROWS, CLASSES), np.float32)
    labels = random.integers(0, CLASSES, ROWS)
    on_device = jnp.asarray(scores), jnp.asarray(labels)

    def scikit_learn(guesses):
        sklearn.metrics.confusion_matrix(labels, guesses)
        for score in (sklearn.metrics.precision_score, sklearn.metrics.recall_score):
            score(labels, guesses, average="macro", zero_division=0)  # pyright: ignore[reportArgumentType]

    guesses = scores.argmax(1)
    yield compare(
        "Confusion matrix, precision and recall of 100,000 rows and 100 classes",
        {
            "ngcx, from scores": lambda: jax.block_until_ready(
                classification_report(*on_device)
            ),
            "scikit-learn, from scores": lambda: scikit_learn(scores.argmax(1)),
            "scikit-learn, from indices": lambda: scikit_learn(guesses),
        },
        rounds=15,
    )
