"""Two contents side by side: which fields differ, from what to what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ABSENT = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """``path`` like ``lines.0.qty``; texts, empty where the side has no such field."""

    path: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        """added, removed or changed."""
        if self.before == ABSENT:
            return "added"
        return "removed" if self.after == ABSENT else "changed"


def differences(before: Any, after: Any) -> list[Difference]:
    """Every leaf that differs, in the order of ``after`` and then of what only ``before`` had."""
    old, new = dict(leaves(before)), dict(leaves(after))
    paths = list(new) + [path for path in old if path not in new]
    return [
        Difference(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in paths
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    ]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of each leaf. Money reads as one leaf: ``12.90 EUR``."""
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        yield path, f"{value['amount']} {value['currency']}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}.{index}" if path else str(index))
    elif value is not None:
        yield path, "yes" if value is True else "no" if value is False else str(value)
