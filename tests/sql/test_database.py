"""At a real PostgreSQL: what is read, what is refused, what is written, and what can't be done."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    DocumentLocked,
    Rejected,
    Unavailable,
    Unreadable,
)
from connectors.sdk.records import Done, Heard, Hint, Json, SourceRecord, WriteItem
from connectors.sql.connector import Sql
from connectors.sql.simulator import legacy
from tests.sql.conftest import Legacy

#: Only so that the server of the tests is there: our own tables aren't used.
pytestmark = pytest.mark.django_db

NOON = datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001  as tills write it
RECEIPTS = "SELECT id, store, rung_at, changed_at, total FROM till_receipts"
STREAM: Json = {"name": "r", "produces": ["sale"], "query": RECEIPTS, "key": ["id"],
                "watermark": "changed_at", "zone": "UTC"}  # fmt: skip
ORDERS: Json = {"name": "o", "entity": "order", "table": "hub_orders",
                "details": [{"name": "lines", "table": "hub_order_lines"}]}  # fmt: skip


def stream(**more: Any) -> list[Json]:
    return [{k: v for k, v in (STREAM | more).items() if k != "zone"}]


class Reader:
    """Reads as the hub does: page by page, with the cursor of the page before."""

    def __init__(self, connector: Sql) -> None:
        self.connector = connector
        self.cursor: Json = {}

    def heard(self) -> list[Heard]:
        found: list[Heard] = []
        for page in self.connector.read("r", self.cursor):
            self.cursor = msgspec.json.decode(msgspec.json.encode(page.cursor))
            found += page.heard
        return found

    def read(self) -> list[str]:
        return [self.understood(h) for h in self.heard()]

    def understood(self, heard: Heard) -> str:
        record = self.connector.understand(heard)
        assert isinstance(record, SourceRecord | Hint)
        return record.external_id if isinstance(record, SourceRecord) else f"-{record.external_id}"


def item(number: str = "1", op: Any = "create", ref: str = "", **body: Any) -> WriteItem:
    told = {"number": number, "booked_at": "2026-07-01T11:00:00Z", "total": "6.00", **body}
    ref = ref or f"ref-{number}"
    return WriteItem(ref, f"key-{ref}", op, {} if op == "delete" else told)


# ------------------------------------------------------------------ reading


def test_pages_follow_each_other_and_a_quiet_poll_says_nothing(till_db: Legacy) -> None:
    for minute in range(7):
        till_db.ring_up(NOON + timedelta(minutes=minute // 3))
    reader = Reader(till_db.connector(streams=stream(page=2)))
    assert reader.read() == ["1", "2", "3", "4", "5", "6", "7"]
    before = reader.cursor
    assert list(reader.connector.read("r", before)) == []
    till_db.ring_up(NOON + timedelta(minutes=3))
    assert reader.read() == ["8"]


def test_a_turn_that_was_cut_short_goes_on_where_it_was(till_db: Legacy) -> None:
    for minute in range(5):
        till_db.ring_up(NOON + timedelta(minutes=minute))
    reader = Reader(till_db.connector(streams=stream(page=2, overlap=0)))
    first = next(iter(reader.connector.read("r", {})))
    reader.cursor = first.cursor
    assert [reader.understood(h) for h in first.heard] == ["1", "2"]
    assert reader.read() == ["3", "4", "5"]


def test_a_late_commit_is_found_within_the_overlap_and_not_behind_it(till_db: Legacy) -> None:
    """The negative control: without the overlap the row is missed."""
    found = []
    for overlap in (600, 0):
        reader = Reader(till_db.connector(streams=stream(overlap=overlap)))
        with till_db.owner.connect() as slow:
            legacy.ring_up(slow, 900 + overlap, [("G01", 1, "3.00")], at=NOON)
            till_db.ring_up(NOON + timedelta(minutes=5))
            reader.read()
            slow.commit()
        found.append(str(900 + overlap) in reader.read())
    assert found == [True, False]


def test_without_a_watermark_only_what_differs_is_told(till_db: Legacy) -> None:
    for number in range(9):
        till_db.run("INSERT INTO articles VALUES (:s, 'x', 'A')", s=f"G{number}")
    query = "SELECT sku, label FROM articles"
    reader = Reader(till_db.connector(
        streams=stream(query=query, key=["SKU"], watermark="", page=3)))  # fmt: skip
    assert len(reader.read()) == 9
    assert reader.read() == []
    till_db.run("UPDATE articles SET label = 'y' WHERE sku = 'G4'")
    assert "G4" in reader.read()
    till_db.run("INSERT INTO articles VALUES ('G99', 'z', 'A'), ('G41', 'z', 'A')")
    assert {"G99", "G41"} <= set(reader.read())
    assert reader.read() == []
    till_db.run("DELETE FROM articles WHERE sku IN ('G3', 'G4', 'G41', 'G5')")
    reader.read()
    assert reader.read() == []


def test_a_deleted_row_is_read_again_before_it_counts_as_gone(till_db: Legacy) -> None:
    till_db.run("INSERT INTO articles VALUES ('G1', 'x', 'A'), ('G2', 'x', 'A')")
    reader = Reader(till_db.connector(
        streams=stream(query="SELECT sku FROM articles", key=["sku"], watermark="",
                       sweep_every=0.001)))  # fmt: skip
    assert reader.read() == ["G1", "G2"]
    till_db.run("DELETE FROM articles WHERE sku = 'G1'")
    assert "-G1" in reader.read()
    again = reader.connector.reread("r", ["G1", "G2"])
    assert again["G1"] is None and again["G2"] is not None
    assert "-G1" not in reader.read()


def test_details_come_with_their_row_as_lists(till_db: Legacy) -> None:
    till_db.ring_up(NOON)
    till_db.run("INSERT INTO till_lines VALUES (1, 2, 'G02', 'Two', 1.5, 0.10, 0.13, 0.02)")
    lines = {"name": "lines", "query": "SELECT * FROM till_lines", "match": {"receipt": "id"},
             "order": ["line_no"]}  # fmt: skip
    reader = Reader(till_db.connector(zone="Europe/London", streams=stream(details=[lines])))
    (heard,) = reader.heard()
    record = reader.connector.understand(heard)
    assert isinstance(record, SourceRecord)
    assert [(one["sku"], one["qty"], one["price"]) for one in record.body["lines"]] == [
        ("G01", "2.000", "3.00"), ("G02", "1.500", "0.10"),
    ]  # fmt: skip
    assert record.body["rung_at"] == "2026-07-01T11:00:00Z"
    assert record.body["_local"]["rung_at"] == "2026-07-01T12:00:00"
    till_db.run("UPDATE till_lines SET qty = 2 WHERE line_no = 2")
    assert reader.read() == ["1"], "still within the overlap"


def test_a_time_that_never_was_parks_its_row_and_no_other(till_db: Legacy) -> None:
    till_db.ring_up(datetime(2026, 3, 29, 0, 30))  # noqa: DTZ001
    till_db.ring_up(datetime(2026, 3, 29, 1, 30))  # noqa: DTZ001
    reader = Reader(till_db.connector(zone="Europe/London", streams=stream()))
    good, bad = reader.heard()
    assert reader.understood(good) == "1"
    with pytest.raises(Unreadable, match="never was in Europe/London"):
        reader.understood(bad)


@pytest.mark.parametrize(("more", "words"), [
    ({"query": "SELECT id, rung_at AS changed_at FROM till_reciepts"}, "isn't there"),
    ({"query": "SELECT idd AS id FROM till_receipts"}, "isn't there"),
    ({"key": ["number"]}, "gives no column number"),
    ({"watermark": "store"}, "cast it to a time or a number"),
    ({"query": "SELECT r.*, r.total AS \"ID\" FROM till_receipts r"}, "two columns"),
    ({"query": "SELECT id, NULL::timestamp AS changed_at FROM till_receipts"}, "COALESCE"),
    ({"query": "SELECT id, changed_at, 1 / (id - id) AS x FROM till_receipts"}, "correct the"),
])  # fmt: skip
def test_a_query_that_does_not_fit_is_told_with_the_mend(
    till_db: Legacy, more: Json, words: str
) -> None:
    till_db.ring_up(NOON)
    with pytest.raises(AccessRefused, match=words) as caught:
        Reader(till_db.connector(streams=stream(**more))).read()
    assert till_db.password not in str(caught.value) + caught.value.detail


def test_a_statement_that_takes_too_long_is_stopped_by_the_database(till_db: Legacy) -> None:
    endless = (
        "WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 2000000000)"
        " SELECT max(id) AS id FROM n"
    )
    reader = Reader(till_db.connector(deadline=1, streams=stream(query=endless, watermark="")))
    with pytest.raises(Unavailable) as caught:
        reader.read()
    assert caught.value.code == "statement-slow"


def test_a_lock_of_another_session_is_not_waited_for_long(till_db: Legacy) -> None:
    reader = Reader(till_db.connector(deadline=1, streams=stream()))
    with till_db.owner.connect() as other:
        other.execute(text("LOCK TABLE till_receipts"))
        with pytest.raises(Unavailable) as caught:
            reader.read()
    assert caught.value.code in ("row-locked", "statement-slow")
    assert reader.read() == []


def test_the_session_itself_refuses_to_change_anything(till_db: Legacy) -> None:
    """The second wall: past the judge of queries, as the owner of everything."""
    till_db.run("CREATE FUNCTION innocent() RETURNS int LANGUAGE sql AS"
                " 'INSERT INTO articles VALUES (''X'', ''x'', ''A'') RETURNING 1'")  # fmt: skip
    till_db.undo.append("DROP FUNCTION innocent()")
    query = "SELECT innocent() AS id"
    with pytest.raises(AccessRefused) as caught:
        Reader(till_db.connector(streams=stream(query=query, watermark=""))).read()
    assert caught.value.code == "scope-missing"
    assert till_db.run("SELECT count(*) FROM articles") == [(0,)]


def test_no_session_is_left_open(till_db: Legacy) -> None:
    till_db.ring_up(NOON)
    connector = till_db.connector(streams=stream(), resources=[ORDERS])
    Reader(connector).read()
    with pytest.raises(AccessRefused):
        Reader(till_db.connector(streams=stream(key=["nothing"]))).read()
    connector.write_batch("o", [item()])
    left = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'integration-hub'"
        " AND datname = current_database()"
    )
    end = time.monotonic() + 60  # a session that was closed takes a moment to go
    while till_db.run(left) != [(0,)]:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_server_that_is_not_there_and_a_wrong_password_are_told_apart(till_db: Legacy) -> None:
    with pytest.raises(Unavailable):
        Reader(till_db.connector(port=9, streams=stream())).read()
    wrong = Sql(config=till_db.connector(streams=stream()).config,
                secrets={"password": "wrong-one"}, http=till_db.connector().http)  # fmt: skip
    (line,) = wrong.check()[:1]
    assert not line.ok and "doesn't let us in" in line.move and "wrong-one" not in line.move
    with pytest.raises(AccessRefused) as caught:
        Reader(till_db.connector(database="no_such", streams=stream())).read()
    assert caught.value.code == "revoked"


def test_a_server_without_tls_is_refused_unless_tls_is_off(till_db: Legacy) -> None:
    for tls in ("require", "verify"):
        with pytest.raises(AccessRefused) as caught:
            Reader(till_db.connector(tls=tls, streams=stream())).read()
        assert caught.value.code == "revoked" and "TLS" in str(caught.value)


def test_a_check_tries_everything_and_writes_nothing(till_db: Legacy) -> None:
    wrong = ORDERS | {"name": "p", "table": "articles"}
    lines = till_db.connector(streams=stream(), resources=[ORDERS, wrong]).check()
    assert [line.ok for line in lines] == [True, True, True, False]
    assert "has no column" in lines[-1].move


# ------------------------------------------------------------------ writing


def test_a_row_is_staged_once_however_often_it_is_sent(till_db: Legacy) -> None:
    connector = till_db.connector(resources=[ORDERS])
    one = item(lines=[{"line_no": 1, "sku": "G01", "qty": "2", "net": "5.00"}])
    for _ in range(3):
        assert connector.write_batch("o", [one]) == [Done("ref-1")]
    assert till_db.orders("hub_ref", "status", "total::text", "booked_at") == [
        ("ref-1", "new", "6.00", datetime.fromisoformat("2026-07-01T11:00:00+00:00"))
    ]
    assert till_db.run("SELECT sku, qty::text FROM hub_order_lines") == [("G01", "2.000")]


@pytest.mark.parametrize(("body", "code"), [
    ({"total": "a lot"}, "type-mismatch"), ({"total": "-1"}, "rejected"),
    ({"booked_at": None}, "missing-required"), ({"colour": "red"}, "column-missing"),
    ({"number": "9"}, "duplicate-exact"), ({"store": "much too long"}, "type-mismatch"),
    ({"lines": [{"line_no": 1, "sku": None, "qty": 1, "net": 1}]}, "missing-required"),
])  # fmt: skip
def test_a_bad_row_costs_only_itself(till_db: Legacy, body: Json, code: str) -> None:
    connector = till_db.connector(resources=[ORDERS])
    assert connector.write_batch("o", [item("9")]) == [Done("ref-9")]
    bad = item("2", **body) if "number" not in body else item("9", ref="ref-other")
    outcomes = connector.write_batch("o", [item("1"), bad, item("3")])
    assert [type(o) for o in outcomes] == [Done, Rejected, Done]
    assert isinstance(outcomes[1], ConnectorError) and outcomes[1].code == code, outcomes[1]
    assert [n for (n,) in till_db.orders("number")] == ["1", "3", "9"]


def test_what_is_not_taken_is_amended_and_what_is_taken_is_not(till_db: Legacy) -> None:
    connector = till_db.connector(resources=[ORDERS | {"removed": "void"}])
    connector.write_batch("o", [item()])
    connector.write_batch("o", [item(op="update", total="7.00")])
    assert till_db.orders("total::text") == [("7.00",)]
    till_db.run("UPDATE hub_orders SET status = 'booked'")
    (outcome,) = connector.write_batch("o", [item(op="update", total="8.00")])
    assert isinstance(outcome, DocumentLocked)
    assert connector.write_batch("o", [item(op="delete")]) == [Done("ref-1")]
    assert till_db.orders("total::text", "status") == [("7.00", "void")]


def test_a_table_that_does_not_keep_our_reference_single_is_refused(till_db: Legacy) -> None:
    till_db.run("CREATE TABLE loose (hub_ref text, hub_mark text, status text, number text)")
    till_db.undo.append("DROP TABLE loose")
    connector = till_db.connector(resources=[ORDERS | {"table": "loose", "details": []}])
    with pytest.raises(AccessRefused, match="primary key or a unique index"):
        connector.write_batch("o", [item()])
    till_db.run("CREATE UNIQUE INDEX ON loose (hub_ref)")
    alone = WriteItem("ref-1", "key", "create", {"number": "1"})
    assert connector.write_batch("o", [alone]) == [Done("ref-1")]


def test_the_database_dies_before_the_commit_and_nothing_was_done(till_db: Legacy) -> None:
    connector = till_db.connector(resources=[ORDERS], deadline=1)
    with till_db.owner.connect() as other:
        other.execute(text("LOCK TABLE hub_orders IN EXCLUSIVE MODE"))
        with pytest.raises(Unavailable):
            connector.write_batch("o", [item()])
    assert till_db.orders("number") == []
    assert connector.write_batch("o", [item()]) == [Done("ref-1")]
