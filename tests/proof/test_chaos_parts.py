"""What the chaos harness is made of, each by itself: checker, proxy, targets, shops."""

from __future__ import annotations

import ast
import asyncio
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.proof.chaos import checker, recovery
from hub.proof.chaos.disk import no_growth
from hub.proof.chaos.faults import Fault, Ledger
from hub.proof.chaos.outside.hostile import BROKEN, HUGE, body_of
from hub.proof.chaos.outside.target import Books, answer, api_key
from hub.proof.chaos.outside.trade import MIX, Shop
from hub.proof.chaos.outside.wire import Request, Response, call, serve
from hub.proof.chaos.proxy import AFTER, BEFORE, Lines, listen

Json = dict[str, Any]


# ------------------------------------------------------------------ the checker


def test_the_checker_knows_nothing_of_ours() -> None:
    """It would share our mistakes."""
    tree = ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    roots = {name.split(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == {"psycopg"}


class NoDatabase:
    """Two partners' schemas, with what a story puts there."""

    def __init__(self, **rows: dict[str, list[tuple[Any, ...]]]) -> None:
        self.schemas = {"amber": "a", "birch": "b"}
        self._rows = rows

    def rows(self, tenant: str, statement: str) -> list[tuple[Any, ...]]:
        names = {checker.STUCK: "stuck", checker.PARKED: "parked", checker.USED: "used",
                 checker.OPEN: "open_", checker.NAMES: "names"}  # fmt: skip
        return self._rows.get(names.get(statement, ""), {}).get(tenant, [])


ORDERS = {"topic": "orders", "entity": "order", "target": "keyed", "class": "document",
          "resource": "orders", "name": "number"}  # fmt: skip
STOCK = {"topic": "stock", "entity": "stock_level", "target": "keyed", "class": "level",
         "resource": "stock", "name": "id", "key": "key"}  # fmt: skip


def told(number: str, rev: int = 1, topic: str = "orders", acked: float | None = 1.0) -> Json:
    body = {"number": number, "id": number, "rev": rev, "sku": number, "key": number}
    return {"n": rev, "tenant": "amber", "topic": topic, "id": number, "rev": rev, "at": 0.0,
            "acked": acked, "body": body}  # fmt: skip


def done(number: str, rev: int = 1, op: str = "create", tenant: str = "amber",
         resource: str = "orders") -> Json:  # fmt: skip
    body = {"number": number, "rev": rev} if resource == "orders" else {"id": number, "rev": rev}
    return {"n": 1, "at": 2.0, "tenant": tenant, "resource": resource, "op": op, "id": "1",
            "ref": "", "key": "", "body": body}  # fmt: skip


def judged(
    monkeypatch: pytest.MonkeyPatch, lanes: list[Json], events: list[Json], effects: list[Json],
    **database: dict[str, list[tuple[Any, ...]]],
) -> dict[str, int]:  # fmt: skip
    """The harms that are more than none."""
    story = checker.Story(events)
    for event in events:
        story.things[event["tenant"], event["topic"], event["id"]].append(event)
    monkeypatch.setattr(checker, "ask", lambda url, path: {"sent": []})
    world = {"lanes": lanes, "source": "", "sums": []}
    court = checker.Court(world, story, {"keyed": effects}, NoDatabase(**database))  # type: ignore[arg-type]
    court.gather()
    checker.judge(court)
    return {name: n for name, n in court.report.shown()["harms"].items() if n}


def used(number: str, units: int = 1) -> dict[str, list[tuple[Any, ...]]]:
    return {"amber": [("document", "order", number, "keyed", 1, units)]}


def stuck(number: str, problem: str, exception: str, owner: str, owed: bool) -> Any:
    return {"amber": [("order", number, "keyed", 0, 1, problem, exception, owner, owed, False)]}


@pytest.mark.parametrize(
    ("events", "effects", "harms"),
    [
        pytest.param([told("amber-1")], [], {"lost": 1}, id="acknowledged and nowhere"),
        pytest.param([told("amber-1", acked=None)], [], {}, id="never acknowledged"),
        pytest.param([told("amber-1")], [done("amber-1"), done("amber-1")],
                     {"doubled": 1, "unbilled": 1}, id="made twice"),
        pytest.param([], [done("amber-9")], {"phantom": 1}, id="nobody asked for it"),
        pytest.param([told("amber-1"), told("amber-1", 2)],
                     [done("amber-1", 2), done("amber-1", 1, "change")],
                     {"out_of_order": 1, "unbilled": 1}, id="an older state after a newer one"),
        pytest.param([told("amber-1"), told("amber-1", 2)], [done("amber-1", 1)],
                     {"lost": 1, "unbilled": 1}, id="an amendment that never came"),
        pytest.param([], [done("amber-1", tenant="birch")], {"phantom": 1, "wrong_tenant": 1},
                     id="at another partner's target"),
    ],
)  # fmt: skip
def test_a_harm_has_its_name(
    monkeypatch: pytest.MonkeyPatch, events: list[Json], effects: list[Json],
    harms: dict[str, int],
) -> None:  # fmt: skip
    assert judged(monkeypatch, [ORDERS], events, effects) == harms


def test_what_is_confirmed_is_billed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    events, effects = [told("amber-1")], [done("amber-1")]
    assert judged(monkeypatch, [ORDERS], events, effects, used=used("amber-1")) == {}
    assert judged(monkeypatch, [ORDERS], events, effects) == {"unbilled": 1}
    twice = judged(monkeypatch, [ORDERS], events, effects, used=used("amber-1", 2))
    assert twice == {"overbilled": 1}
    nothing = judged(monkeypatch, [ORDERS], events, [], used=used("amber-1"))
    assert nothing == {"lost": 1, "overbilled": 1}


def test_pending_is_told_from_lost_and_from_told(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [told("amber-1")]

    def with_row(problem: str, exception: str, owner: str, owed: bool) -> dict[str, int]:
        row = stuck("amber-1", problem, exception, owner, owed)
        return judged(monkeypatch, [ORDERS], events, [], stuck=row)

    assert with_row("none", "", "", True) == {"pending": 1}
    assert with_row("unknown", "open", "partner", True) == {}
    assert with_row("dead", "resolved", "partner", True) == {"ownerless": 1, "pending": 1}
    assert with_row("none", "", "", False) == {"lost": 1}


def test_a_level_ends_at_its_newest_and_never_falls_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = [told("S", rev, "stock") for rev in (1, 2, 3)]

    def after(*revs: int) -> dict[str, int]:
        effects = [done("S", rev, "set", resource="stock") for rev in revs]
        return judged(monkeypatch, [STOCK], events, effects)

    assert after(1, 3) == {}
    assert after(1, 2) == {"stale": 1}
    assert after(1, 3, 2, 3) == {"regressed": 1}
    assert after(1, 3, 2) == {"regressed": 1, "stale": 1}


def test_recovery_runs_from_a_faults_end_to_the_first_thing_told_after_it() -> None:
    lane = recovery.Lane([(1.0, 1.5), (2.0, 9.0), (3.0, 5.0), (8.0, 8.5)])
    assert lane.after(1.5) == 3.5, "told at 3, there at 5; the one told at 2 came later"
    assert lane.after(6.0) == 2.5
    assert lane.after(9.0) is None


def test_a_fault_without_evidence_is_no_fault() -> None:
    ledger = Ledger()
    with ledger.fault(3, "FLUSHALL") as fault:
        fault.evidence = {"keys": 4}
    with ledger.fault(3, "FLUSHALL"):
        pass
    ledger.add(Fault(8, "reset_after:keyed", 1.0))
    assert ledger.by_row() == {"3": {"count": 1, "kinds": {"FLUSHALL": 1}, "example": {"keys": 4}}}


# ------------------------------------------------------------------ the disk

WRITER = """
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file, failed = open(sys.argv[1], "ab", buffering=0), False
while True:
    try:
        file.write(b"0" * 4096)
    except OSError:
        failed = True
        continue
    if failed:
        break
    if file.tell() > 2**22:
        file.truncate(2**17)
        file.seek(2**17)
"""


def test_where_no_disk_may_be_mounted_files_stop_growing_for_a_while(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "file")])
    try:
        while not (tmp_path / "file").exists() or not (tmp_path / "file").stat().st_size:
            assert writer.poll() is None
            time.sleep(0.01)
        no_growth(writer.pid, 0.3)
        assert writer.wait(60) == 0, "it failed to write, and then it could again"
    finally:
        writer.kill()


# ------------------------------------------------------------------ the targets


def asked(books: Books, method: str, path: str, body: Any = None, key: str = "") -> Response:
    tenant = path.split("/")[1]
    headers = {"authorization": f"Bearer {api_key(tenant)}", "idempotency-key": key}
    raw = json.dumps(body).encode()
    return asyncio.run(answer(books, Request(method, path, {}, headers, raw)))


def test_a_target_with_keys_does_once_what_it_is_asked_twice() -> None:
    books = Books("keyed")
    first = asked(books, "POST", "/amber/orders", {"number": "1"}, "k1")
    again = asked(books, "POST", "/amber/orders", {"number": "1"}, "k1")
    assert (first.status, again.status, first.body) == (201, 200, again.body)
    other = asked(books, "POST", "/amber/orders", {"number": "2"}, "k1")
    assert other.status == 409
    assert [e["op"] for e in books.entries] == ["create", "repeat", "conflict"]


def test_a_bare_target_does_twice_what_it_is_asked_twice() -> None:
    books = Books("bare")
    for _ in range(2):
        asked(books, "POST", "/amber/sales", {"number": "1"}, "k1")
    assert [e["op"] for e in books.entries] == ["create", "create"]


def test_another_tenants_key_opens_nothing_and_is_noted() -> None:
    books = Books("keyed")
    headers = {"authorization": f"Bearer {api_key('birch')}"}
    got = asyncio.run(answer(books, Request("POST", "/amber/orders", {}, headers, b"{}")))
    assert got.status == 401
    assert [e["op"] for e in books.entries] == ["stranger"]


# ------------------------------------------------------------------ the shops


def test_the_same_seed_tells_the_same_story() -> None:
    stories = []
    for _ in range(2):
        shop = Shop("amber", random.Random("7"))
        happened = [shop.happen()[:2] for _ in range(300)]
        stories.append([(topic, body["id"], body["rev"]) for topic, body in happened])
    assert stories[0] == stories[1]
    assert {topic for topic, _, _ in stories[0]} == set(MIX)
    assert max(rev for _, _, rev in stories[0]) > 3, "things change"


@pytest.mark.parametrize("kind", [*HUGE, *BROKEN, "poison xyz"])
def test_hostile_bodies_are_made_and_no_two_are_copies(kind: str) -> None:
    luck = random.Random(1)
    one, other = body_of(kind, luck)[0], body_of(kind, luck)[0]
    assert one != other or kind in ("empty", "fifty_megabytes")


# ------------------------------------------------------------------ the lines


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def with_line(story: Callable[[Lines, int, Books], Awaitable[None]]) -> None:
    """A bare target behind a line, while a story lasts."""
    near, far, books, lines = free_port(), free_port(), Books("bare"), Lines()
    ready = asyncio.Event()

    async def handler(request: Request) -> Response:
        ready.set()
        return await answer(books, request)

    servers = [asyncio.create_task(serve(far, handler)),
               asyncio.create_task(listen(lines, "keyed", near, far))]  # fmt: skip
    try:
        while True:
            try:
                await call(near, "GET", "/_counts")
                break
            except OSError:
                await asyncio.sleep(0.01)
        await story(lines, near, books)
    finally:
        for server in servers:
            server.cancel()
        await asyncio.gather(*servers, return_exceptions=True)


HEADERS = {"authorization": f"Bearer {api_key('amber')}"}


@pytest.mark.parametrize("kind", sorted({*BEFORE, *AFTER} - {"black_hole", "latency", "drip"}))
def test_a_fault_bites_once_before_or_after_the_effect(kind: str) -> None:
    async def story(lines: Lines, near: int, books: Books) -> None:
        lines.arm({"line": "keyed", "kind": kind, "count": 1, "methods": ["POST"], "code": 500})
        try:
            got = await call(near, "POST", "/amber/sales", b'{"number": "1"}', HEADERS, 60)
            status = got.status
        except OSError:
            status = 0
        assert status == (500 if kind.startswith("status") else 0)
        assert len(books.entries) == (1 if kind in AFTER else 0)
        assert [b["kind"] for b in lines.bites] == [kind]
        again = await call(near, "POST", "/amber/sales", b'{"number": "2"}', HEADERS, 60)
        assert again.status == 201, "it bit as often as it was told to"

    asyncio.run(with_line(story))


@pytest.mark.parametrize("kind", ["latency", "drip"])
def test_a_slow_line_delivers_in_the_end(kind: str) -> None:
    async def story(lines: Lines, near: int, books: Books) -> None:
        lines.arm({"line": "keyed", "kind": kind, "count": 1, "delay": 0.001})
        got = await call(near, "POST", "/amber/sales", b'{"number": "1"}', HEADERS, 60)
        assert (got.status, len(lines.bites)) == (201, 1)

    asyncio.run(with_line(story))


def test_what_is_swallowed_never_arrives() -> None:
    async def story(lines: Lines, near: int, books: Books) -> None:
        lines.arm({"line": "keyed", "kind": "black_hole", "count": 1})
        with pytest.raises(TimeoutError):
            await call(near, "POST", "/amber/sales", b"{}", HEADERS, 0.2)
        assert not books.entries
        assert len(lines.bites) == 1

    asyncio.run(with_line(story))
