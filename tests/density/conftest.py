import pytest

from ._families import FITS


@pytest.fixture(params=list(FITS))
def name(request):
    return request.param


# These two are enough where the code is the same for all, and compiling it is slow.
@pytest.fixture(params=["full", "exponential"])
def family(request):
    return request.param
