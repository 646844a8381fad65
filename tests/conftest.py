import importlib.metadata
import os
import pathlib
import socket
import subprocess
import sys
import zlib


# JAX reads this when it is imported: eight devices on one machine, to test sharding. To
# split a program gains nothing where all cores are busy with others.
FLAGS = " --xla_force_host_platform_device_count=8"
FLAGS += " --xla_cpu_parallel_codegen_split_count=1"
version = tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:3]))
if os.environ.get("JAX_DISABLE_MOST_OPTIMIZATIONS") == "1" and version < (0, 11, 1):
    # The older way to write loops, which later versions do not have, takes half the
    # time to compile.
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
if FLAGS not in (flags := os.environ.get("XLA_FLAGS", "")):
    os.environ["XLA_FLAGS"] = flags + FLAGS
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Nearly all time goes into compiling, much of it the same in several processes or runs,
# so that what was compiled is kept in a folder.
CACHE = pathlib.Path(__file__).parents[1] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import hypothesis
import jax
import pytest


# This tests mutants, not ngcx, and needs what only its own session installs.
collect_ignore = ["mutation.py"]

hypothesis.settings.register_profile("ci", max_examples=25, derandomize=True)
hypothesis.settings.register_profile("dev", max_examples=50)
hypothesis.settings.register_profile("thorough", max_examples=1000)
for profile in ("ci", "dev", "thorough"):
    hypothesis.settings.register_profile(
        profile,
        hypothesis.settings.get_profile(profile),
        deadline=None,  # compiling makes the first example slow
        suppress_health_check=[
            hypothesis.HealthCheck.function_scoped_fixture,  # `dtype` holds for all
            hypothesis.HealthCheck.too_slow,
        ],
    )
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


DTYPES = ("float16", "bfloat16", "float32", "float64")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The quick suite takes turns; `nox -s thorough` runs all.

    Where a test runs for many cases in each dtype, it takes one dtype a case. A test
    with `@pytest.mark.in_turn(n)` runs for about every n-th case; which ones depends on
    its name, so that another test of the same thing takes other cases. So do the
    examples of docstrings: the first one in each file runs, and a third of the others.
    """
    tests: dict[tuple, dict[tuple, list]] = {}
    for item in items:
        parts = item.callspec.id.split("-") if hasattr(item, "callspec") else []
        if dtypes := [part for part in parts if part in DTYPES]:
            case = tuple(part for part in parts if part not in DTYPES)
            cases = tests.setdefault((item.path, item.originalname), {})
            cases.setdefault(case, []).append((dtypes[0], item))
    for cases in tests.values():
        for number, found in enumerate(cases.values() if len(cases) >= 4 else ()):
            there = sorted({dtype for dtype, _ in found})
            for dtype, item in found:
                if dtype != there[number % len(there)]:
                    item.add_marker(pytest.mark.thorough)
    begun = set()
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker(pytest.mark.in_turn(3))
        marker = item.get_closest_marker("in_turn")
        if marker is None or item.get_closest_marker("thorough"):
            continue
        test = (item.path, getattr(item, "originalname", "doctest"))
        if test in begun and zlib.crc32(item.nodeid.encode()) % marker.args[0]:
            item.add_marker(pytest.mark.thorough)
        begun.add(test)


@pytest.fixture(autouse=True)
def strict_promotion():
    """Silent promotions and broadcasts become errors, but not in the examples."""
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture(autouse=True, scope="module")
def no_programs_are_left():
    """The programs of all tests come to 6 GB, and such processes have crashed."""
    yield
    jax.clear_caches()


@pytest.fixture
def optimized():
    """Programs as users compile them, for tests that look at what XLA makes of them;
    the quick suite leaves out most of XLA's optimisations.
    """
    option = "jax_disable_most_optimizations"
    before = jax.config.read(option)
    jax.config.update(option, False)
    yield
    jax.config.update(option, before)


@pytest.fixture(params=DTYPES)
def dtype(request):
    """Each floating dtype; float64 comes with x64 enabled for the test."""
    with jax.enable_x64(request.param == "float64"):
        yield jax.numpy.dtype(request.param)


@pytest.fixture
def standard_promotion():
    """What users have by default; optax, for one, multiplies floats by integers."""
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield


@pytest.fixture
def distributed():
    """Runs a Python program as several processes of one JAX job.

    Returns the lines that each printed. The program gets the coordinator's address, the
    number of processes, its own number, and the further arguments.
    """

    def run(
        program: str, number: int, *arguments: str, devices: int
    ) -> list[list[str]]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        flags = f"--xla_force_host_platform_device_count={devices // number}"
        command = [sys.executable, "-c", program, address, str(number)]
        processes = [
            subprocess.Popen(
                [*command, str(rank), *arguments],
                env=os.environ | {"XLA_FLAGS": flags},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(number)
        ]
        outputs = []
        for process in processes:
            out, errors = process.communicate(timeout=180)
            assert process.returncode == 0, errors
            # Gloo tells of its peers, and threads of it break each other's lines.
            said = ("[Gloo]", "peer ranks")
            lines = out.splitlines()
            outputs.append(
                [line for line in lines if not any(each in line for each in said)]
            )
        return outputs

    return run
