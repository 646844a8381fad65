"""Metrics: scores of predictions, and measurements of neural activity."""

from ._calibration import expected_calibration_error as expected_calibration_error
from ._classification import (
    accuracy as accuracy,
    classification_report as classification_report,
)
from ._clustering import (
    adjusted_mutual_information as adjusted_mutual_information,
    adjusted_rand_index as adjusted_rand_index,
    fowlkes_mallows_index as fowlkes_mallows_index,
    v_measure as v_measure,
)
from ._coincidences import (
    cross_correlogram as cross_correlogram,
    pairwise as pairwise,
    spike_time_tiling_coefficient as spike_time_tiling_coefficient,
    spike_train_synchrony as spike_train_synchrony,
)
from ._divergences import (
    binary_cross_entropy as binary_cross_entropy,
    categorical_nll as categorical_nll,
    gaussian_kl_divergence as gaussian_kl_divergence,
    kl_divergence as kl_divergence,
)
from ._ranking import average_precision as average_precision, roc_auc as roc_auc
from ._regression import (
    bayesian_information_criterion as bayesian_information_criterion,
    explained_variance as explained_variance,
    mean_absolute_error as mean_absolute_error,
    mean_squared_error as mean_squared_error,
    r_squared as r_squared,
    root_mean_squared_error as root_mean_squared_error,
)
from ._report import (
    Averages as Averages,
    ClassificationReport as ClassificationReport,
)
from ._sparsity import (
    excess_kurtosis as excess_kurtosis,
    gini_index as gini_index,
    hoyer_sparsity as hoyer_sparsity,
    sparsity as sparsity,
    workload_entropy as workload_entropy,
)
from ._spike_times import SpikeTimes as SpikeTimes
from ._spike_trains import (
    coefficient_of_variation as coefficient_of_variation,
    inter_spike_intervals as inter_spike_intervals,
    local_coefficient_of_variation as local_coefficient_of_variation,
    local_variation as local_variation,
    van_rossum_distance as van_rossum_distance,
    victor_purpura_distance as victor_purpura_distance,
)
from ._spikes import (
    breadth_of_tuning_curve as breadth_of_tuning_curve,
    fano_factor as fano_factor,
    firing_rate as firing_rate,
    pearson_correlation as pearson_correlation,
)
from ._streaming import Streaming as Streaming
from ._synaptic_operations import synaptic_operations as synaptic_operations
