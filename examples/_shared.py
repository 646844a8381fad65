"""What the scripts have in common: handwritten digits, and options that are checked."""

import argparse
from pathlib import Path
from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray
from sklearn.datasets import load_digits


def digits(key: PRNGKeyArray) -> tuple[dict, dict]:
    """Images in [0, 1] and their labels, split 4:1 into train and test."""
    bunch: Any = load_digits()
    order = np.asarray(jr.permutation(key, len(bunch.target)))
    images = (bunch.data[order] / 16).astype(np.float32)
    labels = bunch.target[order].astype(np.int32)
    cut = len(labels) * 4 // 5
    return (
        {"image": images[:cut], "label": labels[:cut]},
        {"image": images[cut:], "label": labels[cut:]},
    )


class Parser(argparse.ArgumentParser):
    """Reads the options of the script with this docstring, such as where to draw."""

    def __init__(self, doc: str | None, picture: str):
        super().__init__(
            description=(doc or "").splitlines()[0],
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        self.add_argument(
            "--picture", type=writable, default=picture, help="where to draw"
        )

    def error(self, message: str):
        """Says what is wrong in one line, without the usage."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer; got {text}")
    return value


def rate(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number; got {text}")
    return value


def writable(text: str) -> Path:
    """A path that can be written, which is found out before the training."""
    path = Path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"cannot be written: {error.strerror}: {path}"
        ) from error
    return path
