"""Write TOML (v1.0.0) as a declaration needs it: the standard library only reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")
#: Wider values are laid out over several lines where TOML allows it (in lists).
WIDTH = 90
ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}


class Unsayable(ValueError):
    """TOML has no word for the value (null, or something that is no data)."""


def key(name: str) -> str:
    """A key, quoted where it must be."""
    return name if BARE.fullmatch(name) else _text(name)


def value(found: Any) -> str:
    """One value on one line. Raises Unsayable for null, at any depth."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return _text(found)
    if isinstance(found, int | float | Decimal):
        return str(found)
    if isinstance(found, Mapping):
        inside = ", ".join(f"{key(str(n))} = {value(v)}" for n, v in found.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(found, Sequence):
        return f"[{', '.join(value(item) for item in found)}]"
    raise Unsayable(f"TOML can't say {found!r}.")


def line(name: str, found: Any) -> str:
    """``name = value``; a long list takes a line for each item."""
    text = f"{key(name)} = {value(found)}"
    if len(text) > WIDTH and isinstance(found, list) and found:
        items = "".join(f"    {value(item)},\n" for item in found)
        text = f"{key(name)} = [\n{items}]"
    return text


def table(header: str, values: Mapping[str, Any]) -> str:
    """A table under ``header`` ("[x]" or "[[x]]"), then a blank line. None and empty: left out."""
    lines = [line(name, found) for name, found in values.items() if found not in (None, {}, [])]
    return "\n".join([header, *lines]) + "\n\n"


def _text(found: str) -> str:
    shown = "".join(
        ESCAPES.get(char, char if char >= " " and char != "\x7f" else f"\\u{ord(char):04x}")
        for char in found
    )
    return f'"{shown}"'
