"""`help(X)` alone says what a public name is: its equation, each argument, the result,
the errors, an example that can be pasted, and what it might be mistaken for.
"""

import ast
import builtins
import collections
import importlib
import inspect
import pkgutil
import re
import textwrap
from typing import Any

import jaxtyping
import pytest

import ngcx


SUBPACKAGES = [each.name for each in pkgutil.iter_modules(ngcx.__path__) if each.ispkg]


def members(subpackage: str) -> dict[str, Any]:
    """The public classes and functions; what is left are instances of the classes."""
    module = importlib.import_module(f"ngcx.{subpackage}")
    return {
        name: member
        for name in dir(module)
        for member in [getattr(module, name)]
        if name[0] != "_" and (inspect.isclass(member) or inspect.isfunction(member))
    }


def text(member) -> str:
    """What `help` says of a member itself, not of its methods."""
    texts = [inspect.getdoc(member) or ""]
    if inspect.isclass(member) and "__init__" in vars(member):
        texts.append(inspect.getdoc(member.__init__) or "")
    return "\n".join(texts)


def parameters(member) -> list[str]:
    try:
        found = inspect.signature(member).parameters.values()
    except ValueError:  # of a class that inherits from `str`
        return []
    variadic = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [each.name for each in found if each.kind not in variadic]


def is_record(member) -> bool:
    """Whether a class is for others to fill or to make: it is abstract, or its fields
    and properties are all that it has.
    """
    if not inspect.isclass(member) or member.__name__.startswith("Abstract"):
        return inspect.isclass(member)
    has = {
        name: each
        for base in member.__mro__
        if base.__module__.startswith("ngcx")
        for name, each in vars(base).items()
        if name == "__call__" or name[0] != "_"
    }
    fields = {*getattr(member, "_fields", ()), *inspect.get_annotations(member)}
    return all(isinstance(has[name], property) for name in has.keys() - fields)


def raises(function) -> bool:
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    return any(isinstance(node, ast.Raise) for node in ast.walk(ast.parse(source)))


def is_formula(member) -> bool:
    """Whether numbers are computed of numbers."""
    if inspect.isclass(member):
        return hasattr(member, "equation") and not inspect.isabstract(member)
    given = [each.annotation for each in inspect.signature(member).parameters.values()]
    result = inspect.signature(member).return_annotation
    ends = *given[:1], result
    return all(getattr(each, "dtype", None) is jaxtyping.Float for each in ends)


def example(member) -> str:
    lines = re.findall(r"^ *(?:>>>|\.\.\.) ?(.*)$", text(member), re.MULTILINE)
    return "\n".join(lines)


def unbound(code: str) -> set[str]:
    """The names that code uses and makes nowhere."""
    used, made = set(), set(dir(builtins))
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                made.add(name)
            case ast.alias(name=name, asname=other):
                made.add(other or name.partition(".")[0])
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                made.add(name)
    return used - made


def is_silent(member) -> bool:
    """Whether a class has a method of which nothing is said."""
    return inspect.isclass(member) and any(
        not inspect.getdoc(getattr(member, name))
        for name, each in vars(member).items()
        if name[0] != "_" and hasattr(each, "__wrapped__")
    )


MISSING = {
    "an explanation of each argument": lambda member: all(
        re.search(rf"`\*{{0,2}}{name}[`(\[]", text(member))
        for name in parameters(member)
    ),
    "its result": lambda member: (
        inspect.isclass(member)
        or inspect.signature(member).return_annotation is None
        or "**Returns:**" in text(member)
        or "**Yields:**" in text(member)
    ),
    "its errors": lambda member: (
        inspect.isclass(member) or not raises(member) or "**Raises:**" in text(member)
    ),
    "a formula": lambda member: not is_formula(member) or "$" in text(member),
    "an example": lambda member: is_record(member) or ">>> " in text(member),
    "what a method does": lambda member: not is_silent(member),
    "an example that can be pasted": lambda member: not unbound(example(member)),
}


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("subpackage", SUBPACKAGES)
def test_help_alone_is_enough(subpackage, missing):
    has = MISSING[missing]
    lacking = [name for name, each in members(subpackage).items() if not has(each)]
    assert not lacking, f"`{subpackage}` lacks {missing}: {lacking}"


def test_what_has_the_same_name_is_told_apart():
    """`activations.LeakyReLU` is none of `surrogate`, and says so."""
    kin = collections.defaultdict(dict)
    for subpackage in SUBPACKAGES:
        for name, member in members(subpackage).items():
            kin[name.lower().replace("_", "")][f"ngcx.{subpackage}.{name}"] = member
    untold = [
        f"{path} does not mention {other}"
        for named in kin.values()
        for path, member in named.items()
        for other in named
        if other != path and f"[`{other}`][]" not in text(member)
    ]
    assert not untold, "\n".join(untold)
