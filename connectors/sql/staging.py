"""Writing through staging tables: one row per record, kept single by its unique reference.

A row is looked at before it is written, and what follows is decided purely (`decide`), so that
sending again is harmless whatever became of the first time: that is this target's proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, TableClause, and_, column, exc, inspect, select, table

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    DocumentLocked,
    NotYet,
    Owner,
    Rejected,
)
from connectors.sdk.records import Done, Json, WriteItem
from connectors.sql import errors
from connectors.sql.database import Database
from connectors.sql.declared import ResourceTable
from connectors.sql.queries import bound, columns_of_table

Act = Literal["insert", "keep", "replace", "locked", "remove", "gone"]
#: Tries to write a row that the other side changes at the same moment.
RACES = 3


@dataclass(frozen=True, slots=True)
class Staged:
    """A row as it stands. ``answered``: the id the other side gave it; ``message``: its words."""

    mark: str
    status: str
    answered: str = ""
    message: str = ""


def mark_of(item: WriteItem) -> str:
    """What this send writes, in 32 characters: its key and its bytes."""
    body = msgspec.json.encode(item.body, order="deterministic")
    return hashlib.sha256(item.key.encode() + b"\0" + body).hexdigest()[:32]


def decide(found: Staged | None, op: str, mark: str, resource: ResourceTable) -> Act:
    """What to do about a row. Pure.

    What the other side hasn't taken, or has refused, may be replaced; what it has taken (or has
    taken away) only where a later value simply counts (*set*), or where the declaration says so.
    """
    if op == "delete":
        return "gone" if found is None or found.status == resource.removed else "remove"
    again = resource.writes == "set" or resource.when_taken == "again"
    if found is None:
        return "insert" if op == "create" or again else "locked"
    if found.mark == mark:
        return "keep"
    refused = resource.answer.refused if resource.answer else []
    free = found.status in (resource.new, resource.removed, *refused)
    return "replace" if free or again else "locked"


class Staging:
    """One resource's tables. What they look like is asked once."""

    def __init__(self, database: Database, resource: ResourceTable) -> None:
        self._database = database
        self._resource = resource
        self._columns: dict[str, dict[str, str]] = {}

    def stage(self, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        """Write rows in one transaction. One outcome per item; what is wrong with one row costs
        only that row. Raises Unavailable, AccessRefused, OutcomeUnknown for all of them."""
        with self._database.writing() as connection:
            self.describe(connection)
            return [self._guarded(connection, item) for item in items]

    def answer(self, item: WriteItem) -> Done:
        """What the other side made of a staged row.

        Raises NotYet while it has said nothing, Rejected when it refused or took the row away.
        """
        with self._database.reading() as connection:
            found = self._look(connection, item)
        answer = self._resource.answer
        if found is None:
            raise Rejected(
                f"The row {item.ref} was taken out of {self._resource.table} before it was "
                "answered: look in the other system what became of it, and have rows stay there. "
                "It isn't written a second time."
            )
        if answer is None or found.status in answer.done:
            return Done(found.answered or item.ref)
        if found.status in answer.refused:
            raise Rejected(
                f"The other system refused the row {item.ref} in {self._resource.table}: "
                f"{found.message[:300] or 'it gave no reason'}. Correct the record, and it is "
                f"staged again; or set its status to {self._resource.new!r} there and resend.",
                detail=found.message,
            )
        raise NotYet(
            f"The row {item.ref} waits in {self._resource.table} (status {found.status!r}) for the "
            "other system to take it."
        )

    def describe(self, connection: Connection) -> None:
        """Ask once which columns there are. Raises AccessRefused when a column of ours is missing,
        or when nothing keeps our reference single: without that nothing could be proved."""
        if self._columns:
            return
        resource = self._resource
        asked = [resource.reference, resource.mark, resource.status]
        if resource.answer:
            asked += [resource.answer.external_id, resource.answer.message]
        found = {resource.table: self._columns_of(connection, resource.table, asked)}
        self._refuse_unkeyed(connection, found[resource.table])
        for rows in resource.details:
            found[rows.table] = self._columns_of(connection, rows.table, [rows.reference])
        self._columns = found

    def _columns_of(self, connection: Connection, name: str, asked: list[str]) -> dict[str, str]:
        columns = {c.key: c.name for c in columns_of_table(connection, _named(name))}
        missing = [a for a in asked if a and a.lower() not in columns]
        if missing:
            raise AccessRefused(
                f"The staging table {name} has no column {', '.join(missing)}: add it there, or "
                "correct the declaration.",
                code="column-missing",
                owner=Owner.PARTNER,
            )
        return columns

    def _refuse_unkeyed(self, connection: Connection, columns: dict[str, str]) -> None:
        schema, _, name = self._resource.table.rpartition(".")
        look, schema_or_none = inspect(connection), schema or None
        primary = look.get_pk_constraint(name, schema_or_none)
        keys: list[Sequence[str | None]] = [primary["constrained_columns"]]
        keys += [k["column_names"] for k in look.get_unique_constraints(name, schema_or_none)]
        keys += [i["column_names"] for i in look.get_indexes(name, schema_or_none) if i["unique"]]
        if [columns[self._resource.reference.lower()]] not in keys:
            raise AccessRefused(
                f"Nothing keeps {self._resource.reference} single in {self._resource.table}: make "
                "it the primary key or a unique index there. Without it a record could be written "
                "twice.",
                code="scope-missing",
                owner=Owner.PARTNER,
            )

    # ---- one row
    def _guarded(self, connection: Connection, item: WriteItem) -> Done | ConnectorError:
        """What the row itself is to blame for is its outcome; all else is everybody's."""
        for attempt in range(RACES):
            try:
                with connection.begin_nested():
                    return self._one(connection, item)
            except _Raced:
                continue
            except Rejected as error:
                return error
            except exc.IntegrityError as error:
                if attempt == 0 and self._look(connection, item) is not None:
                    continue  # another of our workers was first: look at what it wrote
                return errors.told(error, secret=self._database.link.password, row=True)
            except exc.DBAPIError as error:
                told = errors.told(error, secret=self._database.link.password, row=True)
                if not isinstance(told, Rejected):
                    raise
                return told
        return NotYet(
            f"The other system changes the row {item.ref} at the same moment: it is tried again.",
            retry_after=2,
        )

    def _one(self, connection: Connection, item: WriteItem) -> Done:
        found = self._look(connection, item)
        mark = mark_of(item)
        act = decide(found, item.op, mark, self._resource)
        known = Done((found.answered if found else "") or item.external_id or item.ref)
        if act in ("keep", "gone"):
            return known
        if act == "locked":
            status = found.status if found else "gone"
            raise DocumentLocked(
                f"The other system has taken the row {item.ref} already (status {status!r}): a "
                "change of it must be made there, or by a document of its own."
            )
        if act == "remove":
            self._update(connection, item, found, {self._resource.status: self._resource.removed})
            return known
        head, lists = self._split(item.body)
        head |= {self._resource.mark: mark, self._resource.status: self._resource.new}
        if act == "insert":
            self._insert(
                connection, self._resource.table, head | {self._resource.reference: item.ref}
            )
        else:
            if self._resource.answer and self._resource.answer.message:
                head[self._resource.answer.message] = None
            self._update(connection, item, found, head)
        self._put_lists(connection, item.ref, lists)
        return known

    def _look(self, connection: Connection, item: WriteItem) -> Staged | None:
        self.describe(connection)
        resource, answer = self._resource, self._resource.answer
        names = [resource.mark, resource.status]
        names += [n for n in (answer.external_id, answer.message) if n] if answer else []
        at = self._table(resource.table, [*names, resource.reference])
        picked = [at.c[self._real(resource.table, n)] for n in names]
        key = at.c[self._real(resource.table, resource.reference)]
        row = connection.execute(select(*picked).where(key == bound(item.ref))).first()
        if row is None:
            return None
        told = {n: _text(v) for n, v in zip(names, row, strict=True)}
        return Staged(
            told[resource.mark],
            told[resource.status],
            told.get(answer.external_id, "") if answer else "",
            told.get(answer.message, "") if answer else "",
        )

    def _split(self, body: Json) -> tuple[Json, dict[str, list[Json]]]:
        """The head's columns, and the rows of each list. Raises Rejected for what has no place."""
        lists = {d.name: list(body.get(d.name) or []) for d in self._resource.details}
        return {k: v for k, v in body.items() if k not in lists}, lists

    def _insert(self, connection: Connection, name: str, row: Json) -> None:
        at = self._table(name, row)
        connection.execute(
            at.insert().values({self._real(name, k): bound(_plain(v)) for k, v in row.items()})
        )

    def _update(
        self, connection: Connection, item: WriteItem, found: Staged | None, row: Json
    ) -> None:
        """Only the row that was looked at: whoever was faster wins. Raises _Raced."""
        resource = self._resource
        name = resource.table
        asked = [resource.reference, resource.mark, resource.status]
        at = self._table(name, {*row, *asked})
        seen = (item.ref, found.mark, found.status) if found else (item.ref, "", "")
        same = [at.c[self._real(name, n)] == bound(v) for n, v in zip(asked, seen, strict=True)]
        made = at.update().where(and_(*same)).values(
            {self._real(name, k): bound(_plain(v)) for k, v in row.items()}
        )  # fmt: skip
        if connection.execute(made).rowcount != 1:
            raise _Raced

    def _put_lists(self, connection: Connection, ref: str, lists: dict[str, list[Json]]) -> None:
        for rows in self._resource.details:
            at = self._table(rows.table, [rows.reference])
            key = at.c[self._real(rows.table, rows.reference)]
            connection.execute(at.delete().where(key == bound(ref)))
            for one in lists[rows.name]:
                self._insert(connection, rows.table, one | {rows.reference: ref})

    def _table(self, name: str, columns: Any) -> TableClause:
        known = self._columns.get(name, {})
        return _named(name, [known.get(c.lower(), c) for c in columns])

    def _real(self, table_name: str, name: str) -> str:
        """The column's name as the table has it. Raises Rejected for one it hasn't."""
        found = self._columns.get(table_name, {}).get(name.lower())
        if found is None:
            raise Rejected(
                f"The staging table {table_name} has no column {name}: add it there, or take it "
                "out of the mapping.",
                code="column-missing",
            )
        return found


class _Raced(Exception):
    """The row isn't any more what it was when we looked."""


def _named(name: str, columns: Sequence[str] = ()) -> TableClause:
    schema, _, bare = name.rpartition(".")
    return table(bare, *[column(c) for c in dict.fromkeys(columns)], schema=schema or None)


def _text(value: Any) -> str:
    return "" if value is None else str(value).rstrip(" ")


def _plain(value: Any) -> Any:
    """Lists and objects become JSON; the database reads texts as what its columns are."""
    if isinstance(value, list | dict):
        return msgspec.json.encode(value, order="deterministic").decode()
    return repr(value) if isinstance(value, float) else value
