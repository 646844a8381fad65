"""What holds of every room: abstract or final, cheap to import, typed at the door."""

import ast
import gc
import inspect
import os
import pathlib
import pkgutil
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import ngcx
from ngcx import _compiled, activations, surrogate


ROOMS = [room.name for room in pkgutil.iter_modules(ngcx.__path__) if room.ispkg]
CLASSES = [
    member
    for room in ROOMS
    for member in vars(getattr(ngcx, room)).values()
    if inspect.isclass(member) and issubclass(member, eqx.Module)
]


OF_EACH_CLASS = (
    "__init__",
    "__check_init__",
    "__replace__",  # of a dataclass, from Python 3.13 on
)


# From the top down: a room imports from lower floors alone, or from beside itself.
FLOORS = (
    ("testing", "viz", "analysis"),
    ("density", "neurons", "process"),
    ("surrogate", "metrics", "patches", "masks", "optim", "feature_dictionaries"),
    ("activations", "init", "data", "ops", "diffeq", "io", "filters"),
)
FLOOR = {room: -i for i, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(pathlib.Path(ngcx.__file__).parent.glob("*/*.py"))


def run(program: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "file", FILES, ids=lambda file: f"{file.parent.name}{file.stem}"
)
def test_imports_run_downwards(file):
    room = file.parent.name
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            names = [node.module] if node.module else [n.name for n in node.names]
            for other in (name.split(".")[0] for name in names):
                if not other.startswith("_"):
                    assert FLOOR[other] <= FLOOR[room], f"{room} imports {other}"


@pytest.mark.parametrize("member", CLASSES, ids=lambda member: member.__name__)
def test_no_class_overrides_a_concrete_method(member):
    for name, method in vars(member).items():
        if not inspect.isfunction(method) or name in OF_EACH_CLASS:
            continue
        for base in member.__mro__[1:]:
            if not base.__module__.startswith("ngcx"):
                continue
            overridden = vars(base).get(name)
            assert overridden is None or overridden.__isabstractmethod__, name


@pytest.mark.parametrize("member", CLASSES, ids=lambda member: member.__name__)
def test_every_activation_and_surrogate_has_an_equation(member):
    bases = (activations.AbstractActivation, surrogate.AbstractSurrogate)
    if issubclass(member, bases) and not inspect.isabstract(member):
        assert member.equation.strip()


def test_importing_ngcx_loads_nothing_optional():
    optional = ("hypothesis", "matplotlib", "scipy.stats", "sklearn", "tqdm")
    done = run(f"import ngcx, sys; print([m for m in {optional} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_every_room_is_an_attribute_of_the_package():
    rooms = {file.parent.name for file in FILES}
    program = (
        f"import ngcx; print([room for room in {rooms} if not hasattr(ngcx, room)])"
    )
    assert run(program).stdout.strip() == "[]"


def test_testing_says_which_extra_is_missing():
    done = run("import sys; sys.modules['hypothesis'] = None; import ngcx.testing")
    assert "ImportError: `ngcx.testing` needs hypothesis" in done.stderr
    assert "ngcx[testing]" in done.stderr


def test_checks_can_be_switched_off():
    program = (
        "import jax.numpy as jnp; from ngcx.surrogate import Arctan;"
        "Arctan()(jnp.ones(3), jnp.ones((3, 1)))"
    )
    assert "TypeCheckError" in run(program).stderr
    assert run(program, JAXTYPING_DISABLE="1").returncode == 0


def test_equal_modules_share_one_program():
    traces = []

    class Traced(activations.AbstractElementwise):
        slope: float
        equation = ""

        def _value(self, x):
            traces.append(self.slope)
            return self.slope * x

        def _derivative(self, x):
            return self.slope * jnp.ones_like(x)

    for slope in (1.0, 1.0, 2.0, 1.0):
        Traced(slope)(jnp.ones(3))
    assert traces == [1.0, 2.0]


def test_modules_are_forgotten_with_their_last_reference():
    gc.collect()
    before = len(_compiled._parts)
    for slope in range(1, 20):
        surrogate.Arctan(float(slope))(jnp.ones(3))
    gc.collect()
    assert len(_compiled._parts) == before


def test_no_tracer_leaks():
    with jax.checking_leaks():
        jax.jit(lambda alpha, v: surrogate.Arctan(alpha)(v))(1.0, jnp.ones(3))


def test_version_is_that_of_the_package():
    assert ngcx.__version__.count(".") >= 2
