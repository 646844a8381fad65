"""Every chore is one command: `nox -l` lists them."""

import itertools
import os
import re

import nox


nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
EVERYTHING = ".[testing,viz,examples]"


def group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PROJECT, name)


def run_tests(session: nox.Session):
    env = {"HYPOTHESIS_PROFILE": os.environ.get("HYPOTHESIS_PROFILE", "ci")}
    session.run("pytest", "-n", "auto", *session.posargs, env=env)


@nox.session
def tests(session: nox.Session):
    """Runs the tests; further arguments go to pytest."""
    session.install("-e", EVERYTHING, *group("tests"))
    run_tests(session)


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
    session.install("-e", ".[testing,viz]", *group("docs"))
    session.env["MPLBACKEND"] = "agg"
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def faults(session: nox.Session):
    """Saves while processes are killed, disks are full and bytes are altered."""
    session.install("-e", EVERYTHING, *group("tests"))
    env = {"NGCX_FAULTS": "thorough"}
    session.run("pytest", "-s", "tests/io/test_faults.py", *session.posargs, env=env)


@nox.session
def bench(session: nox.Session):
    """Times ngcx side by side with the alternatives."""
    session.install("-e", ".[examples]")
    session.run("python", "-m", "benchmarks", *session.posargs)


# With pip, whose PIP_FIND_LINKS may name a CPU build of torch.
@nox.session(venv_backend="virtualenv")
def bench_peers(session: nox.Session):
    """Times ngcx side by side with other libraries, where they do the same work."""
    session.install("-e", ".[examples]", *group("peers"))
    session.run("python", "-W", "ignore", "-m", "benchmarks", "snn_step", "loader")
