"""Named points between receiving and settling at which a process can be made to die, or to stand.

A point is a moment before or after a named function of the engine, or around a commit. Passing one
costs a look at one byte of shared memory. An armed point writes one line to a log that is only
appended to, then sends its own process SIGKILL (or SIGSTOP: a worker that sleeps past its lease at
the worst moment). Nothing of ours runs after that.
"""

from __future__ import annotations

import fcntl
import functools
import inspect
import json
import mmap
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from hub.proof.chaos.injection.points import COMMITS, FUNCTIONS, POISON_READER

Act = Literal["kill", "stop"]
SIGNALS: dict[str, signal.Signals] = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

#: Whoever reads an inbox event with these bytes in its body dies of it (a stand-in for a body that
#: makes a reader run out of memory).
POISON = b"whoever-reads-this-dies"
#: Under which name such a death stands in the log.
POISONED = "poison"


class Point:
    """``module`` is loaded with the point in it; ``attribute``: dotted name in it."""

    def __init__(self, name: str, place: str, moment: str, idle: bool = False) -> None:
        self.name = name
        self.module, self.attribute = place.split(":")
        self.moment = moment
        self.idle = idle

    def place(self, module: ModuleType) -> tuple[Any, str]:
        """Owner and name of what the point stands at. Raises AttributeError if it is gone."""
        *owners, name = self.attribute.split(".")
        owner = functools.reduce(getattr, owners, module)
        getattr(owner, name)
        return owner, name

    def around(self, original: Any, board: Board) -> Any:
        """``original`` with this point before or after it."""
        if self.moment in ("begin", "before_commit", "after_commit"):
            return _Transactions.around(original, self.moment, lambda: board.passed(self.name))
        if inspect.iscoroutinefunction(original):
            return self._around_coroutine(original, board)

        @functools.wraps(original)
        def stepped(*arguments: Any, **named: Any) -> Any:
            if self.moment == "before":
                board.passed(self.name)
            result = original(*arguments, **named)
            if self.moment == "after" and self._did(result):
                board.passed(self.name)
            return result

        return stepped

    def _around_coroutine(self, original: Any, board: Board) -> Any:
        @functools.wraps(original)
        async def stepped(*arguments: Any, **named: Any) -> Any:
            if self.moment == "before":
                board.passed(self.name)
            result = await original(*arguments, **named)
            if self.moment == "after" and self._did(result):
                board.passed(self.name)
            return result

        return stepped

    def _did(self, result: Any) -> bool:
        """Where an empty answer means that there was nothing to do, the point wasn't passed."""
        return bool(result) or not self.idle


class _Transactions:
    """A module's `django.db.transaction`, with points around what ``atomic`` does."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._points: dict[str, Callable[[], None]] = {}

    @classmethod
    def around(cls, original: Any, moment: str, passed: Callable[[], None]) -> _Transactions:
        made = original if isinstance(original, cls) else cls(original)
        made._points[moment] = passed
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def atomic(self, *arguments: Any, **named: Any) -> _Atomic:
        return _Atomic(self._real.atomic(*arguments, **named), self._points)


class _Atomic:
    def __init__(self, real: Any, points: dict[str, Callable[[], None]]) -> None:
        self._real = real
        self._points = points

    def __enter__(self) -> None:
        self._pass("begin")
        self._real.__enter__()

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> Any:
        if kind is None:
            self._pass("before_commit")
        answer = self._real.__exit__(kind, value, traceback)
        if kind is None:
            self._pass("after_commit")
        return answer

    def _pass(self, moment: str) -> None:
        if moment in self._points:
            self._points[moment]()


class _Poison(Point):
    """Before an event with the poison in its body is understood."""

    def around(self, original: Any, board: Board) -> Any:
        @functools.wraps(original)
        def stepped(connector: Any, event: Any) -> Any:
            if POISON in bytes(event.body):
                board.strike(POISONED, "kill")
            return original(connector, event)

        return stepped


POINTS: tuple[Point, ...] = (
    *(Point(name, place, moment, idle) for name, place, moment, idle in FUNCTIONS),
    *(
        Point(f"{step}.{moment}", f"{module}:transaction", moment)
        for step, module, moments in COMMITS
        for moment in moments
    ),
    _Poison(POISONED, POISON_READER, "before"),
)

#: What can be armed, in the order in which an event passes the engine's files.
NAMES: tuple[str, ...] = tuple(p.name for p in POINTS if p.name != POISONED)


# What the harness does ---------------------------------------------------------------------


def folder(home: Path) -> Path:
    """Where a run's injections live."""
    return Path(home) / "injection"


def prepare(home: Path) -> None:
    """Make the board, with nothing armed, unless it is there."""
    folder(home).mkdir(parents=True, exist_ok=True)
    with _board(home).open("ab") as file:
        file.truncate(len(NAMES) * len(SIGNALS))


def arm(home: Path, name: str, times: int = 1, act: Act = "kill") -> None:
    """The next ``times`` (≤ 255) passages of ``name``, whoever makes them, end in ``act``.

    Raises ValueError for a name that isn't there.
    """
    prepare(home)
    with _locked(home) as memory:
        memory[_index(name, act)] = min(times, 255)


def disarm(home: Path) -> None:
    """Nothing is armed any more."""
    prepare(home)
    with _locked(home) as memory:
        memory[:] = bytes(len(memory))


def armed(home: Path) -> dict[str, int]:
    """How often each point still strikes; points with none are left out."""
    prepare(home)
    with _locked(home) as memory:
        both = {n: max(memory[_index(n, a)] for a in SIGNALS) for n in NAMES}
    return {name: left for name, left in both.items() if left}


def struck(home: Path) -> list[dict[str, Any]]:
    """Every strike, oldest first: ``point``, ``act``, ``pid``, ``at`` (monotonic seconds)."""
    try:
        lines = _log(home).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]


def kills(home: Path) -> dict[str, int]:
    """How often a process was killed at each point."""
    return dict(Counter(s["point"] for s in struck(home) if s["act"] == "kill"))


def _board(home: Path) -> Path:
    return folder(home) / "armed"


def _log(home: Path) -> Path:
    return folder(home) / "struck.jsonl"


def _index(name: str, act: str) -> int:
    if name not in NAMES:
        raise ValueError(f"There is no failpoint named {name}.")
    return NAMES.index(name) + list(SIGNALS).index(act) * len(NAMES)


class _locked:
    """The board's memory, and nobody else changes it meanwhile."""

    def __init__(self, home: Path) -> None:
        self._path = _board(home)

    def __enter__(self) -> mmap.mmap:
        self._file = self._path.open("r+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._memory = mmap.mmap(self._file.fileno(), 0)
        return self._memory

    def __exit__(self, *_: object) -> None:
        self._memory.close()
        self._file.close()


# What the process itself does ---------------------------------------------------------------


class Board:
    """What is armed, seen from a process that may be struck."""

    def __init__(self, home: Path) -> None:
        prepare(home)
        self.home = home
        with _board(home).open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._places = {name: (i, i + len(NAMES)) for i, name in enumerate(NAMES)}

    def passed(self, name: str) -> None:
        """A point is passed: two bytes are looked at, and usually that is all."""
        kill, stop = self._places[name]
        if self._memory[kill] or self._memory[stop]:
            self._maybe(name)

    def _maybe(self, name: str) -> None:
        for act in SIGNALS:
            with _locked(self.home) as memory:
                left = memory[_index(name, act)]
                if left:
                    memory[_index(name, act)] = left - 1
            if left:
                self.strike(name, act)
                return

    def strike(self, name: str, act: str) -> None:
        """Say so, in one write; then the signal."""
        line = json.dumps({"point": name, "act": act, "pid": os.getpid(), "at": time.monotonic()})
        file = os.open(_log(self.home), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, (line + "\n").encode())
        os.close(file)
        os.kill(os.getpid(), SIGNALS[act])
