import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, strategies as st

from ngcx import surrogate
from ngcx.testing import arrays, check_derivative
from ngcx.testing._strategies import SURROGATES


@pytest.mark.parametrize("member", SURROGATES, ids=lambda member: member.__name__)
@given(data=st.data())
def test_derivative_is_the_derivative(member, dtype, data):
    # The step of a difference quotient far from 0 spans many periods of a wave.
    check_derivative(
        data.draw(SURROGATES[member]),
        data.draw(arrays(dtype)),
        finite_differences=member is not surrogate.SquareWaveFourierSeries,
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fourier_series_is_differentiated_within_its_period(n):
    with jax.enable_x64(True):
        x = jnp.linspace(-10, 10, 101)
        check_derivative(surrogate.SquareWaveFourierSeries(n), x)


def test_every_surrogate_has_a_strategy():
    public = {each for each in vars(surrogate).values() if isinstance(each, type)}
    abstract = {surrogate.AbstractStep, surrogate.AbstractSurrogate}
    assert public - set(SURROGATES) == abstract


def test_flanks_that_outweigh_the_centre_do_not_cancel():
    x = jnp.array([-9.0, -6.0, -0.5, 0.0, 0.5, 6.0, 9.0])
    for h in (0.15, 1.0, 2.0):
        check_derivative(surrogate.MultiGaussian(jnp.array(h), 1.0, 1.0, 1.0), x)
