"""What was done to the installation, and the evidence that it bit. A fault without is no fault."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Fault:
    """``row``: of the fault matrix (docs/chaos.md). ``lanes``: targets concerned; none: all.
    ``outage``: nothing could be delivered between ``began`` and ``over``. ``evidence``: what shows
    that it bit; empty: it didn't."""

    row: int
    what: str
    began: float
    over: float = 0.0
    lanes: tuple[str, ...] = ()
    outage: bool = False
    evidence: Json = field(default_factory=dict)


@dataclass
class Ledger:
    """All faults of a run; written from several threads."""

    faults: list[Fault] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def fault(self, row: int, what: str, *lanes: str, outage: bool = False) -> Iterator[Fault]:
        """A fault for as long as the context lasts; kept when it left evidence."""
        fault = Fault(row, what, time.time(), lanes=lanes, outage=outage)
        try:
            yield fault
        finally:
            fault.over = fault.over or time.time()
            if fault.evidence:
                self.add(fault)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self.faults.append(fault)

    def complain(self, what: str) -> None:
        """Something of the harness itself went wrong while it was breaking things."""
        with self._lock:
            self.failed.append(what)

    def bitten(self) -> list[Fault]:
        with self._lock:
            return [f for f in self.faults if f.evidence]

    def by_row(self) -> dict[str, Json]:
        """{row: {count, kinds: {what: how often}, example}}, for the result."""
        kinds: dict[int, Counter[str]] = defaultdict(Counter)
        example: dict[int, Json] = {}
        for fault in self.bitten():
            kinds[fault.row][fault.what] += 1
            example.setdefault(fault.row, fault.evidence)
        return {
            str(row): {"count": sum(found.values()), "kinds": dict(found),
                       "example": example[row]}
            for row, found in sorted(kinds.items())
        }  # fmt: skip

    def told(self) -> list[Json]:
        return [asdict(f) for f in self.bitten()]

    def dump(self) -> str:
        return json.dumps(self.told())
