"""What is wrong with a record or with a mapping, every problem named with its place.

Codes of a record: unmapped-value, lookup-missing, type-mismatch, missing-required. Of the rules:
bad-rule. (no-rule-matched is the normaliser's: no mapping of a stream applied.)
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.canonical.problems import Problem, shown

__all__ = ["MappingError", "Problem", "shown"]


class MappingError(Exception):
    """A record can't be mapped, or rules can't be compiled. ``problems``: all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(map(str, self.problems)))

    @property
    def code(self) -> str:
        """The code of the first problem: the one an exception row is grouped by."""
        return self.problems[0].code if self.problems else "bad-rule"
