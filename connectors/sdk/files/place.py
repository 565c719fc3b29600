"""A place files are dropped at: names below a root, whatever carries them.

One library (fsspec) speaks to folders, SFTP and object storage; a subclass adds what is peculiar
to its carrier. Names are relative to the root with ``/`` between their parts; nothing above the
root and nothing through a link is read or written.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from connectors.sdk.errors import AccessRefused, ConnectorError, Owner, Unavailable

#: Names a writer uses while it is still writing, or an editor beside its file.
TEMPORARY = re.compile(
    r"^[.~#]|~$|\.(tmp|temp|part|partial|filepart|crdownload|swp|lock|writing)$", re.IGNORECASE
)
_ODD = re.compile(r"[\x00-\x1f\x7f\\]")
_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as listed. ``size``: bytes. ``changed``: the place's own mark, equal while it is."""

    name: str
    size: int
    changed: str

    @property
    def base(self) -> str:
        return self.name.rsplit("/", 1)[-1]


class Place:
    """Files below ``root`` of an fsspec file system. ``title`` names it to people.

    ``appears_whole``: a name is only ever seen with all of its content (object storage), so there
    is nothing to wait for.
    """

    appears_whole = False

    def __init__(self, files: Any, root: str, title: str) -> None:
        self.files = files
        self.root = root.rstrip("/")
        self.title = title

    # ---- looking
    def find(self, pattern: str, limit: int) -> list[Entry]:
        """The first ``limit`` finished-looking files by name that match ``pattern``: wildcards
        may stand in every part (``*/out/sales-*.csv``) and never cross a ``/``.
        """
        *folders, last = pattern.split("/")
        here = [""]
        for part in folders:
            here = [inner for outer in here for inner in self._into(outer, part)]
        found = (
            entry
            for folder in here
            for entry in self._entries(folder)
            if _matches(entry.base, last) and not TEMPORARY.search(entry.base)
        )
        return heapq.nsmallest(limit, found, key=lambda entry: entry.name)

    def entry(self, name: str) -> Entry | None:
        """One file as it is now; None if it isn't there, or is no file."""
        try:
            with self._told(name):
                info = self._info(self.path(name))
        except _Absent:
            return None
        if info["type"] != "file" or info.get("islink"):
            return None
        return Entry(name, int(info["size"] or 0), self._changed(info))

    def there(self, folder: str) -> bool:
        """Whether the folder exists."""
        try:
            with self._told(folder or "its root"):
                return bool(self._info(self.path(folder))["type"] == "directory")
        except _Absent:
            return False

    def _into(self, outer: str, part: str) -> list[str]:
        if not _PATTERN.search(part):
            return [_joined(outer, part)]
        inner = (i["name"].rstrip("/").rsplit("/", 1)[-1] for i in self._listed(outer, "directory"))
        return sorted(
            _joined(outer, name)
            for name in inner
            if _matches(name, part) and not name.startswith(".")
        )

    def _entries(self, folder: str) -> Iterator[Entry]:
        for info in self._listed(folder, "file"):
            base = info["name"].rsplit("/", 1)[-1]
            if base and not _ODD.search(base):
                yield Entry(_joined(folder, base), int(info["size"] or 0), self._changed(info))

    def _listed(self, folder: str, kind: str) -> list[dict[str, Any]]:
        """Raw listing of one kind; a folder that isn't there holds nothing."""
        try:
            with self._told(folder or "its root"):
                found = self.files.ls(self.path(folder), detail=True, **self._fresh)
        except _Absent:
            return []
        return [info for info in found if info["type"] == kind and not info.get("islink")]

    #: Arguments of a look that must not come from a cache.
    _fresh: dict[str, Any] = {}

    @staticmethod
    def _changed(info: dict[str, Any]) -> str:
        return str(info.get("mtime", ""))

    # ---- reading
    def read(self, entry: Entry, most: int) -> bytes | None:
        """Whole bytes, at most ``most`` and one more; None if it has gone meanwhile."""
        try:
            with self._told(entry.name):
                return self._read(self.path(entry.name), entry.size, most)
        except _Absent:
            return None

    def _read(self, path: str, size: int, most: int) -> bytes:
        with self.files.open(path, "rb") as file:
            return bytes(file.read(most + 1))

    # ---- moving and writing
    def archive(self, name: str, shelf: str) -> None:
        """Move a file to the sub-folder ``shelf`` beside it; done before is done. Nothing is
        overwritten unless it is byte for byte the same."""
        source = self.entry(name)
        if source is None:
            return
        folder, _, base = name.rpartition("/")
        kept = _joined(_joined(folder, shelf), base)
        there = self.entry(kept)
        if there is not None:
            raw = self.read(source, source.size) or b""
            if there.size != source.size or self.read(there, there.size) != raw:
                stem, dot, end = base.partition(".")
                mark = hashlib.sha256(raw).hexdigest()[:12]
                kept = _joined(_joined(folder, shelf), f"{stem}-{mark}{dot}{end}")
        with self._told(name):
            self._make_folder(_joined(folder, shelf))
            self._move(self.path(name), self.path(kept))

    def give(self, name: str, content: bytes) -> None:
        """Leave a file, whole or not at all: written under another name, then renamed."""
        folder, _, base = name.rpartition("/")
        half = self.path(_joined(folder, f".{base}.part"))
        with self._told(name):
            self._make_folder(folder)
            with self.files.open(half, "wb") as file:
                file.write(content)
                self._settle(file)
            self._move(half, self.path(name))

    def rename(self, name: str, to: str) -> None:
        with self._told(name):
            self._make_folder(to.rpartition("/")[0])
            self._move(self.path(name), self.path(to))

    def remove(self, name: str) -> None:
        try:
            with self._told(name):
                self.files.rm_file(self.path(name))
        except _Absent:
            return

    def close(self) -> None:
        """Let go of what was opened."""

    # ---- what a carrier does in its own way
    def _info(self, path: str) -> dict[str, Any]:
        info: dict[str, Any] = self.files.info(path, **self._fresh)
        return info

    def path(self, name: str) -> str:
        """The carrier's path of a name. Raises AccessRefused for any way out of the root."""
        if name.startswith("/") or ".." in name.split("/") or _ODD.search(name):
            raise AccessRefused(
                f"{name!r} leads out of {self.title}: use names below it, without '..'.",
                code="scope-missing",
                owner=Owner.PARTNER,
            )
        return _joined(self.root, name) if name else self.root or "/"

    def _make_folder(self, folder: str) -> None:
        self.files.makedirs(self.path(folder), exist_ok=True)

    def _move(self, source: str, target: str) -> None:
        self.files.mv(source, target)

    def _settle(self, file: Any) -> None:
        """Have what was written reach the disk, where that can be asked for."""

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """The carrier's errors in the SDK's words."""
        try:
            yield
        except ConnectorError:
            raise
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _Absent(str(error)) from error
        except PermissionError as error:
            raise AccessRefused(
                f"{self.title} doesn't let us at {what} ({error}): give the user we sign in with "
                "the right to list, read, write and rename there.",
                code="scope-missing",
                owner=Owner.PARTNER,
            ) from error
        except (OSError, EOFError, TimeoutError) as error:
            raise Unavailable(
                f"{self.title} broke off at {what} ({error}): it is tried again; look at its "
                "server and its free space if it lasts.",
                owner=Owner.PARTNER,
            ) from error


class _Absent(Exception):
    """What was asked for isn't there: always caught in this file or a subclass's."""


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name.casefold(), pattern.casefold())


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name
