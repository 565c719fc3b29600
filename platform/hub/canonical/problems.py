"""What is wrong with canonical content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """``path``: as in ``lines[2].taxes[0].code``; "" is the whole. ``code``: an exception code.
    ``message``: one sentence with the offending value and the move."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def shown(value: object) -> str:
    """A value as it appears in a message: short, quoted, never a whole document."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
