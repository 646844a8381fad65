"""Files: saving and loading pytrees, safely."""

from ._directory import make_directory as make_directory
from ._serialize import deserialize as deserialize, serialize as serialize
