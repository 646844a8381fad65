import pytest
from hypothesis import given, strategies as st

from ngcx import surrogate
from ngcx.testing import arrays, check_derivative
from ngcx.testing._strategies import SURROGATES


@pytest.mark.parametrize("member", SURROGATES, ids=lambda member: member.__name__)
@given(data=st.data())
def test_derivative_is_the_derivative(member, dtype, data):
    check_derivative(data.draw(SURROGATES[member]), data.draw(arrays(dtype)))


def test_every_surrogate_has_a_strategy():
    public = {each for each in vars(surrogate).values() if isinstance(each, type)}
    assert public - set(SURROGATES) == {surrogate.AbstractSurrogate}
