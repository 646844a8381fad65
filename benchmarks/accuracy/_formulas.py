"""What activations and surrogates are, as formulas of extended precision.

Each is the equation of the documentation, written as a function of x and of the
hyper-parameters by name. Surrogates have their gain besides.
"""

from collections.abc import Callable
from typing import Any

import mpmath as mp

from ._jet import (
    Jet,
    absolute,
    as_jet,
    atan,
    exp,
    expm1,
    log,
    log1p,
    normal,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
)


Formula = Callable[..., Any]


def clip(x, low, high):
    return low if x < low else high if as_jet(high) < x else x


def elu(x, alpha):
    return x if x.value > 0 else alpha * expm1(x)


def celu(x, alpha):
    return x if x.value > 0 else alpha * expm1(x / alpha)


def selu(x):
    return mp.mpf(1.0507009873554805) * elu(x, mp.mpf(1.6732632423543772))


def gelu(x, approximation):
    if approximation == "sigmoid":
        return x * sigmoid(mp.mpf("1.702") * x)
    if approximation == "tanh":
        cubic = x + mp.mpf("0.044715") * x * x * x
        return x * sigmoid(2 * mp.sqrt(2 / mp.pi) * cubic)
    return x * normal(x)


def cauchy_threshold(x, lmbda):
    if absolute(x) < lmbda:
        return 0 * x
    square = x * x - lmbda
    root = sqrt(square) if square.value > 0 else 0
    size = (absolute(x) + root) / 2
    return -size if x.value < 0 else size


def soft_threshold(x, lmbda):
    if absolute(x) <= lmbda:
        return 0 * x
    return x + lmbda if x.value < 0 else x - lmbda


def squareplus(x, b):
    root = sqrt(x * x + b)
    return b / (root - x) / 2 if x.value < 0 else (x + root) / 2


def sparse_plus(x):
    return x if x.value >= 1 else sparse_sigmoid(x) * sparse_sigmoid(x)


def sparse_sigmoid(x):
    return clip((x + 1) / 2, as_jet(0), as_jet(1))


ACTIVATIONS: dict[str, Formula] = {
    "CELU": celu,
    "CauchyThreshold": cauchy_threshold,
    "Clip": lambda x, min, max: clip(x, min, max),
    "ELU": elu,
    "GELU": gelu,
    "HardSigmoid": lambda x: clip((x + 3) / 6, as_jet(0), as_jet(1)),
    "HardSiLU": lambda x: x * clip((x + 3) / 6, as_jet(0), as_jet(1)),
    "HardTanh": lambda x: clip(x, as_jet(-1), as_jet(1)),
    "Identity": lambda x: x,
    "LeakyReLU": lambda x, negative_slope: x if x.value >= 0 else negative_slope * x,
    "LogSigmoid": lambda x: -softplus(-x),
    "Mish": lambda x: x * tanh(softplus(x)),
    "ReLU": lambda x: clip(x, as_jet(0), x),
    "ReLU6": lambda x: clip(x, as_jet(0), as_jet(6)),
    "ReLUSquared": lambda x: clip(x, as_jet(0), x) * clip(x, as_jet(0), x),
    "SELU": selu,
    "SiLU": lambda x: x * sigmoid(x),
    "Sigmoid": sigmoid,
    "Sine": lambda x, omega_0: sin(omega_0 * x),
    "SoftThreshold": soft_threshold,
    "Softplus": softplus,
    "Softsign": lambda x: x / (1 + absolute(x)),
    "SparsePlus": sparse_plus,
    "SparseSigmoid": sparse_sigmoid,
    "Squareplus": squareplus,
    "Swish": lambda x, beta: x * sigmoid(beta * x),
    "Tanh": tanh,
    "TeLU": lambda x: x * tanh(exp(x)),
}


def signed(x, function):
    """The odd function that is `function` of |x|."""
    return -function(-x) if x.value < 0 else function(x)


def rising(x, tail):
    """The function that rises from 0 to 1 around 1/2, from its tail of |x|."""
    return tail(-x) if x.value < 0 else 1 - tail(x)


def laplace(x, alpha):
    return rising(x, lambda size: exp(-(alpha * size)) / 2)


def arctan(x, alpha):
    # arctan(u) is pi/2 - arctan(1/u), so that no tail cancels.
    u = alpha * absolute(x) * mp.pi / 2
    tail = (atan(1 / u) if u.value > 1 else mp.pi / 2 - atan(u)) / mp.pi
    return tail if x.value < 0 else 1 - tail


def fast_sigmoid(x, alpha):
    return rising(x, lambda size: 1 / (1 + alpha * size) / 2)


def erf(x, alpha):
    return normal(alpha * x * mp.sqrt(2))


def multi_gaussian(x, h, s, sigma, scale):
    flanks = normal((x - sigma) / (s * sigma)) + normal((x + sigma) / (s * sigma))
    return scale * ((1 + h) * normal(x / sigma) - h * flanks)


def inverse_square_root(x, alpha):
    def tail(size):
        root = sqrt(size * size + alpha * alpha)
        return alpha * alpha / (root * (root + size)) / 2

    return rising(x, tail)


def q_pseudo_spike(x, alpha):
    def tail(size):
        return exp((1 - alpha) * log1p(2 * size / (alpha - 1))) / 2

    return rising(x, tail)


def escape_exponential(x, beta, slope, center):
    return 2 * slope / beta * laplace(x - center, beta)


def triangular(x, alpha):
    def tail(size):
        rest = 1 - alpha * size
        return rest * rest / 2 if rest.value > 0 else as_jet(0)

    return rising(x, tail)


def piecewise_leaky_relu(x, w, c):
    if absolute(x) <= w:
        return x / (2 * w) + mp.mpf(1) / 2
    return c * (x + w) if x.value < 0 else 1 + c * (x - w)


def fake_numerical_gradient(x, alpha):
    def half(size):
        return alpha * size if alpha * size <= 1 else 1 + log(alpha * size)

    return signed(x, half)


def s2nn(x, alpha, beta):
    return sigmoid(alpha * x) if x.value < 0 else beta * log1p(x) + mp.mpf(1) / 2


def log_tailed_relu(x, alpha):
    if x.value <= 0:
        return alpha * x
    return x if x.value <= 1 else 1 + log(x)


def square_wave(x, n, period):
    omega = 2 * mp.pi / period
    terms = (sin(k * omega * x) / k for k in range(1, 2 * n, 2))
    return sum(terms, as_jet(0)) * 2 / mp.pi + mp.mpf(1) / 2


def leaky_relu(x, leak, slope):
    return leak * x if x.value < 0 else slope * x


SURROGATES: dict[str, Formula] = {
    "Arctan": arctan,
    "BernoulliStraightThrough": lambda x: x,
    "Erf": erf,
    "EscapeExponential": escape_exponential,
    "FakeNumericalGradient": fake_numerical_gradient,
    "FastSigmoid": fast_sigmoid,
    "InverseSquareRoot": inverse_square_root,
    "LeakyReLU": leaky_relu,
    "LogTailedReLU": log_tailed_relu,
    "MultiGaussian": multi_gaussian,
    "MultiLevelSpikeCount": lambda x: clip(x, as_jet(0), as_jet(4)),
    "NonzeroSignLog": lambda x, alpha: signed(x, lambda size: log1p(alpha * size)),
    "PiecewiseExponential": laplace,
    "PiecewiseLeakyReLU": piecewise_leaky_relu,
    "QPseudoSpike": q_pseudo_spike,
    "Rectangular": lambda x, alpha: clip(
        alpha * x + mp.mpf(1) / 2, as_jet(0), as_jet(1)
    ),
    "S2NN": s2nn,
    "SecantLIF": lambda x, c1, c2: c1 * tanh(c2 * x) if x.value > 0 else 0 * x,
    "Sigmoid": lambda x, alpha: sigmoid(alpha * x),
    "SparseFastSigmoid": lambda x, alpha, B: fast_sigmoid(clip(x, -B, B), alpha),
    "SquareWaveFourierSeries": square_wave,
    "StochasticSpikeOperator": lambda x, mean, variance: leaky_relu(
        x, mean * variance, as_jet(1)
    ),
    "StraightThrough": lambda x: x,
    "Triangular": triangular,
}


def exact(formula: Formula, x, numbers: dict[str, Any], name: str | None) -> Jet:
    """The formula at x, and its derivatives in x and in the hyper-parameter of that
    name.
    """
    arguments = {
        key: number
        if isinstance(number, str | int)
        else Jet(mp.mpf(number), p=int(key == name))
        for key, number in numbers.items()
    }
    gain = arguments.pop("gain", 1)
    return as_jet(gain * formula(Jet(mp.mpf(x), x=1), **arguments))
