"""Paths into JSON and templates of text. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

import msgspec

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*)\]")
_WHOLE = re.compile(r"(?:(?:^|\.)[^.\[\]{}\s]+|\[(?:\d+|\*)\])*")
_NAME = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class BadPath(ValueError):
    """Not written as a path is."""


def steps(path: str) -> list[str | int]:
    """``a.b[0]`` → ["a", "b", 0]; "*" stands for every item. Raises BadPath."""
    if not _WHOLE.fullmatch(path):
        raise BadPath(f"{path!r} is no path: write names with dots and [0] for an item.")
    found: list[str | int] = []
    for name, index in _STEP.findall(path):
        found.append(name if name else index if index == "*" else int(index))
    return found


def at(value: Any, path: str) -> Any:
    """What the path leads to; None if it leads nowhere."""
    for step in steps(path):
        if not isinstance(value, list if isinstance(step, int) else dict):
            return None  # text has items too, but no path means its letters
        try:
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError):
            return None
    return value


def raw_at(body: bytes, path: str) -> bytes | None:
    """The very bytes the path leads to, so that no number is written anew. None if nowhere.

    Raises msgspec.DecodeError.
    """
    raw: Any = body
    for step in steps(path):
        kind = list[msgspec.Raw] if isinstance(step, int) else dict[str, msgspec.Raw]
        try:
            raw = bytes(msgspec.json.decode(raw, type=kind)[step])  # type: ignore[index]
        except (KeyError, IndexError, msgspec.ValidationError):
            return None
    return bytes(raw)


def raw_items(raw: bytes) -> list[bytes]:
    """The items of a JSON list as their bytes. Raises msgspec.ValidationError if it is none."""
    return [bytes(item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]


def placed(path: str, value: Any) -> Any:
    """``a.b`` and a value → {"a": {"b": value}}."""
    for step in reversed(steps(path)):
        value = {step: value}
    return value


def text(value: Any) -> str:
    """An id, a code or a state as text; "" for nothing. A whole float is written as a number is."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def names(template: str) -> list[str]:
    """What stands in braces."""
    return _NAME.findall(template)


def filled(template: str, value: Callable[[str], Any]) -> str:
    """The template with ``value(name)`` in place of each name. Raises KeyError(name) if there is
    nothing to put there."""
    return _filled(template, value, str)


def address(template: str, value: Callable[[str], Any]) -> str:
    """The same for an address: each value stays within its segment or its part of the query.

    Raises KeyError(name) for nothing, and for dots alone: an address with a hole in it, or one that
    climbs, leads somewhere else.
    """
    return _filled(template, value, lambda found: "" if found in (".", "..") else _quoted(found))


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _filled(template: str, value: Callable[[str], Any], escape: Callable[[str], str]) -> str:
    def one(match: re.Match[str]) -> str:
        found = escape(text(value(match[1])))
        if not found:
            raise KeyError(match[1])
        return found

    return _NAME.sub(one, template)


def lookup(values: Mapping[str, Any]) -> Callable[[str], Any]:
    """Names of a template: plain ones, and ``sent.a.b`` as a path below ``sent``."""

    def value(name: str) -> Any:
        first, _, rest = name.partition(".")
        return at(values.get(first), rest) if rest else values.get(first)

    return value


def with_numbers(body: Any, wanted: list[str]) -> Any:
    """The body with decimal text at the paths written as JSON numbers, digit by digit."""
    for path in wanted:
        body = _numbered(body, steps(path))
    return body


def _numbered(value: Any, path: list[str | int]) -> Any:
    if not path:
        return _number(value)
    step, rest = path[0], path[1:]
    if step == "*" and isinstance(value, list):
        return [_numbered(item, rest) for item in value]
    if isinstance(value, dict) and step in value:
        return {**value, step: _numbered(value[step], rest)}
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [_numbered(v, rest) if i == step else v for i, v in enumerate(value)]
    return value


def _number(value: Any) -> Any:
    """Raises ValueError for text that is no decimal."""
    if not isinstance(value, str):
        return value
    try:
        plain = format(Decimal(value), "f")
    except InvalidOperation as error:
        raise ValueError(value) from error
    if not _NUMBER.fullmatch(plain):
        raise ValueError(value)
    return msgspec.Raw(plain.encode())


def every(value: Any) -> Iterator[Any]:
    """The items of a list, a single value as one, nothing as none."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value
