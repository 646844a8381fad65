"""What the scripts have in common: handwritten digits, and options that are checked."""

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray
from matplotlib.figure import Figure
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

    def __init__(self, doc: str | None, default: str):
        super().__init__(
            description=(doc or "").splitlines()[0],
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        self.add_argument(
            "--picture", type=picture, default=default, help="where to draw"
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
    """A path that can be written, which is found out before the training, and without
    writing anything.
    """
    path = Path(text)
    if path.is_dir():
        problem = "it is a folder"
    elif not path.parent.is_dir():
        problem = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        problem = "permission denied"
    else:
        return path
    raise argparse.ArgumentTypeError(f"{path} cannot be written: {problem}")


def picture(text: str) -> Path:
    """A path where a picture can be drawn."""
    path = Path(text)
    if path.is_dir() or not path.suffix:
        problem = "it needs a name such as picture.png"
    else:
        problem = problem_of_format(writable(text).suffix[1:])
    if problem:
        raise argparse.ArgumentTypeError(f"{path} cannot be written: {problem}")
    return path


def problem_of_format(name: str) -> str | None:
    """Why no picture of this format can be made, if none can; one is, in memory."""
    try:
        Figure(figsize=(1, 1)).savefig(io.BytesIO(), format=name)
    except Exception as error:
        return str(error).partition("\n")[0]


def until_interrupted(script: Callable[[], Any]) -> None:
    """Runs a script until its end, or until Ctrl-C, which one line says."""
    try:
        script()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)  # as the shell says of what SIGINT has ended
