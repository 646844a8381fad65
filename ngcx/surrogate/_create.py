from .. import _registry
from ._base import AbstractSurrogate
from ._compose import Custom
from ._counts import MultiLevelSpikeCount
from ._exponential import EscapeExponential, PiecewiseExponential
from ._periodic import SquareWaveFourierSeries
from ._piecewise import (
    S2NN,
    FakeNumericalGradient,
    LeakyReLU,
    LogTailedReLU,
    NonzeroSignLog,
    PiecewiseLeakyReLU,
    Rectangular,
    Triangular,
)
from ._sigmoidal import (
    Arctan,
    Erf,
    FastSigmoid,
    InverseSquareRoot,
    MultiGaussian,
    QPseudoSpike,
    Sigmoid,
)
from ._special import SecantLIF, SparseFastSigmoid, StochasticSpikeOperator
from ._straight_through import BernoulliStraightThrough, StraightThrough


_MEMBERS = {
    "arctan": Arctan,
    "bernoulli_straight_through": BernoulliStraightThrough,
    "custom": Custom,
    "erf": Erf,
    "escape_exponential": EscapeExponential,
    "fake_numerical_gradient": FakeNumericalGradient,
    "fast_sigmoid": FastSigmoid,
    "inverse_square_root": InverseSquareRoot,
    "leaky_relu": LeakyReLU,
    "log_tailed_relu": LogTailedReLU,
    "multi_gaussian": MultiGaussian,
    "multi_level_spike_count": MultiLevelSpikeCount,
    "nonzero_sign_log": NonzeroSignLog,
    "piecewise_exponential": PiecewiseExponential,
    "piecewise_leaky_relu": PiecewiseLeakyReLU,
    "q_pseudo_spike": QPseudoSpike,
    "rectangular": Rectangular,
    "s2nn": S2NN,
    "secant_lif": SecantLIF,
    "sigmoid": Sigmoid,
    "sparse_fast_sigmoid": SparseFastSigmoid,
    "square_wave_fourier_series": SquareWaveFourierSeries,
    "stochastic_spike_operator": StochasticSpikeOperator,
    "straight_through": StraightThrough,
    "triangular": Triangular,
}
# The names of other libraries, in their spelling.
_ALIASES = {
    Arctan: ("arctan_estimator", "atan", "ATan"),
    BernoulliStraightThrough: ("PoissonPass", "poisson_pass"),
    Erf: ("ERF", "GaussianGrad", "gaussian_grad", "heavi_erfc"),
    EscapeExponential: ("spike_rate_escape",),
    FastSigmoid: (
        *("SoftSign", "soft_sign", "super", "superspike", "SuperSpike", "super_spike"),
        *("InvSquareGrad", "inv_square_grad", "superspike_surrogate"),
    ),
    InverseSquareRoot: ("circ", "circ_dist_fn"),
    LeakyReLU: ("LeakyKReLU", "leaky_k_relu", "LeakyRelu", "LSO"),
    LogTailedReLU: ("LogTailedRelu",),
    MultiGaussian: ("MultiGaussianGrad", "multi_gaussian_grad"),
    NonzeroSignLog: ("NonzeroSignLogAbs", "nonzero_sign_log_abs"),
    PiecewiseExponential: (
        *("PiecewiseExp", "piecewise_exp", "SlayerGrad", "slayer_grad"),
    ),
    PiecewiseLeakyReLU: ("PiecewiseLeakyRelu",),
    Rectangular: ("boxcar", "boxcar_estimator", "piecewise_surrogate", "Rect", "rect"),
    SecantLIF: ("secant_lif_estimator",),
    Sigmoid: ("logistic_fn", "sigmoid_surrogate", "tanh"),
    SparseFastSigmoid: ("SFS",),
    SquareWaveFourierSeries: (
        *("SquarewaveFourierSeries", "squarewave_fourier_series"),
    ),
    StochasticSpikeOperator: ("SSO",),
    StraightThrough: (
        *("straight_through_estimator", "DeterministicPass", "deterministic_pass"),
    ),
    Triangular: (
        *("triangle", "triangular_estimator", "explicit_triangular_estimator"),
        *("PiecewiseQuadratic", "piecewise_quadratic", "ReluGrad", "relu_grad"),
    ),
}
_NAMES = _MEMBERS | {
    alias: member for member, aliases in _ALIASES.items() for alias in aliases
}


def create(name: str, **hyperparameters) -> AbstractSurrogate:
    """Makes a surrogate from its name.

    **Arguments:**

    - `name`: the name of a class in snake case, as `"fast_sigmoid"`, or what another
        library calls the function, as `"atan"` or `"PiecewiseQuadratic"`. It chooses
        the class alone: the defaults are ours, and each class says which
        hyper-parameters give what the other library computes.
    - `hyperparameters`: the fields of the class of that name.

    **Returns:** the surrogate.

    **Raises:** `ValueError` for an unknown name, with all names and the nearest one.

    !!! example

        ```python
        >>> import ngcx
        >>> ngcx.surrogate.create("atan", alpha=4.0, gain=1.0)
        Arctan(alpha=4.0, gain=1.0)

        ```
    """
    return _registry.create("surrogates", _NAMES, name, hyperparameters)
