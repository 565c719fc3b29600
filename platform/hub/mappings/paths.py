"""Paths: ``a.b``, ``a[0]``, ``a[*].b``, ``$.a`` (from the top), ``^.a`` (enclosing scope),
``$index`` (place in the list), ``.`` (the item itself)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hub.mappings.scope import ABSENT, Node, Scope

_STEP = re.compile(r"([^.\[\]]+)|\[(-?\d+|\*)\]")
_WHOLE = re.compile(r"(?:[^.\[\]]+(?:\[(?:-?\d+|\*)\])*)(?:\.[^.\[\]]+(?:\[(?:-?\d+|\*)\])*)*")

Step = str | int | None  # a key, an index, or None for every item


class BadPath(ValueError):
    """The text is no path."""


def compile_path(text: str) -> Node:
    """A function from scope to value, ABSENT where nothing (or JSON null) is found.

    Raises BadPath.
    """
    ups, rest = 0, text
    while rest.startswith("^."):
        ups, rest = ups + 1, rest[2:]
    if rest == "$index":
        return _climb(ups, lambda s: s.index if s.index >= 0 else ABSENT)
    from_top = not ups and (rest == "$" or rest.startswith("$."))
    if from_top:
        rest = rest[2:]
    elif rest == ".":
        rest = ""
    elif not rest:
        raise BadPath(f"{text!r} is no path: write '.' for the item itself.")
    steps = _steps(rest, text)
    walk = _walker(steps)
    if not ups and len(steps) == 1 and isinstance(steps[0], str):
        return _top_key(steps[0]) if from_top else _key(steps[0])
    if from_top:
        return lambda s: walk(s.run.top)
    return _climb(ups, lambda s: walk(s.item))


def _steps(rest: str, whole: str) -> list[Step]:
    if not rest:
        return []
    if not _WHOLE.fullmatch(rest):
        raise BadPath(f"{whole!r} is no path: use names, dots, [0] and [*].")
    found: list[Step] = []
    for key, index in _STEP.findall(rest):
        found.append(key if key else None if index == "*" else int(index))
    return found


def _key(key: str) -> Node:
    """The commonest path, without a walk."""

    def get(scope: Scope) -> Any:
        item = scope.item
        if type(item) is not dict:
            return ABSENT
        value = item.get(key)
        return ABSENT if value is None else value

    return get


def _top_key(key: str) -> Node:
    def get(scope: Scope) -> Any:
        top = scope.run.top
        if type(top) is not dict:
            return ABSENT
        value = top.get(key)
        return ABSENT if value is None else value

    return get


def _climb(ups: int, inner: Node) -> Node:
    if not ups:
        return inner

    def climb(scope: Scope) -> Any:
        for _ in range(ups):
            if scope.parent is None:
                return ABSENT
            scope = scope.parent
        return inner(scope)

    return climb


def _walker(steps: list[Step]) -> Callable[[Any], Any]:
    if None in steps:
        at = steps.index(None)
        before, after = _walker(steps[:at]), _walker(steps[at + 1 :])
        flatten = None in steps[at + 1 :]
        return lambda value: _every(before(value), after, flatten)
    fixed: tuple[Step, ...] = tuple(steps)

    def walk(value: Any) -> Any:
        for step in fixed:
            if type(step) is str:
                value = value.get(step) if type(value) is dict else None
            elif type(value) is list and -len(value) <= step < len(value):  # type: ignore[operator]
                value = value[step]  # type: ignore[index]
            else:
                return ABSENT
        return ABSENT if value is None else value

    return walk


def _every(found: Any, after: Callable[[Any], Any], flatten: bool) -> Any:
    if type(found) is not list:
        return ABSENT
    values = [v for v in map(after, found) if v is not ABSENT]
    return [inner for v in values for inner in v] if flatten else values
