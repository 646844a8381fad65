"""The public names of `ngcx.testing`, which loads them when the first is used."""

from ._cell import check_cell as check_cell
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
