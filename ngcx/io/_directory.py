"""Folders for what is saved."""

import os
import pathlib

from .._compiled import compiled


# This is not compiled, as it works on the file system.
@compiled(jit=False)
def make_directory(path: str | os.PathLike[str]) -> pathlib.Path:
    """Makes a folder and its parents, unless it exists already.

    **Arguments:**

    - `path`: the folder.

    **Returns:** its path.

    **Raises:** `FileExistsError` if the path, or one of its parents, is a file.

    !!! example

        ```python
        >>> import pathlib
        >>> import tempfile
        >>> from ngcx.io import make_directory
        >>> path = make_directory(pathlib.Path(tempfile.mkdtemp()) / "runs" / "first")
        >>> print(path.is_dir())
        True

        ```
    """
    directory = pathlib.Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise FileExistsError(
            f"`path` must not lead through a file; got {os.fspath(path)!r}."
        ) from error
    return directory
