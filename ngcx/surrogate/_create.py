from .. import _registry
from ._base import AbstractSurrogate


# The names of other libraries, in their spelling, by those of our classes.
_ALIASES = {
    "arctan": ("arctan_estimator", "atan", "ATan"),
    "bernoulli_straight_through": ("PoissonPass", "poisson_pass"),
    "erf": ("ERF", "GaussianGrad", "gaussian_grad", "heavi_erfc"),
    "escape_exponential": ("spike_rate_escape",),
    "fast_sigmoid": (
        *("SoftSign", "soft_sign", "super", "superspike", "SuperSpike", "super_spike"),
        *("InvSquareGrad", "inv_square_grad", "superspike_surrogate"),
    ),
    "inverse_square_root": ("circ", "circ_dist_fn"),
    "leaky_relu": ("LeakyKReLU", "leaky_k_relu", "LeakyRelu", "LSO"),
    "log_tailed_relu": ("LogTailedRelu",),
    "multi_gaussian": ("MultiGaussianGrad", "multi_gaussian_grad"),
    "nonzero_sign_log": ("NonzeroSignLogAbs", "nonzero_sign_log_abs"),
    "piecewise_exponential": (
        *("PiecewiseExp", "piecewise_exp", "SlayerGrad", "slayer_grad"),
    ),
    "piecewise_leaky_relu": ("PiecewiseLeakyRelu",),
    "rectangular": (
        "boxcar",
        "boxcar_estimator",
        "piecewise_surrogate",
        "Rect",
        "rect",
    ),
    "secant_lif": ("secant_lif_estimator",),
    "sigmoid": ("logistic_fn", "sigmoid_surrogate", "tanh"),
    "sparse_fast_sigmoid": ("SFS",),
    "square_wave_fourier_series": (
        *("SquarewaveFourierSeries", "squarewave_fourier_series"),
    ),
    "stochastic_spike_operator": ("SSO",),
    "straight_through": (
        *("straight_through_estimator", "DeterministicPass", "deterministic_pass"),
    ),
    "triangular": (
        *("triangle", "triangular_estimator", "explicit_triangular_estimator"),
        *("PiecewiseQuadratic", "piecewise_quadratic", "ReluGrad", "relu_grad"),
    ),
}


def create(name: str, **hyperparameters) -> AbstractSurrogate:
    """Makes a surrogate from its name.

    **Arguments:**

    - `name`: the name of a class in snake case, such as `"fast_sigmoid"`, or the name
        of the function in another library, such as `"atan"` or `"PiecewiseQuadratic"`.
        It chooses only the class. The defaults are those of ngcx, and each class says
        which hyper-parameters give the results of the other library.
    - `hyperparameters`: the fields of the class of that name.

    **Returns:** the surrogate.

    **Raises:** `ValueError` for an unknown name; the message lists all names, and the
    nearest one.

    **See also:** [`ngcx.activations.create`][], [`ngcx.diffeq.create`][] and
    [`ngcx.optim.create`][], which know the names of their own subpackages.

    !!! example

        ```python
        >>> import ngcx
        >>> ngcx.surrogate.create("atan", alpha=4.0)
        Arctan(alpha=4.0)

        ```
    """
    names = _registry.classes("ngcx.surrogate", AbstractSurrogate, _ALIASES)
    return _registry.create("surrogates", names, name, hyperparameters)
