"""Derivatives beside those that other libraries return for the same potentials.

The numbers are what the library printed for a spike's gradient in float32, on the CPU;
it rounds sums, so small values come with few digits.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngcx.surrogate import (
    S2NN,
    Arctan,
    Erf,
    EscapeExponential,
    FakeNumericalGradient,
    FastSigmoid,
    InverseSquareRoot,
    LeakyReLU,
    LogTailedReLU,
    MultiGaussian,
    MultiLevelSpikeCount,
    NonzeroSignLog,
    PiecewiseExponential,
    PiecewiseLeakyReLU,
    QPseudoSpike,
    Rectangular,
    Sigmoid,
    SquareWaveFourierSeries,
    StraightThrough,
    Triangular,
)


pytestmark = pytest.mark.in_turn(3)


X = [-3.0, -0.7, -0.1, 0.2, 0.9, 2.5]
GRADIENTS = [
    (
        "snnTorch 1.0.0 sigmoid(slope=25)",
        Sigmoid(25.0),
        [0.0, 6.277498e-07, 1.752593, 0.1662014, 4.229745e-09, 1.796945e-26],
    ),
    (
        "snnTorch 1.0.0 sigmoid(slope=4)",
        Sigmoid(4.0),
        [2.457655e-05, 0.2161525, 0.9610431, 0.8556389, 0.1035584, 0.0001815832],
    ),
    (
        "snnTorch 1.0.0 fast_sigmoid(slope=25)",
        FastSigmoid(),
        [0.0001731302, 0.002921841, 0.08163265, 0.02777778, 0.001810774, 0.0002480005],
    ),
    (
        "snnTorch 1.0.0 atan(alpha=2)",
        Arctan(gain=1.0),
        [0.01113258, 0.1713471, 0.9101699, 0.7169568, 0.1111806, 0.01595277],
    ),
    (
        "snnTorch 1.0.0 atan(alpha=5)",
        Arctan(5.0, gain=1.0),
        [0.004495067, 0.08006236, 1.546216, 0.721001, 0.0490534, 0.006467779],
    ),
    (
        "snnTorch 1.0.0 straight_through_estimator()",
        StraightThrough(),
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "snnTorch 1.0.0 spike_rate_escape(beta=1, slope=25)",
        EscapeExponential(1.0, 25.0, center=1.0),
        [0.457891, 4.567088, 8.321777, 11.23322, 22.62093, 5.578254],
    ),
    ("snnTorch 1.0.0 heaviside()", LeakyReLU(leak=0.0), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    (
        "SpikingJelly 2.0.0 Sigmoid(alpha=4)",
        Sigmoid(),
        [2.457655e-05, 0.2161525, 0.961043, 0.8556388, 0.1035585, 0.0001816667],
    ),
    (
        "SpikingJelly 2.0.0 SoftSign(alpha=2)",
        FastSigmoid(2.0, gain=1.0),
        [0.02040816, 0.1736111, 0.6944444, 0.5102041, 0.127551, 0.02777778],
    ),
    (
        "SpikingJelly 2.0.0 SuperSpike(alpha=3)",
        FastSigmoid(1.0, gain=6.0),
        [0.1875, 1.038062, 2.479339, 2.083333, 0.8310249, 0.244898],
    ),
    (
        "SpikingJelly 2.0.0 ATan(alpha=2)",
        Arctan(gain=1.0),
        [0.01113258, 0.1713471, 0.9101699, 0.7169568, 0.1111806, 0.01595277],
    ),
    (
        "SpikingJelly 2.0.0 Erf(alpha=2)",
        Erf(),
        [2.617301e-16, 0.1589417, 1.084135, 0.9615413, 0.04419173, 1.567087e-11],
    ),
    (
        "SpikingJelly 2.0.0 PiecewiseQuadratic(alpha=1)",
        Triangular(1.0, gain=1.0),
        [0.0, 0.3, 0.9, 0.8, 0.1, 0.0],
    ),
    (
        "SpikingJelly 2.0.0 Rect(alpha=1)",
        Rectangular(1.0, gain=1.0),
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
    ),
    (
        "SpikingJelly 2.0.0 PiecewiseExp(alpha=1)",
        PiecewiseExponential(),
        [0.02489353, 0.2482927, 0.4524187, 0.4093654, 0.2032848, 0.0410425],
    ),
    (
        "SpikingJelly 2.0.0 NonzeroSignLogAbs(alpha=1)",
        NonzeroSignLog(),
        [0.25, 0.5882353, 0.9090909, 0.8333333, 0.5263158, 0.2857143],
    ),
    (
        "SpikingJelly 2.0.0 PiecewiseLeakyReLU(w=1, c=0.01)",
        PiecewiseLeakyReLU(),
        [0.01, 0.5, 0.5, 0.5, 0.5, 0.01],
    ),
    (
        "SpikingJelly 2.0.0 LeakyKReLU(leak=0, k=1)",
        LeakyReLU(leak=0.0),
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
    ),
    (
        "SpikingJelly 2.0.0 LogTailedReLU(alpha=0)",
        LogTailedReLU(),
        [0.0, 0.0, 0.0, 1.0, 1.0, 0.4],
    ),
    (
        "SpikingJelly 2.0.0 SquarewaveFourierSeries(n=2, T_period=8)",
        SquareWaveFourierSeries(1),
        [-0.3535534, 0.4263201, 0.4984587, 0.4938442, 0.380203, -0.1913418],
    ),
    (
        "SpikingJelly 2.0.0 SquarewaveFourierSeries(n=4, T_period=8)",
        SquareWaveFourierSeries(3),
        [0.3535534, -0.07484919, 1.446583, 1.292901, -0.3429861, -0.1913417],
    ),
    (
        "SpikingJelly 2.0.0 S2NN(alpha=4, beta=1)",
        S2NN(),
        [2.457655e-05, 0.2161525, 0.961043, 0.8333333, 0.5263158, 0.2857143],
    ),
    (
        "SpikingJelly 2.0.0 QPseudoSpike(alpha=2)",
        QPseudoSpike(),
        [0.02040816, 0.1736111, 0.6944444, 0.5102041, 0.127551, 0.02777778],
    ),
    (
        "SpikingJelly 2.0.0 FakeNumericalGradient(alpha=0.3)",
        FakeNumericalGradient(),
        [0.3, 0.3, 0.3, 0.3, 0.3, 0.3],
    ),
    (
        "SpikingJelly 2.0.0 DeterministicPass()",
        StraightThrough(),
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "SpikingJelly 2.0.0 MultiLevelSpikeCount(2)",
        MultiLevelSpikeCount(2),
        [0.0, 0.0, 0.0, 1.0, 1.0, 0.0],
    ),
    (
        "Norse 1.1.0 tanh(alpha=2)",
        Sigmoid(4.0, gain=2 / 2),
        [2.455711e-05, 0.2161524, 0.961043, 0.8556387, 0.1035584, 0.0001815557],
    ),
    (
        "Norse 1.1.0 circ(alpha=2)",
        InverseSquareRoot(2.0, gain=4.0),
        [0.170677, 0.8408538, 0.9962617, 0.9851853, 0.7583547, 0.2437835],
    ),
    (
        "Norse 1.1.0 heavi_erfc(alpha=2)",
        Erf(2.0, gain=2 / 2),
        [2.617301e-16, 0.1589417, 1.084135, 0.9615412, 0.04419173, 1.567087e-11],
    ),
    (
        "Norse 1.1.0 triangle(alpha=0.3)",
        Triangular(1.0, gain=0.3),
        [0.0, 0.09, 0.27, 0.24, 0.03000001, 0.0],
    ),
    (
        "Norse 1.1.0 super(alpha=100)",
        FastSigmoid(1.0, gain=2.0),
        [0.0625, 0.3460208, 0.8264462, 0.6944444, 0.2770083, 0.08163265],
    ),
    (
        "Spyx 1.0.0 superspike(k=25)",
        FastSigmoid(),
        [0.0001731302, 0.002921841, 0.08163265, 0.02777778, 0.001810774, 0.0002480005],
    ),
    (
        "Spyx 1.0.0 arctan(k=2)",
        Arctan(4.0, gain=1 / (2 * math.pi)),
        [0.0008933616, 0.01564605, 0.2282144, 0.1234172, 0.00965233, 0.001284854],
    ),
    (
        "Spyx 1.0.0 arctan(k=5)",
        Arctan(10.0, gain=1 / (5 * math.pi)),
        [0.0001432756, 0.002611181, 0.0918007, 0.0292844, 0.001584739, 0.000206276],
    ),
    (
        "Spyx 1.0.0 tanh(k=3)",
        Sigmoid(6.0, gain=2 / 3),
        [6.091992e-08, 0.05822305, 0.915137, 0.7115778, 0.01790423, 1.223608e-06],
    ),
    (
        "Spyx 1.0.0 boxcar(width=2, height=0.5)",
        Rectangular(0.5, gain=1.0),
        [0.0, 0.5, 0.5, 0.5, 0.5, 0.0],
    ),
    ("Spyx 1.0.0 triangular(k=2)", Triangular(), [0.0, 0.0, 0.8, 0.6, 0.0, 0.0]),
    (
        "braintools 0.3.0 Sigmoid(alpha=4)",
        Sigmoid(),
        [2.457655e-05, 0.2161525, 0.961043, 0.8556388, 0.1035585, 0.0001816667],
    ),
    (
        "braintools 0.3.0 SoftSign(alpha=1)",
        FastSigmoid(1.0, gain=1.0),
        [0.03125, 0.1730104, 0.4132231, 0.3472222, 0.1385042, 0.04081633],
    ),
    (
        "braintools 0.3.0 InvSquareGrad(alpha=100)",
        FastSigmoid(100.0, gain=2 / 100),
        [
            1.103741e-05,
            0.0001983733,
            0.008264462,
            0.002267574,
            0.0001207584,
            1.587276e-05,
        ],
    ),
    (
        "braintools 0.3.0 Arctan(alpha=1)",
        Arctan(1.0, gain=1.0),
        [0.02154559, 0.2263441, 0.48796, 0.4550849, 0.1667448, 0.03044834],
    ),
    (
        "braintools 0.3.0 ERF(alpha=1)",
        Erf(1.0),
        [6.962652e-05, 0.3456374, 0.5585757, 0.5420673, 0.2509843, 0.001089142],
    ),
    (
        "braintools 0.3.0 GaussianGrad(sigma=0.5, alpha=0.5)",
        Erf(1 / (0.5 * math.sqrt(2)), gain=0.5),
        [6.075883e-09, 0.1497275, 0.3910427, 0.3682701, 0.07895017, 1.48672e-06],
    ),
    (
        "braintools 0.3.0 MultiGaussianGrad(h=0.15, s=6, sigma=0.5, scale=0.5)",
        MultiGaussian(),
        [-0.01209776, 0.1530284, 0.4300378, 0.4038811, 0.07196281, -0.01403376],
    ),
    (
        "braintools 0.3.0 PiecewiseQuadratic(alpha=1)",
        Triangular(1.0, gain=1.0),
        [0.0, 0.3, 0.9, 0.8, 0.1, 0.0],
    ),
    (
        "braintools 0.3.0 ReluGrad(alpha=0.3, width=2)",
        Triangular(1 / 2, gain=0.3 * 2**2),
        [0.0, 0.39, 0.5700001, 0.54, 0.33, 0.0],
    ),
    (
        "braintools 0.3.0 PiecewiseExp(alpha=1)",
        PiecewiseExponential(),
        [0.02489353, 0.2482927, 0.4524187, 0.4093654, 0.2032848, 0.0410425],
    ),
    (
        "braintools 0.3.0 SlayerGrad(alpha=2)",
        PiecewiseExponential(2.0, gain=2 / 2),
        [0.002478752, 0.246597, 0.8187308, 0.67032, 0.1652989, 0.006737947],
    ),
    (
        "braintools 0.3.0 NonzeroSignLog(alpha=1)",
        NonzeroSignLog(),
        [0.25, 0.5882353, 0.9090909, 0.8333333, 0.5263158, 0.2857143],
    ),
    (
        "braintools 0.3.0 PiecewiseLeakyRelu(c=0.01, w=1)",
        PiecewiseLeakyReLU(),
        [0.01, 0.5, 0.5, 0.5, 0.5, 0.01],
    ),
    (
        "braintools 0.3.0 LeakyRelu(alpha=0.1, beta=1)",
        LeakyReLU(),
        [0.1, 0.1, 0.1, 1.0, 1.0, 1.0],
    ),
    (
        "braintools 0.3.0 LogTailedRelu(alpha=0)",
        LogTailedReLU(),
        [0.0, 0.0, 0.0, 1.0, 1.0, 0.4],
    ),
    (
        "braintools 0.3.0 SquarewaveFourierSeries(n=2, t_period=8)",
        SquareWaveFourierSeries(),
        [0.0, 0.3870906, 0.9846436, 0.9393474, 0.1189537, 0.270598],
    ),
    (
        "braintools 0.3.0 S2NN(alpha=4, beta=1)",
        S2NN(),
        [2.457655e-05, 0.2161525, 0.961043, 0.8333333, 0.5263158, 0.2857143],
    ),
    (
        "ngc-learn 3.2.1 arctan_estimator()",
        Arctan(gain=1 / math.pi),
        [0.00354361, 0.05454148, 0.2897161, 0.2282144, 0.03538987, 0.005077925],
    ),
    (
        "ngc-learn 3.2.1 triangular_estimator()",
        Triangular(),
        [0.0, 0.0, 0.8, 0.6, 0.0, 0.0],
    ),
    (
        "ngc-learn 3.2.1 explicit_triangular_estimator(window=5)",
        Triangular(1 / 5, gain=5.0),
        [0.4, 0.86, 0.98, 0.96, 0.82, 0.5],
    ),
    (
        "ngc-learn 3.2.1 boxcar_estimator(window=5)",
        Rectangular(),
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "ngc-learn 3.2.1 straight_through_estimator()",
        StraightThrough(),
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
]


@pytest.mark.parametrize(
    ("surrogate", "gradients"),
    [pytest.param(*row[1:], id=row[0]) for row in GRADIENTS],
)
def test_gradient_is_that_of_the_library(surrogate, gradients):
    ours = jax.vmap(jax.grad(surrogate))(jnp.asarray(X))
    # The absolute part is theirs: 1 - sigmoid(x) and the like keep no more digits.
    np.testing.assert_allclose(ours, gradients, rtol=1e-5, atol=2.0**-22)
