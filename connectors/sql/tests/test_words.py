"""Without a database: which queries are sent, where reading begins again, what values become."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pymysql  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import exc

from connectors.sdk.errors import AccessRefused, OutcomeUnknown, Rejected, Unavailable, Unreadable
from connectors.sdk.records import WriteItem
from connectors.sql import errors, statement
from connectors.sql.connector import Sql
from connectors.sql.declared import ResourceTable
from connectors.sql.dialects import DIALECTS
from connectors.sql.position import Position, limit_of, start_of
from connectors.sql.staging import Staged, decide, mark_of
from connectors.sql.values import Column, as_json, external_id, in_zone, key_parts, mark, unmark

PG, MY = DIALECTS["postgresql"], DIALECTS["mysql"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ------------------------------------------------------------------ queries


@pytest.mark.parametrize("query", [
    "SELECT id, name FROM till WHERE note = 'delete; -- it''s fine' AND \"update\" > 0",
    "with x as (select 1 as id) select id, replace(name, 'a', 'b') from x, comments",
    "SELECT id, start, comment, used::text FROM a WHERE at > '12:30'",
])  # fmt: skip
def test_an_ordinary_query_is_sent(query: str) -> None:
    assert statement.problem(query, "postgresql") is None


@pytest.mark.parametrize("query", [
    "DELETE FROM till", "", "SELECT 1; DROP TABLE till", "SELECT 1 -- x",
    "SELECT 1 /*! , sleep(9) */",
    "SELECT 1) q; COMMIT; DROP TABLE till; SELECT * FROM (SELECT 1", "SELECT 1) AS a, (SELECT 2",
    "WITH gone AS (DELETE FROM till RETURNING *) SELECT * FROM gone",
    "SELECT * INTO copy FROM till",
    "SELECT * FROM till FOR UPDATE", "SELECT * FROM till FOR SHARE", "SELECT pg_sleep(60)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')", "SELECT * FROM dblink('host=x', 'select 1') AS t(a int)",
    "SELECT nextval('numbers')", "SELECT 'a' INTO OUTFILE '/x'",
    "SELECT load_file('/etc/passwd')",
    "SELECT E'\\'' , 'x'", "SELECT $$a$$", "SELECT @a := 1", "SELECT 'open", "SELECT (1",
    "SELECT \x00 1", "VALUES (1)", "TABLE till", "EXPLAIN ANALYZE SELECT 1",
    "SELECT " + "1," * 20_000,
    "SELECT \"pg_sleep\"(9)", "SELECT U&\"pg!005fsleep\" UESCAPE '!' (9)",
    "SELECT get_lock('x', 10)", "SELECT PG_ADVISORY_LOCK(1)",
])  # fmt: skip
@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
def test_anything_else_is_refused_with_the_mend(query: str, dialect: str) -> None:
    why = statement.problem(query, dialect)
    assert why and why.endswith(".")


def test_an_identifier_is_quoted_as_its_database_does() -> None:
    assert statement.problem("SELECT `delete` FROM till", "mysql") is None
    assert "double quotes" in (statement.problem("SELECT `delete` FROM till", "postgresql") or "")


def problems(**config: Any) -> dict[str, str]:
    given = {"dialect": "postgresql", "host": "db.example.com", "database": "tills", "user": "hub",
             "tls": "verify", "deadline": 20, "zone": "UTC", "port": 0}  # fmt: skip
    return dict(Sql.config_problems(given | config))


def test_a_declaration_that_cannot_work_is_refused_before_anything_is_called() -> None:
    stream = {"name": "r", "produces": ["sale"], "query": "SELECT 1 AS id", "key": ["id"]}
    table = {"name": "o", "entity": "order", "table": "hub_orders"}
    assert problems(streams=[stream], resources=[table]) == {}
    for config, where, words in (
        ({"dialect": "sqlite"}, "dialect", "a file, not a server"),
        ({"dialect": "oracle"}, "dialect", "driver"),
        ({"host": "db.example.com/../x"}, "host", "one name or address"),
        ({"host": "/var/run/postgresql"}, "host", "one name or address"),
        ({"zone": "Europe/Lodnon"}, "zone", "IANA"),
        ({"tls": "maybe"}, "tls", "verify"),
        ({"streams": [stream | {"query": "DROP TABLE x"}]}, "streams[0].query", "SELECT"),
        ({"streams": [stream | {"produces": ["sail"]}]}, "streams[0]", "sail"),
        ({"streams": [stream | {"kye": ["id"]}]}, "streams[0]", "kye"),
        ({"streams": [stream, stream]}, "streams", "2 times"),
        ({"resources": [table | {"table": "a; drop"}]}, "resources[0].table", "schema.table"),
        ({"resources": [table | {"mark": "status"}]}, "resources[0]", "three columns"),
        ({"resources": [table | {"answer": {"done": ["new"]}}]}, "resources[0]", "none that"),
    ):  # fmt: skip
        assert words in problems(**config).get(where, ""), (config, problems(**config))


# ------------------------------------------------------------------ where reading begins again


def test_what_is_committed_while_a_long_scan_runs_is_not_passed_over() -> None:
    """The scan ended at 12:30, the database's clock said 12:00 when it began."""
    position = Position(top=mark(at("2026-07-01T12:00:00")), best=mark(at("2026-07-01T12:30:00")))
    position.finish()
    assert position.safe == mark(at("2026-07-01T12:00:00"))
    begin = start_of(unmark(position.safe), 300, "Europe/London")
    assert begin == at("2026-07-01T11:55:00")


def test_a_row_dated_tomorrow_does_not_hide_todays() -> None:
    position = Position(top=mark(at("2026-07-01T12:00:00")), best=mark(at("2026-07-02T09:00:00")))
    position.finish()
    assert position.safe == mark(at("2026-07-01T12:00:00"))


def test_in_the_hour_that_comes_twice_reading_begins_an_hour_earlier() -> None:
    late = at("2026-10-25T01:59:00")
    assert start_of(late, 60, "Europe/London") == at("2026-10-25T00:58:00")
    assert start_of(late, 60, "UTC") == at("2026-10-25T01:58:00")
    assert start_of(at("2026-10-25T12:00:00"), 60, "Europe/London") == at("2026-10-25T11:59:00")


def test_overlap_is_reckoned_in_the_watermarks_own_words() -> None:
    assert start_of(1000, 50, "UTC") == 950
    assert start_of(Decimal("10.5"), 0.5, "UTC") == Decimal("10.0")
    assert start_of(date(2026, 7, 2), 60, "UTC") == date(2026, 7, 1)
    with pytest.raises(AccessRefused, match="cast it to a time or a number"):
        start_of("20260701", 60, "UTC")


def test_the_databases_clock_is_read_in_the_watermarks_zone() -> None:
    now = datetime(2026, 7, 1, 11, 0, tzinfo=ZoneInfo("UTC"))
    local = at("2026-07-01T00:00:00")
    assert limit_of(now, local, "Europe/London", instant=False) == at("2026-07-01T12:00:00")
    assert limit_of(now, local, "Europe/London", instant=True) == at("2026-07-01T11:00:00")
    assert limit_of(now, local.date(), "Pacific/Auckland", instant=False) == date(2026, 7, 1)


def test_a_row_read_again_is_news_only_when_it_differs() -> None:
    position = Position()
    told = [position.is_news(*row) for row in (("1", "a"), ("1", "a"), ("1", "b"), ("1", "a"))]
    assert told == [True, False, True, True]
    assert Position.of(position.as_cursor()) == position


def test_only_the_last_rows_are_remembered() -> None:
    position = Position()
    for number in range(700):
        position.is_news(str(number), "x")
    assert len(position.seen) == 500 and position.seen[-1] == ["699", "x"]
    assert position.is_news("0", "x")


# ------------------------------------------------------------------ values


@pytest.mark.parametrize(("value", "kind", "dialect", "wanted"), [
    (Decimal("1234.50"), 0, PG, "1234.50"), (Decimal("1E+3"), 0, PG, "1000"), (0.1, 0, PG, "0.1"),
    (True, 0, PG, True), (None, 0, PG, None), ("A1  ", 1042, PG, "A1"), ("A1  ", 25, PG, "A1  "),
    (b"\x01\x02", 0, PG, "AQI="), (b"\x01", 16, MY, 1), ('{"a": 1.10}', 245, MY, {"a": "1.10"}),
    (at("2026-07-01T12:00:00"), 7, MY, "2026-07-01T12:00:00Z"),
    (at("2026-07-01T12:00:00"), 12, MY, "2026-07-01T12:00:00"),
    (at("2026-07-01T12:00:00+02:00"), 0, PG, "2026-07-01T10:00:00Z"),
    (date(2026, 7, 1), 0, PG, "2026-07-01"), (time(9, 5), 0, PG, "09:05:00"),
    (timedelta(hours=-1, seconds=5), 11, MY, "-00:59:55"), ([1, Decimal("2.0")], 0, PG, [1, "2.0"]),
])  # fmt: skip
def test_a_value_loses_nothing(value: Any, kind: int, dialect: Any, wanted: Any) -> None:
    assert as_json(value, Column("Col", kind), dialect) == wanted


def test_what_is_no_number_parks_its_row() -> None:
    with pytest.raises(Unreadable, match="no number"):
        as_json(Decimal("NaN"), Column("price", 0), PG)


def test_local_times_are_read_in_the_declared_zone() -> None:
    assert in_zone("2026-07-01T12:00:00", "rung_at", "Europe/London") == (
        "2026-07-01T11:00:00Z",
        "",
    )
    first, doubt = in_zone("2026-10-25T01:30:00", "rung_at", "Europe/London")
    assert first == "2026-10-25T00:30:00Z" and "happened twice" in doubt
    with pytest.raises(Unreadable, match="never was"):
        in_zone("2026-03-29T01:30:00", "rung_at", "Europe/London")


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_compound_key_comes_back_in_its_parts(parts: list[str]) -> None:
    columns = [Column("k", 0)] * len(parts)
    assert key_parts(external_id(parts, columns, PG)) == parts


@given(
    st.one_of(st.integers(), st.decimals(allow_nan=False), st.text(), st.datetimes(), st.dates())
)
def test_a_mark_comes_back_as_it_was(value: Any) -> None:
    assert unmark(mark(value)) == value


# ------------------------------------------------------------------ staging


def test_what_is_done_about_a_staged_row() -> None:
    def act(found: Staged | None, op: str = "update", **more: Any) -> str:
        given = {"name": "o", "entity": "order", "table": "t", "removed": "off", **more}
        return decide(found, op, "mine", ResourceTable(**given))

    assert (
        act(None, "create") == act(None, when_taken="again") == act(None, writes="set") == "insert"
    )
    assert act(None) == "locked", "what was staged and is gone was taken"
    assert act(Staged("mine", "booked"), "create") == "keep"
    assert act(Staged("older", "new")) == "replace"
    assert act(Staged("older", "booked")) == "locked"
    assert act(Staged("older", "booked"), when_taken="again") == "replace"
    assert act(Staged("older", "booked"), writes="set") == "replace"
    assert act(None, "delete") == act(Staged("older", "off"), "delete") == "gone"
    assert act(Staged("older", "booked"), "delete") == "remove"


def test_the_same_send_has_the_same_mark_and_another_has_another() -> None:
    def item(key: str, **body: Any) -> WriteItem:
        return WriteItem("ref", key, "create", body)

    assert mark_of(item("k", a=1, b=2)) == mark_of(item("k", b=2, a=1))
    assert len({mark_of(item("k", a=1)), mark_of(item("k", a=2)), mark_of(item("l", a=1))}) == 3


# ------------------------------------------------------------------ errors


def mysql(number: int, text: str) -> exc.DBAPIError:
    kind = pymysql.err.error_map.get(number, pymysql.err.OperationalError)
    return exc.DBAPIError.instance("SELECT 1", None, kind(number, text), pymysql.err.Error)


@pytest.mark.parametrize(("number", "kind", "code"), [
    (1045, AccessRefused, "revoked"), (1142, AccessRefused, "scope-missing"),
    (1792, AccessRefused, "scope-missing"), (1146, AccessRefused, "column-missing"),
    (1205, Unavailable, "row-locked"), (3024, Unavailable, "statement-slow"),
    (1969, Unavailable, "statement-slow"), (1040, Unavailable, "unavailable"),
    (2013, Unavailable, "unavailable"),
])  # fmt: skip
def test_mysqls_numbers_say_whose_move_it_is(number: int, kind: type, code: str) -> None:
    told = errors.told(mysql(number, "words for hub-secret"), secret="hub-secret")
    assert (type(told), told.code) == (kind, code)
    assert "hub-secret" not in str(told) + told.detail


@pytest.mark.parametrize(("number", "code"), [
    (1062, "duplicate-exact"), (1452, "reference-missing"), (1048, "missing-required"),
    (1366, "type-mismatch"), (3819, "rejected"),
])  # fmt: skip
def test_a_row_that_is_refused_is_dead_and_no_other(number: int, code: str) -> None:
    told = errors.told(mysql(number, "words"), row=True)
    assert (type(told), told.code) == (Rejected, code)


def test_a_commit_without_an_answer_is_unknown() -> None:
    assert isinstance(errors.told(mysql(2013, "lost"), committing=True), OutcomeUnknown)
