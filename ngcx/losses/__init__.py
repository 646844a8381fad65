"""Losses: functions of logits, spikes and potentials that networks are trained with."""

from ._losses import (
    binary_cross_entropy as binary_cross_entropy,
    cross_entropy as cross_entropy,
    membrane_loss as membrane_loss,
    squared_error_to_targets as squared_error_to_targets,
)
from ._penalties import (
    activity_penalty as activity_penalty,
    rate_penalty as rate_penalty,
)
from ._readouts import (
    first_spike_time as first_spike_time,
    last_step as last_step,
    maximum as maximum,
    mean_over_time as mean_over_time,
    spike_count as spike_count,
    spike_rate as spike_rate,
    time_mask as time_mask,
)
