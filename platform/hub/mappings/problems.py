"""What is wrong with a record or with a mapping, every problem named with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: The mapping group of the exception codes, plus ``bad-rule`` for the rules themselves.
Code = Literal[
    "unmapped-value",
    "lookup-missing",
    "type-mismatch",
    "missing-required",
    "no-rule-matched",
    "bad-rule",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """``path``: where, as in ``lines[2].taxes[0].code``; "" is the whole. ``code``: an exception
    code. ``message``: one sentence with the offending value and the move."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class MappingError(Exception):
    """A record can't be mapped, or rules can't be compiled. ``problems``: all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(map(str, self.problems)))

    @property
    def code(self) -> str:
        """The code of the first problem: the one an exception row is grouped by."""
        return self.problems[0].code if self.problems else "bad-rule"


def shown(value: object) -> str:
    """A value as it appears in a message: short, quoted, never a whole document."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
