"""The statements a stream is read with, built around its query. Names are quoted, values are bound.

The query stands in a derived table, so that it needs to know nothing of pages: PostgreSQL, MySQL
from 5.7 and MariaDB take it apart again and use the indexes beneath.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    TableClause,
    and_,
    bindparam,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.types import NullType

from connectors.sdk.errors import AccessRefused, Owner
from connectors.sql.values import Column

#: Rows taken from the network at once.
CHUNK = 100


def framed(query: str, columns: Sequence[Column] = ()) -> Any:
    """The query as a table ``q``. A colon in it is a colon, never a parameter."""
    plain = text(query.strip().replace(":", "\\:"))
    return plain.columns(*[column(c.name) for c in columns]).subquery("q")


def bound(value: Any) -> ColumnElement[Any]:
    """A value without a type of ours: the database compares it as its column's."""
    return bindparam(None, value, type_=NullType(), unique=True)


def columns_of(connection: Connection, query: str) -> list[Column]:
    """The query's columns. Raises AccessRefused when two have one name."""
    empty: Select[Any] = select(literal_column("*")).select_from(framed(query)).where(false())
    described = connection.execute(empty).cursor
    found = [Column(d[0], _kind(d[1])) for d in (described.description if described else ())]
    names = [c.key for c in found]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(f"The query gives two columns called {name}: name one of them otherwise.")
    return found


def _kind(code: Any) -> int:
    return code if isinstance(code, int) else 0


def columns_of_table(connection: Connection, table: TableClause) -> list[Column]:
    """A table's columns, as this account sees them."""
    empty: Select[Any] = select(literal_column("*")).select_from(table).where(false())
    described = connection.execute(empty).cursor
    return [Column(d[0], _kind(d[1])) for d in (described.description if described else ())]


def named(columns: Sequence[Column], wanted: Sequence[str]) -> list[Column]:
    """These columns, whatever their case. Raises AccessRefused for one that isn't there."""
    by_key = {c.key: c for c in columns}
    missing = [w for w in wanted if w.lower() not in by_key]
    if missing:
        raise _wrong(
            f"The query gives no column {', '.join(missing)}; it gives {', '.join(by_key)}: "
            "correct the declaration or the query."
        )
    return [by_key[w.lower()] for w in wanted]


def _wrong(message: str) -> AccessRefused:
    return AccessRefused(message, code="column-missing", owner=Owner.PARTNER)


def page(
    query: str, columns: Sequence[Column], order: Sequence[Column], limit: int,
    *, start: Any = None, after: Sequence[Any] | None = None, upto: Sequence[Any] | None = None,
) -> Select[Any]:  # fmt: skip
    """The next rows in the order of ``order``: from ``start`` of its first column, or after a
    row, up to a row."""
    table = framed(query, columns)
    by = [table.c[c.name] for c in order]
    conditions = [one.is_not(None) for one in by]
    if after is not None:
        conditions += [by[0] >= bound(after[0]), _beyond(by, after)]
    elif start is not None:
        conditions.append(by[0] >= bound(start))
    if upto is not None:
        conditions += [by[0] <= bound(upto[0]), or_(~_beyond(by, upto))]
    return select(table).where(and_(*conditions)).order_by(*by).limit(limit)


def _beyond(by: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """(a, b) > (x, y), written out: not every database compares rows, or uses an index for it."""
    cases = []
    for index, (one, value) in enumerate(zip(by, values, strict=True)):
        same = [b == bound(v) for b, v in zip(by[:index], values[:index], strict=True)]
        cases.append(and_(*same, one > bound(value)))
    return or_(*cases)


def largest(query: str, columns: Sequence[Column], by: Column) -> Select[Any]:
    table = framed(query, columns)
    return select(func.max(table.c[by.name]))


def empty(query: str, columns: Sequence[Column], by: Sequence[Column]) -> Select[Any]:
    """One row that has nothing in one of these columns, if there is any: it can't be paged to."""
    table = framed(query, columns)
    names = [table.c[c.name] for c in by]
    return select(*names).where(or_(*[one.is_(None) for one in names])).limit(1)


def keys(query: str, columns: Sequence[Column], by: Sequence[Column], limit: int) -> Select[Any]:
    table = framed(query, columns)
    return select(*[table.c[c.name] for c in by]).limit(limit)


def matching(
    query: str, columns: Sequence[Column], by: Sequence[Column], values: Sequence[Sequence[Any]],
    order: Sequence[Column] = (), limit: int | None = None,
) -> Select[Any]:  # fmt: skip
    """Rows whose columns ``by`` have one of these combinations of values."""
    table = framed(query, columns)
    on = [table.c[c.name] for c in by]
    if len(on) == 1:
        condition: ColumnElement[bool] = on[0].in_([bound(v[0]) for v in values])
    else:
        condition = or_(
            *[and_(*[c == bound(v) for c, v in zip(on, one, strict=True)]) for one in values]
        )
    found = select(table).where(condition).order_by(*[table.c[c.name] for c in order])
    return found if limit is None else found.limit(limit)


def rows(connection: Connection, statement: Select[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows, taken from the server bit by bit."""
    options = {"stream_results": True, "max_row_buffer": CHUNK, "yield_per": CHUNK}
    with connection.execute(statement, execution_options=options) as result:
        for row in result:
            yield tuple(row)
