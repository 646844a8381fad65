"""What a pytree is made of, in JSON that a person can read.

Arrays, keys and Python numbers are saved. All else (classes, static fields, functions,
strings) is stated: it comes from `like` when a file is loaded, and is compared then.
"""

import dataclasses
import enum
import functools as ft
import hashlib
import json
import math
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np


# Each kind of number has a function that reads it from its text.
NUMBERS: dict[str, Callable[[str], Any]] = {
    "bool": lambda text: text == "True",
    "int": int,
    "float": float,
    "complex": complex,
}
# What compiled code is differs between versions of Python. No field has this name.
CODE = "<code>"
# What `__reduce_ex__` gives, by position.
_PARTS = ("made by", "arguments", "state", "items", "pairs", "set state by")
_JITTED: Any = type(jnp.tanh)  # The class of what `jax.jit` gives has no public name.


def described(tree, name: str, path: str = "") -> Iterator[tuple[dict[str, Any], Any]]:
    """The nodes and leaves of a tree, each before its children, and what a file says of
    them. `name` is what an error calls the tree.
    """
    children, structure = _one_level(tree)
    if structure.node_data() is None:
        yield {"path": path} | _leaf(tree, name + path), tree
        return
    entry = {"path": path, "kind": "node", "class": class_name(type(tree))}
    state = ft.partial(_stated, name=name + path)
    static = _static(tree, children, structure, state)
    yield entry | {"static": static, "children": len(children)}, tree
    for key, child in children:
        yield from described(child, name, path + jtu.keystr(key))


def class_name(kind: type) -> str:
    """The public name of a class, which stays when a private file is moved."""
    name = public_name(kind) or f"{_module(kind.__module__)}.{kind.__qualname__}"
    return name.removeprefix("builtins.")


def public_name(value) -> str | None:
    """The name by which a class or a function can be imported, if it has one."""
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not (isinstance(module, str) and isinstance(name, str)):
        return None
    parts = [part for part in module.split(".") if not part.startswith("_")]
    above = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    for where in [*above, module]:
        if found(f"{where}.{name}") is value:
            return f"{_module(where)}.{name}"
    return None


def found(name: str) -> Any:
    """What has this name in the modules that are imported already, or None."""
    module, names = name, []
    while module and module not in sys.modules:
        module, _, last = module.rpartition(".")
        names.insert(0, last)
    value = sys.modules.get(module)
    for each in names:
        # `getattr` might run code, as of a module that loads its names lazily.
        value = getattr(value, "__dict__", {}).get(each)
    return value


def _is_array(leaf) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)


def is_key(leaf) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _module(name: str) -> str:
    """A script is called as it is when another imports it."""
    main = sys.modules.get(name)
    if name != "__main__" or main is None:
        return name
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name if spec else Path(file).stem if file else name


def _one_level(node):
    return jtu.tree_flatten_with_path(node, is_leaf=lambda each: each is not node)


def _static(node, children, structure, state: Callable) -> dict[str, Any]:
    """The fields that are no children, or what else JAX keeps of a node."""
    keys = [key[0] for key, _ in children]
    named = all(isinstance(key, jtu.GetAttrKey) for key in keys)
    if dataclasses.is_dataclass(node) and named:
        dynamic = {key.name for key in keys}
        names = [field.name for field in dataclasses.fields(node)]
        static = [name for name in names if name not in dynamic and hasattr(node, name)]
        return {name: state(getattr(node, name)) for name in static}
    # The keys of a dictionary are in the paths of its children.
    kept = None if type(node) is dict else structure.node_data()[1]
    return {} if kept is None else {"kept": state(kept)}


def _leaf(leaf, name: str) -> dict[str, Any]:
    if _is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct):
        if type(leaf) is not np.ndarray and isinstance(leaf, np.ndarray):
            raise TypeError(
                f"`{name}` is a {class_name(type(leaf))}, of which only the numbers "
                "would be saved.\nSave `np.asarray` of it, and what else it holds, as "
                "a mask, beside it."
            )
        entry = {"dtype": str(leaf.dtype), "shape": list(leaf.shape)}
        if is_key(leaf):
            made = isinstance(leaf, jax.Array)
            implementation = str(jr.key_impl(leaf)) if made else None
            return {"kind": "key"} | entry | {"implementation": implementation}
        if leaf.dtype.hasobject:
            raise TypeError(
                f"`{name}` must be an array of numbers or text; got objects.\n"
                "Convert it with `np.asarray(..., float)`, or save a list of them."
            )
        weak = {"weak_type": True} if getattr(leaf, "weak_type", False) else {}
        return {"kind": "array"} | entry | weak
    if type(leaf) in (bool, int, float, complex):
        # The text is exact for integers of any size, and for floats.
        return {"kind": type(leaf).__name__, "value": repr(leaf)}
    holder = f"a {class_name(type(leaf))}"
    return {"kind": "stated", "value": _stated(leaf, name, holder)}


def _stated(
    value: Any, name: str, holder: str = "", outer: tuple[int, ...] = ()
) -> Any:
    """What a file says of a value that it does not give back.

    Arrays within `holder`, a function or an object that is no pytree, are refused: one
    would expect them to come back.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float and math.isfinite(value):
        return value
    if kind in (float, complex, bytes):
        return {kind.__name__: repr(value)}
    if isinstance(value, np.dtype):
        return {"dtype": str(value)}
    if isinstance(value, np.generic):
        return {"dtype": str(value.dtype), "value": str(value)}
    if isinstance(value, enum.Enum):
        return {"name": f"{class_name(kind)}.{value.name}"}
    if isinstance(value, types.ModuleType):
        return {"name": value.__name__}
    if known := class_name(value) if isinstance(value, type) else public_name(value):
        return {"name": known}
    if id(value) in outer:
        return {"again": class_name(kind)}

    state = ft.partial(_stated, name=name, outer=(*outer, id(value)))
    if kind is np.ndarray and value.dtype.hasobject:
        return {"objects": state(value.tolist(), holder=holder)}
    if hasattr(value, "__array__") and holder:
        raise TypeError(
            f"`{name}` holds an array within {holder}, and it would be lost.\n"
            "Make it a field of a module, or save it beside."
        )
    if kind is np.ndarray or isinstance(value, jax.Array):
        return _stated_array(value)
    return _stated_parts(value, ft.partial(state, holder=holder), state)


def _stated_array(value: Any) -> dict[str, Any]:
    array = np.asarray(jr.key_data(value) if is_key(value) else value)
    values = [str(each) for each in array.ravel()] if array.size <= 16 else None
    values = values or f"sha256 {hashlib.sha256(array.tobytes()).hexdigest()}"
    return {"dtype": str(value.dtype), "shape": list(value.shape), "values": values}


def _stated_parts(value: Any, state: Callable, state_in: Callable) -> Any:
    """Containers, functions and objects, by what they are made of."""
    kind = type(value)
    if kind is list:
        return [state(each) for each in value]
    if kind is tuple:
        return {"tuple": [state(each) for each in value]}
    if kind is dict:
        items = [[state(key), state(each)] for key, each in value.items()]
        return {"dict": sorted(items, key=json.dumps)}
    if kind in (set, frozenset):
        return {kind.__name__: sorted(map(state, value), key=json.dumps)}
    children, structure = _one_level(value)
    if structure.node_data() is not None:
        parts = {jtu.keystr(key): state(child) for key, child in children}
        static = _static(value, children, structure, state)
        return {"class": class_name(kind), "static": static, "children": parts}
    if isinstance(value, jtu.PyTreeDef):
        data = value.node_data() and list(map(state, value.node_data()))
        return {"structure": data, "children": list(map(state, value.children()))}
    if not callable(value):
        return _stated_object(value, state)

    state = ft.partial(state_in, holder=_called(value))
    if kind is _JITTED:
        # What it wraps may wrap another in turn, as by `jax.vmap`, with arguments.
        return {"jit": state(vars(value)["__wrapped__"])}
    if not isinstance(value, types.FunctionType):
        return _stated_object(value, state)
    filled = [cell for cell in value.__closure__ or () if cell != types.CellType()]
    inputs = {
        "closure": [cell.cell_contents for cell in filled],
        "defaults": value.__defaults__,
        "keywords": value.__kwdefaults__,
    }
    inputs = {each: state(given) for each, given in inputs.items() if given}
    name = f"{_module(value.__module__)}.{value.__qualname__}"
    return {"name": name, CODE: _code(value.__code__)[:16]} | inputs


def _called(value) -> str:
    name = getattr(value, "__qualname__", None)
    return f"the function {name}" if name else f"a {class_name(type(value))}"


def _code(code: types.CodeType) -> str:
    """A digest of what a function does, without the lines where it is written."""
    constants = [
        _code(each)
        if isinstance(each, types.CodeType)
        else sorted(map(repr, each))
        if isinstance(each, frozenset)
        else repr(each)
        for each in code.co_consts
    ]
    does = (code.co_code, code.co_names, code.co_freevars, constants)
    return hashlib.sha256(repr(does).encode()).hexdigest()


def _stated_object(value, state: Callable) -> dict[str, Any]:
    """An object by what it is copied from; by its text or its class if it cannot be."""
    entry: dict[str, Any] = {"class": class_name(type(value))}
    if isinstance(value, ft.partial):
        arguments = [value.func, *value.args]
        return entry | {
            "arguments": state(arguments),
            "keywords": state(value.keywords),
        }
    try:
        made = value.__reduce_ex__(4)
    except Exception:  # Each class refuses in its own way.
        text = repr(value)
        return entry if " at 0x" in text else entry | {"text": text}
    if isinstance(made, str):
        return entry | {"text": made}
    if made[0].__name__ == "__newobj__":  # It is the class that makes it, as usual.
        made = (None, made[1][1:] or None, *made[2:])
    for what, part in zip(_PARTS, made, strict=False):
        if part is not None:
            entry[what] = state(list(part) if isinstance(part, Iterator) else part)
    return entry
