"""Metrics: scores of predictions, and measurements of neural activity."""

from ._classification import (
    accuracy as accuracy,
    categorical_nll as categorical_nll,
)
from ._spikes import firing_rate as firing_rate
