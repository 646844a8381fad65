import contextlib
import os
import pathlib
import pickle
import tempfile

import jax.numpy as jnp
import numpy as np

from ngcx import io

from ._entries import differs, equal, f32, ref


theirs = ref.io_utils
TREE = {"weights": f32([[1, 2], [3, 4]]), "step": jnp.int32(3)}


@contextlib.contextmanager
def folder():
    """A folder below another one, and the place to be in."""
    with tempfile.TemporaryDirectory() as parent:
        here = pathlib.Path(parent) / "here"
        here.mkdir()
        with contextlib.chdir(here):
            yield here


def loaded_by_theirs(tree):
    with folder():
        theirs.serialize("file", tree)
        return theirs.deserialize("file")


def loaded_by_ours(tree):
    with folder():
        io.serialize("file", tree)
        return io.deserialize("file", tree)


def pickled_by_theirs(tree):
    with folder():
        theirs.save_pkl(".", "file", tree)
        return theirs.load_pkl(".", "file")


equal(loaded_by_theirs, loaded_by_ours, TREE)
equal(pickled_by_theirs, loaded_by_ours, TREE)


def made_below(make, path):
    """The folders after `make(path)`, the one where it was called among them."""
    with folder() as here:
        make(path.format(here=here))
        return str(
            sorted(str(p.relative_to(here.parent)) for p in here.parent.rglob("*"))
        )


equal(
    lambda: made_below(theirs.makedir, "a/b"),
    lambda: made_below(io.make_directory, "a/b"),
)
equal(
    lambda: made_below(lambda path: theirs.makedirs([path]), "a/b"),
    lambda: made_below(io.make_directory, "a/b"),
)


class Malicious:
    def __reduce__(self):
        return (pathlib.Path.touch, (pathlib.Path("executed"),))


def executes(load):
    """Whether loading a file of somebody else's runs what is in it."""
    with folder():
        pathlib.Path("file.pkl").write_bytes(pickle.dumps(Malicious()))
        with contextlib.suppress(ValueError):
            load("file.pkl")
        return "executes" if os.path.exists("executed") else "reads"


differs(
    "`deserialize` of a file that somebody else made",
    (
        lambda: executes(theirs.deserialize),
        lambda: executes(lambda path: theirs.load_pkl(".", "file")),
    ),
    (lambda: executes(lambda path: io.deserialize(path, TREE)),) * 2,
    ("reads", "reads"),
)
UNSAVABLE = [lambda array=np.ones(2): array]


def saved(save):
    with folder():
        save("file", UNSAVABLE)


def left_over(save):
    """What is left of a file after saving what cannot be saved."""
    with folder():
        pathlib.Path("file").write_text("old")
        with contextlib.suppress(Exception):
            save("file", UNSAVABLE)
        return pathlib.Path("file").read_text()


differs(
    "`serialize` of what cannot be saved, over a file",
    (lambda: saved(theirs.serialize), lambda: left_over(theirs.serialize)),
    (lambda: saved(io.serialize), lambda: left_over(io.serialize)),
    (TypeError, "old"),
)
differs(
    '`makedir("/a/b")`, `makedir("p/../s")`',
    (
        lambda: made_below(theirs.makedir, "{here}/a/b"),
        lambda: made_below(theirs.makedir, "p/../s"),
    ),
    (
        lambda: made_below(io.make_directory, "{here}/a/b"),
        lambda: made_below(io.make_directory, "p/../s"),
    ),
    ("['here', 'here/a', 'here/a/b']", "['here', 'here/p', 'here/s']"),
)
