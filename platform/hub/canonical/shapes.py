"""Every structural problem of a content, where msgspec's own decoder stops at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect as shape

from hub.canonical.problems import Problem, shown

_SCALARS: dict[type, tuple[type, str]] = {
    shape.StrType: (str, "text"),
    shape.BoolType: (bool, "true or false"),
    shape.IntType: (int, "a whole number"),
}


@cache
def _described(kind: type[msgspec.Struct]) -> shape.StructType:
    found = shape.type_info(kind)
    assert isinstance(found, shape.StructType)  # noqa: S101  a struct's type info is one
    return found


def structural_problems(
    kind: type[msgspec.Struct], content: Any, *, partial: bool
) -> Iterator[Problem]:
    """``kind``: an entity, or any other struct. ``partial``: required fields of the top level
    may be missing (one source's facet)."""
    yield from _check_struct(_described(kind), content, "", partial)


def _check(kind: Any, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(kind, shape.UnionType):
        yield from _check_union(kind, value, path)
    elif isinstance(kind, shape.StructType):
        yield from _check_struct(kind, value, path, partial=False)
    elif isinstance(kind, shape.ListType):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _check(kind.item_type, item, f"{path}[{index}]")
        else:
            yield _mismatch(path, value, "a list")
    elif isinstance(kind, shape.DictType):
        if isinstance(value, dict):
            for key, item in value.items():
                yield from _check(kind.value_type, item, f"{path}.{key}")
        else:
            yield _mismatch(path, value, "an object")
    elif isinstance(kind, shape.LiteralType):
        if value not in kind.values:
            known = ", ".join(map(str, kind.values))
            message = f"{shown(value)} is none of {known}: write or map it to one."
            yield Problem(path, "unmapped-value", message)
    elif type(kind) in _SCALARS:
        yield from _check_scalar(kind, value, path)


def _check_union(kind: shape.UnionType, value: Any, path: str) -> Iterator[Problem]:
    if value is None and kind.includes_none:
        return
    options = [option for option in kind.types if not isinstance(option, shape.NoneType)]
    problems = [list(_check(option, value, path)) for option in options]
    if all(problems):
        yield from problems[0]


def _check_scalar(kind: Any, value: Any, path: str) -> Iterator[Problem]:
    wanted, words = _SCALARS[type(kind)]
    if type(value) is not wanted:
        yield _mismatch(path, value, words)
        return
    pattern = getattr(kind, "pattern", None)
    if pattern and not re.search(pattern, str(value)):
        yield Problem(path, "type-mismatch", f"{shown(value)} has not the form {pattern}.")


def _check_struct(
    kind: shape.StructType, value: Any, path: str, partial: bool
) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _mismatch(path, value, "an object")
        return
    dot = f"{path}." if path else ""
    fields = {field.encode_name: field for field in kind.fields}
    for name in value:
        if name not in fields:
            message = f"There is no '{name}' here: correct or remove it."
            yield Problem(f"{dot}{name}", "type-mismatch", message)
    for name, field in fields.items():
        if name in value:
            yield from _check(field.type, value[name], f"{dot}{name}")
        elif field.required and not partial:
            yield Problem(
                f"{dot}{name}", "missing-required", "It must be there and is not: add it."
            )


def _mismatch(path: str, value: Any, wanted: str) -> Problem:
    return Problem(path, "type-mismatch", f"{shown(value)} is not {wanted}.")
