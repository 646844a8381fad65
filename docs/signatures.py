"""Shows how each module is made: Equinox writes its `__init__` from its fields, which
the source does not show. mkdocstrings calls it when it has read the source.
"""

import dataclasses
import importlib
import inspect

import griffe

from ngcx._module import Module


class Signatures(griffe.Extension):
    def on_package(self, *, pkg, **_):
        for cls in _classes(pkg):
            actual = vars(importlib.import_module(cls.module.path)).get(cls.name)
            if (
                inspect.isclass(actual)
                and issubclass(actual, Module)
                # All others would inherit an `__init__` of the base.
                and actual is not Module
                and not inspect.isabstract(actual)
                and "__init__" not in cls.all_members
            ):
                made = [_parameter(cls, field) for field in dataclasses.fields(actual)]
                itself = griffe.Parameter("self", kind=_KINDS[False])
                parameters = griffe.Parameters(itself, *made)
                function = griffe.Function("__init__", parameters=parameters)
                cls.set_member("__init__", function)


# The kind of a parameter follows from whether its field is for keywords alone.
_KINDS = {
    False: griffe.ParameterKind.positional_or_keyword,
    True: griffe.ParameterKind.keyword_only,
}


def _classes(parent):
    for member in parent.members.values():
        if member.is_alias:
            continue
        if member.is_class:
            yield member
        elif member.is_module:
            yield from _classes(member)


def _parameter(cls, field):
    attribute = cls.all_members[field.name]
    default = None
    if field.default is not dataclasses.MISSING:
        default = attribute.value
        # The default may stand inside of `eqx.field(static=True, default=...)`.
        if isinstance(default, griffe.ExprCall):
            named = {getattr(each, "name", None): each for each in default.arguments}
            default = named["default"].value if "default" in named else default
    return griffe.Parameter(
        field.name,
        annotation=attribute.annotation,
        kind=_KINDS[field.kw_only],
        default=default,
    )
