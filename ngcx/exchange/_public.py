"""The public names of `ngcx.exchange`, which loads them when the first is used."""

from ._read import from_nir as from_nir
from ._scale import Scale as Scale
from ._write import to_nir as to_nir
