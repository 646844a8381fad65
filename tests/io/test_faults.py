"""Nothing is lost and nothing is missed: `nox -s faults` prints the full figures."""

import os
import subprocess
import sys

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx.io import deserialize, serialize


THOROUGH = os.environ.get("NGCX_FAULTS") == "thorough"

# One process does all kills, and forks a writer for each.
KILLS = """
import os, pathlib, random, signal, sys, time
import numpy as np
from ngcx.io import deserialize, serialize

path, kills = pathlib.Path(sys.argv[1]), int(sys.argv[2])
random.seed(0)

def tree(version):
    return {name: np.full(1 << 19, version) for name in "ab"}

serialize(path, tree(0))
began = time.perf_counter()
serialize(path, tree(1))
takes = time.perf_counter() - began
last, moved, cut = 1, 0, 0
for _ in range(kills):
    writer = os.fork()
    if writer == 0:
        version = last
        while True:
            version += 1
            serialize(path, tree(version))
    time.sleep(random.uniform(0, 3 * takes))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    found = deserialize(path, tree(0))
    version = int(found["a"][0])
    assert all((array == version).all() for array in found.values()), "torn"
    assert version >= last, "lost"
    moved += version > last
    last = version
    for left in path.parent.glob("*.tmp"):
        cut += 1
        left.unlink()
print(f"{kills} kills: {cut} in the middle of a file, {moved} after a new one; 0 lost")
assert cut > kills // 4
"""

FULL = """
import pathlib, resource, signal, sys
import numpy as np
from ngcx.io import deserialize, serialize

path = pathlib.Path(sys.argv[1])
old, new = np.zeros(1000), np.zeros(10**6)
serialize(path, old)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    serialize(path, new)
except OSError as error:
    print(f"full disk: {error.strerror}; the old file stays")
assert (deserialize(path, old) == old).all()
assert [each.name for each in path.parent.iterdir()] == [path.name]
"""


def run(program, *arguments):
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout.strip())
    return done.stdout


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a POSIX system")
def test_a_killed_process_leaves_a_whole_file(tmp_path):
    assert "0 lost" in run(KILLS, tmp_path / "file", 200 if THOROUGH else 12)


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a POSIX system")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    assert "the old file stays" in run(FULL, tmp_path / "file")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_of_the_disk_leaves_the_old_file(tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError("no space left")

    path = tmp_path / "file"
    serialize(path, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(OSError, match="no space left"):
            serialize(path, 2)
    assert deserialize(path, 0) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_every_altered_byte_is_detected(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "file"
    tree = {"x": jnp.arange(50.0), "key": jr.key(0), "step": 3, "n": np.ones((2, 2))}
    serialize(path, tree)
    whole = path.read_bytes()
    count, missed = (10_000 if THOROUGH else 500), 0
    for _ in range(count):
        altered = bytearray(whole)
        altered[rng.integers(len(whole))] ^= int(rng.integers(1, 256))
        path.write_bytes(altered)
        try:
            deserialize(path, tree)
        except ValueError:
            continue
        missed += 1
    print(f"{count} altered bytes: {missed} undetected")
    assert missed == 0
