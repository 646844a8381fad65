"""Analysis: probes of representations, and measures of their dimension."""

from ._attentive import AttentiveProbe as AttentiveProbe
from ._base import AbstractProbe as AbstractProbe
from ._dimension import (
    participation_ratio as participation_ratio,
    rankme as rankme,
    stable_rank as stable_rank,
)
from ._k_means import KMeansProbe as KMeansProbe, KMeansResult as KMeansResult
from ._knn import KNNProbe as KNNProbe
from ._linear import LinearProbe as LinearProbe
from ._training import (
    AbstractTrainedProbe as AbstractTrainedProbe,
    TrainingResult as TrainingResult,
)
