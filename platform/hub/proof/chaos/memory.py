"""How much memory our processes take while they are under fire: the highest of samples."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.proof.chaos.world import OURS
from hub.runtime.installation import Installation

EVERY = 3.0
PAGE_KB = 4


class Memory:
    """Samples resident memory of each of our processes and its children, while in the context."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._peaks: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._over.set()
        self._thread.join()

    def peaks(self) -> dict[str, int]:
        """Megabytes, by process; ``total`` is the highest sum at one moment."""
        return dict(self._peaks)

    def _sample(self) -> None:
        while not self._over.wait(EVERY):
            by_group = _resident_by_group()
            pids = self._installation.pids()
            now = {name: by_group.get(pids.get(name, 0), 0) // 1024 for name in OURS}
            for name, megabytes in {**now, "total": sum(now.values())}.items():
                self._peaks[name] = max(megabytes, self._peaks.get(name, 0))


def _resident_by_group() -> dict[int, int]:
    """Kilobytes by process group: each process of ours leads one, its children are in it."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        group, pages = int(fields[2]), int(fields[21])
        found[group] = found.get(group, 0) + pages * PAGE_KB
    return found
