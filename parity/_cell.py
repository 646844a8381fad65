"""What a cell of another library is compared by: its currents, and its cost."""

import dataclasses
from typing import Any

import numpy as np


STEPS, BATCH, NEURONS = 200, 4, 16


def drive(scale: float = 1.0) -> np.ndarray:
    """Currents (time, batch, neurons) for a threshold of 1: weak ones; strong ones, of
    several thresholds; negative and positive ones; and multiples of a quarter, which
    meet a threshold exactly, with a time of silence.
    """
    rng = np.random.default_rng(0)
    weak = rng.uniform(0, 0.3, (STEPS, NEURONS))
    strong = rng.uniform(0, 4, (STEPS, NEURONS))
    mixed = rng.normal(0.2, 0.7, (STEPS, NEURONS))
    exact = rng.integers(-2, 5, (STEPS, NEURONS)) / 4
    exact[80:120] = 0
    return scale * np.stack([weak, strong, mixed, exact], axis=1)


# What each spike costs, for the gradients; and from each neuron (row) to each.
COSTS = np.random.default_rng(1).normal(size=(STEPS, BATCH, NEURONS))
WEIGHT = np.random.default_rng(2).normal(size=(NEURONS, NEURONS)) / 8
# Gradients of the input are kept as sums over time with these signs.
SIGNS = np.random.default_rng(3).choice([-1.0, 1.0], (STEPS, BATCH, NEURONS))
# The potentials that are kept, of one neuron in three samples each.
SHOWN = (slice(None), [1, 2, 3], [0, 1, 2])


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a peer, and that cell in ngcx."""

    peer: str
    theirs: str
    ours: str
    parameters: dict[str, Any]
    """What both calls take: floats are constants, arrays are learnt."""
    shown: str = "v"
    """The path of what the peer calls the membrane potential."""
    scale: float = 1.0
    """That of the drive."""
    differing: int = 0
    """How many of the spikes differ."""
    graded: bool = True
    """Whether gradients are compared; only if no spike differs."""
    ungraded: tuple[str, ...] = ()
    """The parameters whose gradients are not."""
    note: str = ""
    """What else is to be known, and why anything differs."""

    @property
    def learnt(self) -> list[str]:
        return [k for k, v in self.parameters.items() if isinstance(v, np.ndarray)]

    @property
    def compared(self) -> list[str]:
        """What has gradients that are compared."""
        if not self.graded or self.differing:
            return []
        return ["x", *(name for name in self.learnt if name not in self.ungraded)]


def learnt(**values: float) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in values.items()}
