"""What a file states against what `like` is."""

import itertools
import json
import warnings
from typing import Any

from ._file import PYTHON
from ._structure import CODE, NUMBERS, found


_Entry = dict[str, Any]
_NOTHING = {"name": "nothing"}
_SHOWN = 100  # characters of a long value in an error


def check_same(header: _Entry, part: range, root: str, expected: list[_Entry]):
    """Raises `ValueError` for the first node where a part of a file is not `like`."""
    held = header["nodes"][part.start : part.stop]
    if header["version"] == 1:
        _warn(
            "The file is one of ngcx 0.1.0, which states neither classes nor static "
            "fields: they were not compared with those of `like`. Save it anew."
        )
        expected = [_of_version_1(each) for each in expected if each["kind"] != "node"]
    elif header["python"] != PYTHON and CODE in json.dumps(held):
        _warn(
            f"The file was saved by Python {header['python']}, whose code is another; "
            "its lambdas and nested functions were not compared by their code."
        )
        held, expected = _without_code(held), _without_code(expected)
    for saved, given in itertools.zip_longest(held, expected):
        if saved is None or given is None or saved["path"] != root + given["path"]:
            in_file = "nothing" if saved is None else f"`{saved['path']}`"
            in_like = "nothing" if given is None else f"`like{given['path']}`"
            raise ValueError(
                f"`like` must have the structure of the file; got {in_like} where the "
                f"file has {in_file}."
            )
        one, other = _compared(saved), _compared(given)
        for what in one | other:
            values = one.get(what, _NOTHING), other.get(what, _NOTHING)
            _check_equal(f"like{given['path']}", what, *values)


def in_words(entry: _Entry) -> str:
    """What a node or leaf is."""
    if entry["kind"] in ("array", "key"):
        return f"{entry['dtype']}{entry['shape']}"
    if entry["kind"] in NUMBERS:
        return f"{entry['kind']} {entry['value']}"
    if entry["kind"] != "node":
        return _text(entry["value"]) if "value" in entry else entry["kind"]
    static = [f"{name}={_text(value)}" for name, value in entry["static"].items()]
    return ", ".join([entry["class"], *static])


def _compared(entry: _Entry) -> _Entry:
    """What must be the same, by the name that an error gives it; first what it is."""
    if entry["kind"] == "stated":
        return {"": entry["value"]}
    whole = {"": {"name": entry.get("class", entry["kind"])}}
    static = {f"`{name}`": value for name, value in entry.get("static", {}).items()}
    others = {"dtype": {"name": entry["dtype"]}} if "dtype" in entry else {}
    others |= {"shape": entry["shape"]} if "shape" in entry else {}
    others |= {"number of children": entry["children"]} if "children" in entry else {}
    return whole | static | others


def _check_equal(name: str, what: str, saved: Any, given: Any):
    in_file, in_like = _text(saved), _text(given)
    # An old name that still leads to the same class or function is as good.
    if in_file == in_like or _object(saved) is _object(given) is not None:
        return
    must = f"have the {what} of the file" if what else "be what the file has"
    pair = zip(in_file + " ", in_like + " ", strict=False)
    differs = next(i for i, (one, other) in enumerate(pair) if one != other)
    in_file, in_like = _around(in_file, differs), _around(in_like, differs)
    raise ValueError(f"`{name}` must {must}, {in_file}; got {in_like}.")


def _around(text: str, position: int) -> str:
    """The part of a long text that holds a position."""
    start = max(0, position - _SHOWN // 2)
    end = start + _SHOWN
    return "..." * (start > 0) + text[start:end] + "..." * (end < len(text))


def _text(value: Any) -> str:
    named = isinstance(value, dict) and list(value) == ["name"]
    return value["name"] if named else json.dumps(value)


def _object(value: Any) -> Any:
    named = isinstance(value, dict) and list(value) == ["name"]
    return found(value["name"]) if named else None


def _of_version_1(entry: _Entry) -> _Entry:
    return entry | {"kind": "function"} if entry["kind"] == "stated" else entry


def _without_code(entries: list[_Entry]) -> list[_Entry]:
    return json.loads(
        json.dumps(entries),
        object_hook=lambda each: {key: each[key] for key in each if key != CODE},
    )


def _warn(text: str):
    # `check_same`, `deserialize` and its checks are between this and the caller.
    warnings.warn(text, stacklevel=6)
