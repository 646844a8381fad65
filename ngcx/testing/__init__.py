"""Testing: property tests for modules of your own (extra `testing`)."""

try:
    import hypothesis as hypothesis
except ImportError as error:
    raise ImportError(
        "`ngcx.testing` needs hypothesis: python -m pip install 'ngcx[testing]'"
    ) from error

from ._derivative import check_derivative as check_derivative
from ._module import check_module as check_module
from ._strategies import (
    activations as activations,
    arrays as arrays,
    floats_for as floats_for,
    initializers as initializers,
    keys as keys,
    surrogates as surrogates,
)
from ._tolerance import tolerance as tolerance
