"""Every chore is one command: `nox -l` lists them."""

import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys

import nox


nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
EVERYTHING = ".[testing,viz,nir,examples]"
# The benchmarks that have contenders in each group of other libraries.
PEERS = {
    "peers": (
        "integrators",
        "loader",
        "snn_architectures",
        "snn_step",
        "surrogates",
    ),
    "reference": (
        "filters",
        "integrators",
        "k_winners",
        "loader",
        "mixtures",
        "patches",
        "probes",
    ),
    "suites": ("trades",),
}


# Every test, those too that the quick suite leaves out.
ALL = ("-m", "thorough or not thorough")


def group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PROJECT, name)


def run_tests(
    session: nox.Session,
    *options: str,
    profile: str = "ci",
    optimized: bool = False,
):
    env = {
        "HYPOTHESIS_PROFILE": os.environ.get("HYPOTHESIS_PROFILE", profile),
        # Most programs run once, and XLA's optimisations take longer than they save.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "0" if optimized else "1",
    }
    # A file at a time, whose tests share what is compiled.
    workers = ("-n", "auto", "--dist", "loadfile")
    session.run("pytest", *workers, *options, *session.posargs, env=env)


def newest_python() -> str | None:
    """The newest Python here beside the one that is running, as the path to it."""
    found = {}
    for minor in range(sys.version_info.minor + 1, sys.version_info.minor + 9):
        name = f"python3.{minor}"
        versions = pathlib.Path(os.environ.get("PYENV_ROOT", "~/.pyenv"), "versions")
        candidates = versions.expanduser().glob(f"3.{minor}.*/bin/{name}")
        for path in filter(None, (shutil.which(name), *map(str, candidates))):
            # A shim may be there without the Python that it stands for.
            works = subprocess.run([path, "-c", ""], capture_output=True)
            if works.returncode == 0:
                found[minor] = path
    return found[max(found)] if found else None


NEWEST = newest_python()


@nox.session
def tests(session: nox.Session):
    """Runs the quick suite; further arguments go to pytest."""
    session.install("-e", EVERYTHING, *group("tests"))
    run_tests(session)


@nox.session
def thorough(session: nox.Session):
    """Runs every test as users compile programs, with many more examples of each."""
    session.install("-e", EVERYTHING, *group("tests"))
    run_tests(session, *ALL, profile="thorough", optimized=True)


@nox.session(python=NEWEST or False)
def newest(session: nox.Session):
    """Runs the core of the quick suite on the newest Python and JAX that are here, as
    users compile programs.
    """
    if NEWEST is None:
        session.skip("There is no newer Python here.")
    session.install("-e", EVERYTHING, *group("tests"))
    core = ("activations", "surrogate", "neurons", "data", "io")
    run_tests(session, *(f"tests/{name}" for name in core), optimized=True)


@nox.session
def lint(session: nox.Session):
    """Checks format and style."""
    session.install(*group("lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")


@nox.session
def types(session: nox.Session):
    """Checks types."""
    session.install("-e", EVERYTHING, *group("types"), "nox")
    session.run("pyright", *session.posargs)


@nox.session
def demo(session: nox.Session):
    """Trains a spiking network on handwritten digits; see `-- --help`."""
    session.install("-e", ".[examples]")
    session.run("python", "examples/train_snn.py", *session.posargs)


@nox.session
def speakers(session: nox.Session):
    """Tells speakers apart by a recurrent spiking network; see `-- --help`."""
    session.install("-e", ".[examples]")
    session.install("--no-deps", *group("speakers"))
    session.run("python", "examples/speakers.py", *session.posargs)


@nox.session(python="3.11")
def min_deps(session: nox.Session):
    """Runs the tests with the oldest versions that are declared to work."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    bounds = itertools.chain(project["dependencies"], *extras.values(), group("tests"))
    oldest = {re.sub(">=", "==", bound) for bound in bounds}
    jax = next(bound for bound in oldest if bound.startswith("jax=="))
    session.install(*sorted(oldest), jax.replace("jax", "jaxlib"))
    session.install("--no-deps", "-e", ".")
    run_tests(session)


@nox.session
def docs(session: nox.Session):
    """Builds the documentation site."""
    session.install("-e", EVERYTHING, *group("docs"))
    session.env["MPLBACKEND"] = "agg"
    # As a module, so that the hooks find the benchmarks.
    session.run("python", "-m", "mkdocs", "build", "--strict", *session.posargs)


@nox.session
def faults(session: nox.Session):
    """Saves while processes are killed, disks are full and bytes are altered."""
    session.install("-e", EVERYTHING, *group("tests"))
    env = {"NGCX_FAULTS": "thorough"}
    session.run("pytest", "-s", *ALL, "tests/io/test_faults.py", env=env)


@nox.session(venv_backend="virtualenv")
def parity(session: nox.Session):
    """Runs ngc-learn beside ngcx, and checks the documented differences."""
    session.install("-e", ".[testing,viz]", *group("reference"))
    session.run("python", "-m", "parity")


# With pip, as `bench_peers`.
@nox.session(venv_backend="virtualenv")
def suites(session: nox.Session):
    """Compares values with scikit-learn, Elephant, PySpike, JAX, PyTorch and scipy;
    `-- NAME ...` for some of them alone.
    """
    session.install("-e", EVERYTHING, *group("suites"))
    command = ("python", "-W", "ignore", "-m", "parity._suites")
    session.run(*command, *session.posargs)


# With pip, as `bench_peers`.
@nox.session(venv_backend="virtualenv")
@nox.parametrize("peers", ["peers", "reference"])
def cells(session: nox.Session, peers: str):
    """Runs the cells of other libraries, and fails if what they give has changed."""
    session.install("-e", EVERYTHING, *group(peers))
    command = ("python", "-W", "ignore", "-m", "parity._golden")
    session.run(*command, *(session.posargs or ["--check"]))


# With pip, as `bench_peers`.
@nox.session(venv_backend="virtualenv")
def exchange(session: nox.Session):
    """Exchanges networks with other libraries, and fails if what they give changed."""
    session.install("-e", EVERYTHING, *group("exchange"))
    # It asks for an older nir than it works with.
    session.install("--no-deps", "sinabs==3.1.3")
    command = ("python", "-W", "ignore", "-m", "parity._nir")
    session.run(*command, *(session.posargs or ["--check"]))


@nox.session
def accuracy(session: nox.Session):
    """Measures values and derivatives beside mpmath, and writes docs/accuracy.md."""
    session.install("-e", EVERYTHING, *group("tests"))
    session.run("python", "-m", "benchmarks.accuracy", *session.posargs)


@nox.session
def mutation(session: nox.Session):
    """Changes the code at random places, and counts the changes that tests notice."""
    session.install("-e", EVERYTHING, *group("mutation"))
    session.run("python", "tests/mutation.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session):
    """Calls all that is public; `-- --minutes 60 --seed 1 --only io` for others."""
    session.install("-e", EVERYTHING, *group("tests"))
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def coverage(session: nox.Session):
    """Runs the tests, and fails if they leave out more than 2 % of the lines."""
    session.install("-e", EVERYTHING, *group("coverage"))
    run_tests(session, "--cov=ngcx", "--cov-fail-under=98")


@nox.session
def examples(session: nox.Session):
    """Runs all examples in full, and holds them to what they claim."""
    session.install("-e", EVERYTHING, *group("tests"))
    session.install("--no-deps", *group("speakers"))
    env = {"NGCX_EXAMPLES": "full"}
    session.run("pytest", *ALL, "tests/examples", *session.posargs, env=env)


@nox.session
def bench(session: nox.Session):
    """Times ngcx side by side with the alternatives; `-- NAME ...` for some alone, and
    `-- --compare` to fail at what is slower than the results that are kept.
    """
    session.install("-e", EVERYTHING)
    session.run("python", "-m", "benchmarks", "--results", "ngcx", *session.posargs)


@nox.session
def scale(session: nox.Session):
    """Measures how time and memory grow, and writes docs/scaling.md; `-- NAME ...` for
    the operations whose names begin so.
    """
    session.install("-e", EVERYTHING)
    session.run("python", "-m", "benchmarks.scale", *session.posargs)


# With pip, whose PIP_FIND_LINKS may name a CPU build of torch.
@nox.session(venv_backend="virtualenv")
@nox.parametrize("peers", list(PEERS))
def bench_peers(session: nox.Session, peers: str):
    """Times ngcx side by side with other libraries, where they do the same work."""
    session.install("-e", EVERYTHING, *group(peers))
    names = session.posargs or PEERS[peers]
    command = ("python", "-W", "ignore", "-m", "benchmarks")
    session.run(*command, "--results", peers, *names)


@nox.session(reuse_venv=False)
def build(session: nox.Session):
    """Builds the package, installs it, and runs the README's example on it."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.install(*map(str, pathlib.Path("dist").glob("*.whl")))
    (example,) = re.findall(
        "^```python\n(.*?)^```", pathlib.Path("README.md").read_text(), re.DOTALL | re.M
    )
    with session.chdir(session.create_tmp()):  # away from the checkout
        session.run("python", "-c", example)
