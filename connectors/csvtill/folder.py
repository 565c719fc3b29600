"""The folder as a safe place: nothing above its root, nothing through a link, no half files.

Every store has a sub-folder: ``S01/out`` (the till writes), ``S01/in`` (we write) and
``S01/archive`` (what we have read).
"""

from __future__ import annotations

import hashlib
import heapq
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.sdk.errors import AccessRefused, Owner, Unavailable

STORE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$")
JOURNAL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.csv$", re.IGNORECASE)
NUMBERED = re.compile(r"^(\d{15})-")
#: A journal of one till and day is some hundred kilobytes; what is above this is no journal.
LARGEST = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file in a store's ``out``. ``name``: relative to the root, with ``/``."""

    store: str
    name: str
    size: int
    changed: float


class Folder:
    """Raises AccessRefused when the root is no folder of ours to use."""

    def __init__(self, root: str) -> None:
        path = Path(root)
        if not path.is_absolute() or ".." in path.parts:
            raise AccessRefused(
                f"The folder {root!r} is not a whole path: enter one that begins with a slash.",
                code="scope-missing",
                owner=Owner.PARTNER,
            )
        if not path.is_dir():
            raise Unavailable(
                f"The folder {root} is not there: mount the share or correct the setting.",
                owner=Owner.PARTNER,
            )
        self.root = path.resolve()

    def stores(self) -> list[str]:
        """Names of the sub-folders that are stores; links are not followed."""
        with os.scandir(self.root) as entries:
            return sorted(
                e.name for e in entries if STORE.match(e.name) and e.is_dir(follow_symlinks=False)
            )

    def within(self, name: str) -> Path:
        """The path of a name below the root. Raises AccessRefused for any way out."""
        path = self.root.joinpath(*name.split("/"))
        if name.startswith("/") or ".." in name.split("/") or path.resolve() != path:
            raise AccessRefused(
                f"{name!r} leads out of the tills' folder (a link or ..): remove it there.",
                code="scope-missing",
                owner=Owner.PARTNER,
            )
        return path

    def dropped(self, limit: int) -> list[Dropped]:
        """The first ``limit`` journals by name, over all stores; links are left alone."""
        return heapq.nsmallest(
            limit,
            (file for store in self.stores() for file in self._out(store)),
            key=lambda file: (file.name.rsplit("/", 1)[1], file.store),
        )

    def _out(self, store: str) -> Iterator[Dropped]:
        try:
            out = self.within(f"{store}/out")
            entries = os.scandir(out)
        except (AccessRefused, FileNotFoundError):
            return
        with entries:
            for entry in entries:
                if JOURNAL.match(entry.name) and entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    yield Dropped(store, f"{store}/out/{entry.name}", stat.st_size, stat.st_mtime)

    def read(self, name: str) -> bytes | None:
        """Whole bytes; None if it has gone meanwhile. Never follows a link."""
        try:
            handle = os.open(self.within(name), os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(LARGEST + 1)

    def archive(self, name: str) -> None:
        """Move a read journal to ``archive``; done before is done. Nothing is overwritten
        unless it is byte for byte the same."""
        source = self.within(name)
        raw = self.read(name)
        if raw is None:
            return
        store, _, base = name.split("/", 2)
        shelf = self.within(f"{store}/archive")
        shelf.mkdir(exist_ok=True)
        target = self.within(f"{store}/archive/{base}")
        if target.exists() and target.read_bytes() != raw:
            mark = hashlib.sha256(raw).hexdigest()[:12]
            target = target.with_name(f"{target.stem}-{mark}{target.suffix}")
        source.replace(target)

    def hand_in(self, store: str, kind: str, content: bytes) -> bool:
        """Give a store's tills a file, whole or not at all; False if it is the newest already.

        Names begin with a number that only grows, so that a till applies files in order, and end
        with their content's hash, so that a repeated send is seen.
        """
        inbox = self.within(f"{store}/in")
        inbox.mkdir(parents=True, exist_ok=True)
        mark = hashlib.sha256(content).hexdigest()[:16]
        waiting = sorted(path.name for path in inbox.iterdir() if NUMBERED.match(path.name))
        newest = next((n for n in reversed(waiting) if f"-{kind}-" in n), "")
        if newest.endswith(f"-{kind}-{mark}.csv"):
            return False
        number = max(time.time_ns() // 1_000_000, int(waiting[-1][:15]) + 1 if waiting else 0)
        half = inbox / f".{kind}-{mark}.part"
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(inbox / f"{number:015d}-{kind}-{mark}.csv")
        return True
