"""The bytes of a file.

A file is a line that tells what it is, the length of the header, the header in JSON,
the arrays as Equinox writes them, and the SHA-256 digest of all that.
"""

import contextlib
import functools as ft
import hashlib
import json
import os
import pathlib
import secrets
import stat
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO


_MAGIC = b"ngcx pytree\n"
_VERSION = 2
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8  # bytes of the length of the header


def header_of(entries: list[dict[str, Any]]) -> bytes:
    """The beginning of a file, with a line for each node: people may read it."""
    nodes = ",\n".join(json.dumps(entry) for entry in entries)
    text = f'{{"version": {_VERSION}, "python": "{PYTHON}", "nodes": [\n{nodes}\n]}}\n'
    header = text.encode()
    return _MAGIC + len(header).to_bytes(_LENGTH, "little") + header


def checked_header(file: BinaryIO, path: str) -> dict[str, Any]:
    """The header of a whole file; afterwards `file` is at the first array."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError(f"`path` must be a file of ngcx.io.serialize; got {path!r}.")
    size = file.seek(0, os.SEEK_END) - _DIGEST
    file.seek(0)
    digest = hashlib.sha256()
    while (left := size - file.tell()) > 0:
        digest.update(file.read(min(left, 1 << 20)))
    if size < 0 or file.read() != digest.digest():
        raise ValueError(f"`path` was cut off or altered: {path!r}.")
    file.seek(len(_MAGIC))
    length = int.from_bytes(file.read(_LENGTH), "little")
    header = json.loads(file.read(length))
    if header["version"] == 1:  # which ngcx 0.1.0 wrote, with the leaves alone
        return header | {"nodes": header["leaves"], "python": PYTHON}
    if header["version"] != _VERSION:
        raise ValueError(
            f"`path` must be a file of version 1 or {_VERSION}; got version "
            f"{header['version']}. A newer ngcx may read it."
        )
    return header


class Digested:
    """A file to write to that computes the digest on the way."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def digest(self) -> bytes:
        return self._hash.digest()


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Yields a new file, which takes the name when everything is on the disk, and has
    the mode of the one that it replaces.
    """
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    # It is in the same folder, or it could not be renamed in one step.
    opener = ft.partial(os.open, mode=0o666 if mode is None else mode)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # Nobody may open it before it has the mode of the old one.
        with open(temporary, "xb", opener=opener) as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be flushed too
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
