"""Files: saving and loading pytrees, safely."""

from ._directory import make_directory as make_directory
from ._serialize import (
    Contents as Contents,
    deserialize as deserialize,
    inspect as inspect,
    serialize as serialize,
)
