"""A simulator's memory: plain dicts by kind and id, written through to SQLite.

One process, one event loop: handlers change dicts freely and the store saves what was marked
when the handler ends, in one SQLite transaction, before the answer leaves.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

Row = dict[str, Any]


class Store:
    """``path`` None keeps everything in memory (tests of one exchange)."""

    def __init__(self, path: Path | None = None) -> None:
        self.tables: dict[str, dict[int | str, Row]] = {}
        self._dirty: set[tuple[str, int | str]] = set()
        self._db = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        # Survives a killed process; the page cache outlives it. Power loss is not its business.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS rows (kind TEXT, id, body BLOB, PRIMARY KEY (kind, id))"
        )
        for kind, id_, body in self._db.execute("SELECT kind, id, body FROM rows"):
            self.tables.setdefault(kind, {})[id_] = msgspec.json.decode(body)

    def table(self, kind: str) -> dict[int | str, Row]:
        return self.tables.setdefault(kind, {})

    def get(self, kind: str, id_: int | str) -> Row | None:
        return self.table(kind).get(id_)

    def put(self, kind: str, id_: int | str, row: Row) -> Row:
        """Store a row (or mark a changed one); saved by the next `save`."""
        self.table(kind)[id_] = row
        self._dirty.add((kind, id_))
        return row

    def drop(self, kind: str, id_: int | str) -> None:
        self.table(kind).pop(id_, None)
        self._dirty.add((kind, id_))

    def next_id(self, kind: str) -> int:
        counter = self.table("_counters").get(kind, {"last": 0})
        counter["last"] += 1
        self.put("_counters", kind, counter)
        return int(counter["last"])

    def save(self) -> None:
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, set()
        gone, kept = [], []
        for kind, id_ in dirty:
            row = self.table(kind).get(id_)
            if row is None:
                gone.append((kind, id_))
            else:
                kept.append((kind, id_, msgspec.json.encode(row)))
        self._db.execute("BEGIN")
        self._db.executemany("DELETE FROM rows WHERE kind=? AND id=?", gone)
        self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?,?,?)", kept)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self.save()
        self._db.close()
