"""Analysis: probes of representations, and measures of their dimension."""

from ._attentive import AttentiveProbe as AttentiveProbe
from ._base import (
    AbstractFittedProbe as AbstractFittedProbe,
    AbstractPredictor as AbstractPredictor,
    AbstractProbe as AbstractProbe,
)
from ._dimension import (
    participation_ratio as participation_ratio,
    rankme as rankme,
    stable_rank as stable_rank,
)
from ._k_means import (
    FittedKMeans as FittedKMeans,
    KMeansProbe as KMeansProbe,
    KMeansResult as KMeansResult,
)
from ._knn import FittedKNN as FittedKNN, KNNProbe as KNNProbe
from ._linear import LinearProbe as LinearProbe
from ._training import (
    AbstractTrainedProbe as AbstractTrainedProbe,
    FittedNetwork as FittedNetwork,
    TrainingResult as TrainingResult,
)
