"""Every Python block of the README and of the documentation runs, every public name is
documented, and links lead somewhere.
"""

import collections
import importlib
import inspect
import pathlib
import pkgutil
import re
import runpy
import tomllib

import pytest

import ngcx


ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# These are run when the site is built.
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.py"))
SUBPACKAGES = [each.name for each in pkgutil.iter_modules(ngcx.__path__) if each.ispkg]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
# These links lead to files: neither to other sites, nor within the page, nor to what
# the build draws.
LINK = re.compile(r"\]\((?!https?:|#|(?:\.\./)?images/)([^)#]+)")


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_runs(page, standard_promotion, monkeypatch):
    # There is one host only.
    monkeypatch.setattr("jax.distributed.initialize", lambda: None)
    namespace = {}
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.thorough  # It starts two processes.
def test_code_for_many_hosts_runs_on_two(distributed):
    (page,) = (page for page in PAGES if page.stem == "many_devices_many_hosts")
    first, last = BLOCK.findall(page.read_text())
    imports = "\n".join(re.findall("^(?:import|from) .*", first, re.MULTILINE))
    data = re.findall("^data = .*", first, re.MULTILINE)[0]
    program = (
        "import functools, sys, jax\n"
        "address, number, rank = sys.argv[1], *map(int, sys.argv[2:])\n"
        "jax.distributed.initialize = functools.partial(\n"
        "    jax.distributed.initialize, address, number, rank)\n"
    )
    program = "\n".join([program, imports, data, last])
    outputs = distributed(program, 2, devices=8)
    assert [lines[-1] for lines in outputs] == ["65536.0", "65536.0"]


@pytest.mark.parametrize("page", [*PAGES, *TUTORIALS], ids=lambda page: page.stem)
def test_optimizers_are_given_floats_alone(page):
    # A mask or a count gets no gradient, and optax fails where it has a moment.
    assert not re.search(r"\.init\(eqx\.filter\(\w+, eqx\.is_array", page.read_text())


@pytest.mark.parametrize("page", [*PAGES, *TUTORIALS], ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    for link in LINK.findall(page.read_text()):
        target = (page.parent / link).resolve()
        assert target.exists() or target.with_suffix(".py") in TUTORIALS, link


def test_the_page_of_renamings_is_made_of_the_changelog():
    hook = runpy.run_path(str(ROOT / "docs" / "releases.py"))
    renamed, citation = hook["renamed"], hook["citation"]
    changes = (
        "### Changed: names, old and new\n\n- `a` is `b`.\n\n### Added\n\n- `c`.\n"
    )
    changelog = f"# Changelog\n\n## 2.0\n\n{changes}\n## 1.0\n\n### Added\n\n- `a`.\n"
    assert renamed(changelog) == "## 2.0\n\n- `a` is `b`.\n"
    assert "`diffeq.euler`" in renamed((ROOT / "CHANGELOG.md").read_text())
    entry = citation((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"version = {{{project['version']}}}" in entry


@pytest.mark.parametrize("subpackage", SUBPACKAGES)
def test_every_public_name_is_documented_once(subpackage):
    module = importlib.import_module(f"ngcx.{subpackage}")
    public = [
        name
        for name in dir(module)
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    ]
    text = "\n".join(page.read_text() for page in PAGES)
    shown = [name.split(".") for name in DIRECTIVE.findall(text)]
    documented = [name for _, owner, name in shown if owner == subpackage]
    assert collections.Counter(documented) == collections.Counter(public)
