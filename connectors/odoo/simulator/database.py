"""Rows with indexes and all-or-nothing transactions, kept in the simulator's store.

Rows are never changed in place: an update stores a new dict, so that undoing is putting the old
one back. Sequences are not undone, as in PostgreSQL.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from connectors.odoo.simulator.schema import SCHEMA
from connectors.sdk.simulation.store import Row, Store

INDEXED = {
    model: [f.name for f in fields.values() if f.indexed] for model, fields in SCHEMA.items()
}


class Database:
    def __init__(self, store: Store) -> None:
        self.store = store
        self._index: dict[tuple[str, str], dict[Any, set[int]]] = {
            (model, name): defaultdict(set) for model, names in INDEXED.items() for name in names
        }
        self._written: dict[str, list[tuple[str, int]]] = {model: [] for model in SCHEMA}
        self._undo: list[tuple[str, int, Row | None]] = []
        for model in SCHEMA:
            for id_, row in self.rows(model).items():
                self._add(model, id_, row)

    # ---- reading
    def rows(self, model: str) -> dict[int, Row]:
        return self.store.table(model)  # type: ignore[return-value]

    def get(self, model: str, id_: int) -> Row | None:
        return self.rows(model).get(id_)

    def need(self, model: str, id_: int) -> Row:
        """Raises KeyError; for ids the stand-in itself has put there."""
        return self.rows(model)[id_]

    def ids_where(self, model: str, field: str, value: Any) -> set[int]:
        """Ids by an indexed field."""
        return self._index[(model, field)].get(value, set())

    def where(self, model: str, field: str, value: Any) -> list[Row]:
        rows = self.rows(model)
        return [rows[i] for i in sorted(self.ids_where(model, field, value))]

    def indexed(self, model: str, field: str) -> bool:
        return (model, field) in self._index

    def written_since(self, model: str, at: str) -> Iterator[int]:
        """Ids of rows whose write_date is ``at`` or later, each once."""
        marks, rows = self._written[model], self.rows(model)
        for written, id_ in marks[bisect_left(marks, (at, 0)) :]:
            row = rows.get(id_)
            if row is not None and row["write_date"] == written:
                yield id_

    # ---- writing
    def insert(self, model: str, row: Row, id_: int | None = None) -> int:
        if id_ is None:
            id_ = self.store.next_id(model)
        else:
            counter = self.store.get("_counters", model) or {"last": 0}
            self.store.put("_counters", model, {"last": max(counter["last"], id_)})
        row["id"] = id_
        self._undo.append((model, id_, None))
        self.store.put(model, id_, row)
        self._add(model, id_, row)
        return id_

    def update(self, model: str, id_: int, changes: Row) -> Row:
        old = self.need(model, id_)
        self._undo.append((model, id_, old))
        new = {**old, **changes}
        self._replace(model, id_, old, new)
        return new

    def delete(self, model: str, id_: int) -> None:
        old = self.need(model, id_)
        self._undo.append((model, id_, old))
        self._remove(model, id_, old)
        self.store.drop(model, id_)

    def commit(self) -> None:
        self._undo.clear()

    def rollback(self) -> None:
        while self._undo:
            model, id_, old = self._undo.pop()
            now = self.get(model, id_)
            if now is not None and old is not None:
                self._replace(model, id_, now, old)
            elif now is not None:
                self._remove(model, id_, now)
                self.store.drop(model, id_)
            elif old is not None:
                self.store.put(model, id_, old)
                self._add(model, id_, old)

    # ---- indexes
    def _add(self, model: str, id_: int, row: Row) -> None:
        for name in INDEXED[model]:
            self._index[(model, name)][row.get(name)].add(id_)
        self._mark(model, id_, row)

    def _remove(self, model: str, id_: int, row: Row) -> None:
        for name in INDEXED[model]:
            self._index[(model, name)][row.get(name)].discard(id_)

    def _replace(self, model: str, id_: int, old: Row, new: Row) -> None:
        self.store.put(model, id_, new)
        for name in INDEXED[model]:
            if old.get(name) != new.get(name):
                self._index[(model, name)][old.get(name)].discard(id_)
                self._index[(model, name)][new.get(name)].add(id_)
        if old["write_date"] != new["write_date"]:
            self._mark(model, id_, new)

    def _mark(self, model: str, id_: int, row: Row) -> None:
        marks = self._written[model]
        insort(marks, (row["write_date"], id_))
        rows = self.rows(model)
        if len(marks) > 2 * len(rows) + 1000:
            self._written[model] = sorted((r["write_date"], i) for i, r in rows.items())


def existing(rows: dict[int, Row], ids: Iterable[int]) -> list[Row]:
    """Rows of those ids that are there, in the order asked for."""
    return [rows[i] for i in ids if i in rows]
