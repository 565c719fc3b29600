"""Lookup tables: what one system calls X, the other calls Y."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.mappings.functions import text
from hub.mappings.scope import ABSENT

#: The entry that catches every value without one of its own.
ANY = "*"

Tables = Mapping[str, Mapping[str, Any]]


def merged(shipped: Tables, own: Tables) -> dict[str, dict[str, Any]]:
    """A connection's own entries win over those shipped with the rules, entry by entry."""
    return {name: {**shipped.get(name, {}), **own.get(name, {})} for name in {**shipped, **own}}


def find(table: Mapping[str, Any], value: Any) -> Any:
    """The entry for a scalar, else the table's ``*``, else ABSENT. Keys compare as text."""
    key = value if type(value) is str else text(value)
    if key in table:
        return table[key]
    return table.get(ANY, ABSENT)
