"""Operations: typed functions on arrays that the models are made of."""

from ._dropout import dropout as dropout
from ._equations import Equations as Equations, equations as equations
from ._groups import (
    group_mean as group_mean,
    sample_values_by_group as sample_values_by_group,
)
from ._inverse import (
    inverse_logistic as inverse_logistic,
    inverse_tanh as inverse_tanh,
)
from ._matrices import block_matrix as block_matrix, eye_wrapped as eye_wrapped
from ._normalize import (
    chebyshev_norm as chebyshev_norm,
    layer_normalize as layer_normalize,
    normalize_block_matrix as normalize_block_matrix,
    normalize_matrix as normalize_matrix,
)
from ._statistics import TensorStats as TensorStats, tensor_stats as tensor_stats
from ._tensor_train import decompose_to_mps as decompose_to_mps
from ._threshold import (
    binarize as binarize,
    clamp_max as clamp_max,
    clamp_min as clamp_min,
    one_hot_argmax as one_hot_argmax,
)
