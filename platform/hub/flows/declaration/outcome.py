"""What applying a declaration changes, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Sign = Literal["+", "~", "=", "-", "?"]


@dataclass(frozen=True, slots=True)
class Change:
    """``sign``: + created, ~ changed, = same, - ended, ? there but not declared.
    ``what``: e.g. ``connection hartley/shop``.
    ``details``: "field: old → new"; of secrets only set, changed or unchanged."""

    sign: Sign
    what: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.sign} {self.what}" + (f": {'; '.join(self.details)}" if self.details else "")


@dataclass(slots=True)
class Outcome:
    """``subscribable``: ids of connections whose source can push, by schema (for --subscribe)."""

    changes: list[Change] = field(default_factory=list)
    subscribable: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, sign: Sign, what: str, *details: str) -> None:
        self.changes.append(Change(sign, what, details))

    def settled(self, what: str, new: bool, details: list[str]) -> None:
        """One thing's line: created, changed in ``details``, or the same."""
        self.add("+" if new else "~" if details else "=", what, *details)

    @property
    def nothing(self) -> bool:
        """Whether nothing had to be changed."""
        return all(change.sign in "=?" for change in self.changes)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """ "name: old → new" for every name in ``new`` whose value differs."""
    return [
        f"{name}: {_shown(old.get(name))} → {_shown(value)}"
        for name, value in new.items()
        if old.get(name) != value
    ]


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
