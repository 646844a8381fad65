"""The design of ngcx: what imports what, how classes derive, the one way to compile,
and how code is written.
"""

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


ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "ngcx"
SUBPACKAGES = [each.name for each in pkgutil.iter_modules([PACKAGE]) if each.ispkg]
CLASSES = [
    member
    for name in SUBPACKAGES
    for module in [getattr(ngcx, name)]
    for member in (getattr(module, public) for public in dir(module))
    if inspect.isclass(member) and issubclass(member, eqx.Module)
]
OURS = sorted(PACKAGE.glob("**/*.py"))
EVERYWHERE = OURS + sorted(
    path
    for folder in ("tests", "examples", "benchmarks", "parity")
    for path in (ROOT / folder).glob("**/*.py")
)


def relative(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def in_fresh_python(program: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


# Imports.

# The floors from the top down: a subpackage imports from lower ones, or its own.
FLOORS = (
    ("testing", "viz", "analysis", "exchange"),
    ("density", "metrics", "neurons", "process"),
    ("surrogate", "losses", "patches", "masks", "optim", "feature_dictionaries"),
    ("activations", "init", "data", "ops", "diffeq", "io", "filters"),
)
FLOOR = {name: -i for i, names in enumerate(FLOORS) for name in names}


def sibling_imports(path: pathlib.Path):
    """The dotted names that a file imports from other subpackages."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            prefix = [node.module] if node.module else []
            for alias in node.names:
                name = ".".join([*prefix, alias.name])
                if not name.startswith("_"):  # the ground floor
                    yield name


def test_imports_run_downwards_and_take_public_names():
    for path in PACKAGE.glob("*/*.py"):
        for name in sibling_imports(path):
            subpackage, *further = name.split(".")
            floors = FLOOR[subpackage], FLOOR[path.parent.name]
            assert floors[0] <= floors[1], f"{relative(path)} imports {name}"
            private = [part for part in further if part.startswith("_")]
            assert not private, f"{relative(path)} imports {name}"


def test_importing_ngcx_loads_nothing_optional_and_no_subpackage():
    optional = ("hypothesis", "matplotlib", "nir", "scipy.stats", "sklearn", "tqdm")
    loaded = f"[m for m in sys.modules if m in {optional} or m.startswith('ngcx.')]"
    done = in_fresh_python(f"import ngcx, sys; print({loaded})")
    assert done.stdout.strip() == "[]", done.stderr


def test_loading_subpackages_makes_no_type_checker():
    program = (
        "import ngcx, sys\n"
        f"for name in {SUBPACKAGES}: getattr(ngcx, name)\n"
        "heavy = 'hypothesis', 'matplotlib', 'nir', 'scipy.stats', 'sklearn', 'tqdm'\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = in_fresh_python(program)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_subpackage_is_an_attribute_of_the_package():
    assert set(SUBPACKAGES) <= set(dir(ngcx))
    source = ast.parse((PACKAGE / "__init__.py").read_text())
    # Type checkers and editors see what is imported for them alone.
    (for_checkers,) = (node for node in source.body if isinstance(node, ast.If))
    imports = [node for node in for_checkers.body if isinstance(node, ast.ImportFrom)]
    assert [alias.name for node in imports for alias in node.names] == SUBPACKAGES


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("testing", "hypothesis", "testing"),
        ("viz", "matplotlib", "viz"),
        ("exchange", "nir", "nir"),
    ],
)
def test_what_is_missing_is_said_with_its_extra(name, package, extra):
    done = in_fresh_python(
        f"import sys; sys.modules[{package!r}] = None; import ngcx.{name}"
    )
    assert f"ImportError: `ngcx.{name}` needs {package}" in done.stderr
    assert f"ngcx[{extra}]" in done.stderr


# Classes.

OF_EACH_CLASS = (
    "__init__",
    "__check_init__",
    "__init_subclass__",
    "__replace__",  # of a dataclass, from Python 3.13 on
)


@pytest.mark.parametrize("member", CLASSES, ids=lambda member: member.__name__)
def test_classes_are_abstract_or_final(member):
    """No class overrides a concrete method."""
    for name, method in vars(member).items():
        is_method = inspect.isfunction(method) or isinstance(method, _compiled._Method)
        if not is_method or name in OF_EACH_CLASS:
            continue
        for base in member.__mro__[1:]:
            overridden = vars(base).get(name)
            if overridden is not None and base.__module__.startswith("ngcx"):
                assert getattr(overridden, "__isabstractmethod__", False), name


def test_every_activation_and_surrogate_has_an_equation():
    bases = (activations.AbstractActivation, surrogate.AbstractSurrogate)
    for member in CLASSES:
        if issubclass(member, bases) and not inspect.isabstract(member):
            assert member.equation.strip(), member


def judges_one_field(compare: ast.Compare) -> bool:
    """Whether an expression compares a field of `self` with constants, and no more."""
    sides = [compare.left, *compare.comparators]
    fields = [side for side in sides if isinstance(side, ast.Attribute)]
    constants = [side for side in sides if isinstance(side, ast.Constant)]
    return len(fields) == 1 and len(fields) + len(constants) == len(sides)


def test_ranges_are_stated_where_the_field_is():
    """Relations alone are left to `__check_init__`."""
    ordered = ast.Lt | ast.LtE | ast.Gt | ast.GtE
    for path in OURS:
        for method in ast.walk(ast.parse(path.read_text())):
            if getattr(method, "name", "") != "__check_init__":
                continue
            for node in ast.walk(method):
                if isinstance(node, ast.Compare) and isinstance(node.ops[0], ordered):
                    repeated = ast.unparse(node)
                    assert not judges_one_field(node), f"{relative(path)}: {repeated}"


# One way to compile.

SPELLINGS = {"jit", "filter_jit", "jaxtyped", "beartype", "typechecked"}
COMPILERS = ("_checks.py", "_compiled.py")


def test_there_is_one_way_to_compile_and_to_check():
    for path in OURS:
        if path.name in COMPILERS:
            continue
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if not isinstance(node, ast.Attribute | ast.Name):
                continue
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in SPELLINGS:
                before = lines[max(0, node.lineno - 6) : node.lineno]
                reason = any("compiled by hand:" in line for line in before)
                assert reason, f"{relative(path)}:{node.lineno}: {name}"


def test_checks_can_be_switched_off():
    program = (
        "import jax.numpy as jnp; from ngcx.surrogate import Arctan;"
        "Arctan()(jnp.ones(3), jnp.ones((3, 1)))"
    )
    assert "TypeError: `threshold` of `Arctan`" in in_fresh_python(program).stderr
    assert in_fresh_python(program, JAXTYPING_DISABLE="1").returncode == 0
    # Those of ranges stay.
    out_of_range = "from ngcx.surrogate import Arctan; Arctan(alpha=-1.0)"
    done = in_fresh_python(out_of_range, JAXTYPING_DISABLE="1")
    assert "ValueError: `alpha` must be positive" in done.stderr


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


# How it is written.


def test_files_are_short():
    lengths = {relative(path): path.read_text().count("\n") for path in EVERYWHERE}
    assert {name: n for name, n in lengths.items() if n > 400} == {}


def test_version_is_that_of_the_package():
    assert ngcx.__version__.count(".") >= 2
