"""What a look at one thing found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``topic``: what was looked at. ``says``: one sentence; ``mend``: whose move and which, empty
    when all is well. A note may stay as it is; what is wrong loses, leaks or stalls something."""

    topic: str
    level: Level
    says: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.level:<6} {self.topic:<12} {' '.join(f'{self.says} {self.mend}'.split())}"


Look = Callable[[], Iterable[Finding]]


def ok(topic: str, says: str) -> Finding:
    return Finding(topic, "ok", says)


def note(topic: str, says: str, mend: str) -> Finding:
    return Finding(topic, "note", says, mend)


def wrong(topic: str, says: str, mend: str) -> Finding:
    return Finding(topic, "wrong", says, mend)


def looked(topic: str, look: Look) -> Iterator[Finding]:
    """What the look finds; one that fails is a finding itself and doesn't hide the others."""
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 - whatever is broken here, the other looks go on
        said = str(error).strip().partition("\n")[0] or "no reason was given"
        yield wrong(
            topic,
            f"It could not be looked at ({type(error).__name__}: {said}).",
            "Mend what the other lines name, then look again; if only this one stays, it is a "
            "defect of Crossdock.",
        )
