"""Exchange: networks of other libraries, and for them, in NIR (extra `nir`)."""

from typing import TYPE_CHECKING

from .._lazy import on_first_use


if TYPE_CHECKING:
    from ._public import *  # noqa: F403
else:
    __getattr__, __dir__ = on_first_use(__name__, "nir", "nir")
