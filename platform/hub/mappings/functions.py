"""The named functions a rule may call, as listed in docs/mappings.md.

All are pure; a ValueError says that the value is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.mappings import decimals, instants


@dataclass(frozen=True, slots=True)
class Function:
    """``least``/``most``: number of arguments, ``most`` None = any."""

    call: Callable[..., Any]
    least: int = 1
    most: int | None = 1


def text(value: Any) -> str:
    """A scalar as text: numbers by their shortest form, booleans as true and false."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return decimals.float_text(value)
    raise ValueError(f"a {kind.__name__} is not a single value.")


def join(values: Any, separator: str = ", ") -> str:
    return separator.join(map(text, _listed(values)))


def count(values: Any) -> int:
    return len(_listed(values))


def slug(value: Any) -> str:
    """Lower-case ASCII words joined by hyphens."""
    ascii_only = unicodedata.normalize("NFKD", text(value)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


def lower(value: Any) -> str:
    return text(value).lower()


def upper(value: Any) -> str:
    return text(value).upper()


def strip(value: Any) -> str:
    return text(value).strip()


def _listed(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ValueError(f"a {type(value).__name__} is not a list.")
    return list(value)


FUNCTIONS: dict[str, Function] = {
    "text": Function(text),
    "decimal": Function(decimals.decimal_text),
    "neg": Function(decimals.neg),
    "abs": Function(decimals.absolute),
    "add": Function(decimals.add, 2, None),
    "sub": Function(decimals.sub, 2, None),
    "mul": Function(decimals.mul, 2, None),
    "div": Function(decimals.div, 2, 2),
    "sum": Function(decimals.total, 1, None),
    "round2": Function(decimals.round2),
    "scale": Function(decimals.scale, 2, 2),
    "utc": Function(instants.utc),
    "local_utc": Function(instants.local_utc, 2, 2),
    "day": Function(instants.day, 1, 2),
    "lower": Function(lower),
    "upper": Function(upper),
    "strip": Function(strip),
    "join": Function(join, 1, 2),
    "count": Function(count),
    "slug": Function(slug),
    "int": Function(decimals.integer),
    "float_text": Function(decimals.float_text),
    "date_only": Function(instants.date_only),
    "sql_time": Function(instants.sql_time),
}
