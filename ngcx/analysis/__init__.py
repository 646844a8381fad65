"""Analysis: probes of representations, and measures of their dimension."""

from ._attentive import AttentiveProbe as AttentiveProbe
from ._base import AbstractProbe as AbstractProbe
from ._linear import LinearProbe as LinearProbe
from ._training import (
    AbstractTrainedProbe as AbstractTrainedProbe,
    TrainingResult as TrainingResult,
)
