"""The checker: what became of everything the shops told, asked of those who would know.

It imports the standard library and psycopg, and nothing of ours. What should be is read from the
shops, what is from the targets' own logs of effects, who owns what is stuck and what was counted
from the database. The hub is not asked where an outside system can be.

    python checker.py WORLD.json [--wait SECONDS]

WORLD.json: {database, source, targets: {name: url}, tenants: {name: partner's slug}, lanes,
sums}; see `lanes` in world.py. ``--wait``: first until nothing is owed, or so many seconds.
Prints one JSON object; exit code 1 if anybody was harmed.

Harms: ``lost`` (acknowledged, and neither there nor on its way nor told), ``phantom`` (done, and
nobody asked), ``doubled``, ``out_of_order`` (an older state after a newer one; a payment before its
order), ``regressed`` (a level fell back), ``stale`` (a level not at its newest value),
``wrong_tenant``, ``unbilled``, ``overbilled``, ``ownerless`` (stuck, and no open exception with an
owner), ``pending`` (still on its way when the wait was over: not lost, and nobody was told).
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

Json = dict[str, Any]
Effects = dict[tuple[str, str], list[Json]]
HARMS = ("lost", "phantom", "doubled", "out_of_order", "regressed", "stale", "wrong_tenant",
         "unbilled", "overbilled", "ownerless", "pending", "key_reused")  # fmt: skip
SHOWN = 12
#: States of an exception in which somebody is to act.
ALIVE = ("open", "snoozed")
EFFECTS = ("create", "change", "set")


@dataclass
class Report:
    """Harms by name, with the ids of the harmed, and figures."""

    harms: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    figures: Json = field(default_factory=dict)

    def harm(self, name: str, whom: str) -> None:
        assert name in HARMS  # noqa: S101 - a misspelt harm would harm nobody
        self.harms[name].append(whom)

    def shown(self) -> Json:
        counts = {name: len(self.harms.get(name, [])) for name in HARMS}
        ids = {name: found[:SHOWN] for name, found in self.harms.items() if found}
        return {"good": not ids, "harms": counts, "ids": ids, **self.figures}


# ------------------------------------------------------------------ the outside systems


def ask(url: str, path: str) -> Any:
    """Raises RuntimeError for an answer of 400 or more, OSError when nobody answers."""
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        raw = answer.read()
    finally:
        line.close()
    if answer.status >= 400:
        raise RuntimeError(f"{url}{path} answered {answer.status}: {raw[:300]!r}")
    return json.loads(raw)


def paged(url: str, path: str, name: str) -> Iterator[Json]:
    after = 0
    while found := ask(url, f"{path}?after={after}")[name]:
        yield from found
        after += len(found)


@dataclass
class Story:
    """What the shops told, by (tenant, topic, id): the events in order of their rev."""

    events: list[Json] = field(default_factory=list)
    things: dict[tuple[str, str, str], list[Json]] = field(
        default_factory=lambda: defaultdict(list)
    )

    @classmethod
    def read(cls, url: str) -> Story:
        story = cls(list(paged(url, "/_truth", "events")))
        for event in story.events:
            story.things[event["tenant"], event["topic"], event["id"]].append(event)
        for told in story.things.values():
            told.sort(key=lambda e: e["rev"])
        return story

    def of(self, topic: str) -> Iterator[tuple[str, str, list[Json]]]:
        for (tenant, kind, id_), told in self.things.items():
            if kind == topic:
                yield tenant, id_, told


def acked(told: list[Json]) -> int:
    """The newest rev that was acknowledged; 0: none."""
    return max((e["rev"] for e in told if e["acked"] is not None), default=0)


# ------------------------------------------------------------------ the database

STUCK = """
SELECT r.entity, lower(coalesce(nullif(k.value, ''), r.number)), c.slug, d.delivered, d.wanted,
       d.problem, coalesce(x.state, ''), coalesce(x.owner, ''), w.delivery_id IS NOT NULL,
       EXISTS (SELECT 1 FROM {schema}.sync_work o
               JOIN {schema}.sync_delivery od ON od.id = o.delivery_id
               JOIN {schema}.sync_businessexception ox ON ox.id = od.exception_id
               AND ox.state IN ('open', 'snoozed') AND ox.owner <> ''
               WHERE o.connection_id = w.connection_id AND o.resource = w.resource
               AND o.root_id = w.root_id AND o.seq < w.seq)
FROM {schema}.sync_delivery d
JOIN {schema}.sync_record r ON r.id = d.record_id
JOIN {schema}.connections_connection c ON c.id = d.connection_id
LEFT JOIN {schema}.sync_work w ON w.delivery_id = d.id
LEFT JOIN {schema}.sync_businessexception x ON x.id = d.exception_id
LEFT JOIN LATERAL (SELECT value FROM {schema}.sync_recordkey k WHERE k.record_id = r.id
                   AND k.kind = 'stock' LIMIT 1) k ON true
"""
PARKED = """
SELECT e.body, coalesce(x.state, ''), coalesce(x.owner, ''), e.state
FROM {schema}.sync_inboxevent e
LEFT JOIN {schema}.sync_businessexception x ON x.id = e.exception_id
WHERE e.state IN ('parked', 'pending')
"""
USED = """
SELECT u.meter, u.entity, lower(coalesce(nullif(k.value, ''), r.number)), c.slug,
       count(*), sum(u.units)
FROM {schema}.billing_usageevent u
JOIN {schema}.sync_record r ON r.id = u.record_id
JOIN {schema}.sync_delivery d ON d.id = u.delivery_id
JOIN {schema}.connections_connection c ON c.id = d.connection_id
LEFT JOIN LATERAL (SELECT value FROM {schema}.sync_recordkey k WHERE k.record_id = r.id
                   AND k.kind = 'stock' LIMIT 1) k ON true
GROUP BY 1, 2, 3, 4
"""
OPEN = """
SELECT code, owner, count(*) FROM {schema}.sync_businessexception
WHERE state IN ('open', 'snoozed') GROUP BY 1, 2
"""
OWED = """
SELECT (SELECT count(*) FROM {schema}.sync_work w JOIN {schema}.sync_delivery d
        ON d.id = w.delivery_id LEFT JOIN {schema}.sync_businessexception x
        ON x.id = d.exception_id AND x.state IN ('open', 'snoozed') AND x.owner <> ''
        WHERE x.id IS NULL AND NOT EXISTS (
            SELECT 1 FROM {schema}.sync_work o
            JOIN {schema}.sync_delivery od ON od.id = o.delivery_id
            JOIN {schema}.sync_businessexception ox ON ox.id = od.exception_id
            AND ox.state IN ('open', 'snoozed') WHERE o.connection_id = w.connection_id
            AND o.resource = w.resource AND o.root_id = w.root_id AND o.seq < w.seq)),
       (SELECT count(*) FROM {schema}.sync_inboxevent WHERE state = 'pending')
"""
NAMES = "SELECT DISTINCT number FROM {schema}.sync_record WHERE number <> ''"
KEPT = "SELECT encode(sha256(body), 'hex') FROM {schema}.sync_inboxevent"


@dataclass
class Row:
    """A delivery: what, where to, how far, and what holds it up."""

    entity: str
    name: str
    slot: str
    delivered: int
    wanted: int
    problem: str
    exception: str
    owner: str
    owed: bool
    behind: bool

    @property
    def told(self) -> bool:
        """Itself, or what it must come after."""
        return self.behind or (self.exception in ALIVE and bool(self.owner))


class Books:
    def __init__(self, url: str, tenants: dict[str, str]) -> None:
        self.line = psycopg.connect(url, autocommit=True)
        found = self.line.execute("SELECT slug, schema_name FROM partners_partner").fetchall()
        schemas: dict[str, str] = dict(found)
        self.schemas = {tenant: schemas[slug] for tenant, slug in tenants.items()}

    def rows(self, tenant: str, statement: str) -> list[tuple[Any, ...]]:
        schema = sql.Identifier(self.schemas[tenant])
        return self.line.execute(sql.SQL(statement).format(schema=schema)).fetchall()


# ------------------------------------------------------------------ judging


@dataclass
class Court:
    """Everything that is known, for one judgement."""

    world: Json
    story: Story
    effects: dict[str, list[Json]]
    books: Books
    report: Report = field(default_factory=Report)
    rows: dict[tuple[str, str, str, str], Row] = field(default_factory=dict)
    parked: dict[tuple[str, str], bool] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)

    def gather(self) -> None:
        for tenant in self.books.schemas:
            for found in self.books.rows(tenant, STUCK):
                row = Row(*found)
                self.rows[tenant, row.entity, row.name, row.slot] = row
            for body, state, owner, event in self.books.rows(tenant, PARKED):
                self._heard(tenant, bytes(body), state in ALIVE and bool(owner), event)

    def _heard(self, tenant: str, body: bytes, told: bool, event: str) -> None:
        """An event that went no further than the inbox."""
        if event == "pending":
            self.unread[tenant] += 1
        elif not told:
            self.report.harm("ownerless", f"{tenant} parked event {body[:60]!r}")
        try:
            said = json.loads(body)
            self.parked[tenant, str(said["id"])] = told and event == "parked"
        except (ValueError, TypeError, KeyError):
            return

    def excused(self, tenant: str, id_: str, row: Row | None) -> str:
        """Why something isn't there: *told*, *pending*, or nothing (then it is lost)."""
        if row is not None and row.told:
            return "told"
        if self.parked.get((tenant, id_)):
            return "told"
        if row is not None and row.owed:
            return "pending"
        return "pending" if self.unread[tenant] else ""


def judge(court: Court) -> None:
    computed = {total["location"] for total in court.world.get("sums", [])}
    for lane in court.world["lanes"]:
        mine = defaultdict(list)
        for effect in court.effects[lane["target"]]:
            if effect["body"].get("location") in computed:
                continue
            if effect["resource"] == lane["resource"] and effect["op"] in EFFECTS:
                mine[effect["tenant"], str(effect["body"].get(lane["name"], ""))].append(effect)
        (_levels if lane["class"] == "level" else _documents)(court, lane, mine)
    for total in court.world.get("sums", []):
        _sums(court, total)
    _strangers(court)
    _ownerless(court)
    _usage(court)
    _kept(court)


def _documents(court: Court, lane: Json, effects: Effects) -> None:
    report, where = court.report, f"{lane['topic']} at {lane['target']}"
    known = set()
    told_count = 0
    for tenant, id_, told in court.story.of(lane["topic"]):
        name = str(told[0]["body"][lane["name"]])
        known.add((tenant, name))
        there = effects.get((tenant, name), [])
        whom = f"{tenant} {where} {name}"
        row = court.rows.get((tenant, lane["entity"], name.lower(), lane["target"]))
        made = [e for e in there if e["op"] == "create"]
        if len(made) > 1:
            report.harm("doubled", f"{whom}: {len(made)} times")
        revs = [int(e["body"].get("rev") or 0) for e in there]
        if revs != sorted(revs):
            report.harm("out_of_order", f"{whom}: {revs}")
        if revs and max(revs) > told[-1]["rev"]:
            report.harm("phantom", f"{whom}: version {max(revs)}")
        if max(revs, default=0) < acked(told):
            why = court.excused(tenant, id_, row)
            told_count += why == "told"
            if why == "pending":
                report.harm("pending", f"{whom}: {revs} of {acked(told)}")
            elif not why:
                report.harm("lost", f"{whom}: has {revs}, acknowledged {acked(told)}")
    for tenant, name in effects:
        if (tenant, name) not in known and not name.startswith("hostile"):
            report.harm("phantom", f"{tenant} {where} {name}")
    court.report.figures.setdefault("told", {})[where] = told_count


def _levels(court: Court, lane: Json, effects: Effects) -> None:
    report, where = court.report, f"{lane['topic']} at {lane['target']}"
    for tenant, id_, told in court.story.of(lane["topic"]):
        name = str(told[0]["body"][lane["name"]])
        whom = f"{tenant} {where} {name}"
        revs = [int(e["body"].get("rev") or 0) for e in effects.get((tenant, name), [])]
        falls = [(a, b) for a, b in pairwise(revs) if b < a]
        if falls:
            report.harm("regressed", f"{whom}: {falls[:3]}")
        if (revs[-1] if revs else 0) < acked(told):
            key = str(told[0]["body"].get(lane.get("key", ""), name)).lower()
            row = court.rows.get((tenant, lane["entity"], key, lane["target"]))
            why = court.excused(tenant, id_, row)
            if why != "told":
                report.harm("pending" if why else "stale", f"{whom}: {revs[-3:]} of {acked(told)}")
    known = {(e["tenant"], e["id"]) for e in court.story.events}
    for tenant, name in effects:
        if name and (tenant, name) not in known and not name.startswith("hostile"):
            report.harm("phantom", f"{tenant} {where} {name}")


def _sums(court: Court, total: Json) -> None:
    """What is published must be the sum of what the shop's places hold, less the buffer."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    sure: dict[tuple[str, str], bool] = defaultdict(lambda: True)
    for tenant, id_, told in court.story.of(total["topic"]):
        key = (tenant, str(told[0]["body"]["sku"]))
        sure[key] &= acked(told) == told[-1]["rev"] and not court.parked.get((tenant, id_))
        sums[key] += int(told[-1]["body"]["on_hand"])
    shown: dict[tuple[str, str], str] = {}
    for effect in court.effects[total["target"]]:
        if effect["body"].get("location") == total["location"]:
            shown[effect["tenant"], str(effect["body"]["sku"])] = str(effect["body"]["on_hand"])
    for (tenant, sku), want in sums.items():
        have = shown.get((tenant, sku), "")
        free = max(want - total["buffer"], 0)
        if sure[tenant, sku] and (not have or float(have) != free):
            row = court.rows.get((tenant, "stock_level", f"{sku}|{total['location']}".lower(),
                                  total["target"]))  # fmt: skip
            why = court.excused(tenant, "", row)
            if why != "told":
                name = f"{tenant} free to sell {sku}: {have or 'nothing'} instead of {free}"
                court.report.harm("pending" if why else "stale", name)


def _strangers(court: Court) -> None:
    for target, entries in court.effects.items():
        for entry in entries:
            name = str(entry["body"].get("number") or entry["body"].get("sku") or "")
            foreign = name and not name.startswith((f"{entry['tenant']}-", "hostile"))
            if entry["op"] == "conflict":
                court.report.harm("key_reused", f"{target} of {entry['tenant']}: {name}")
            if entry["op"] == "stranger" or foreign:
                court.report.harm("wrong_tenant", f"{target} of {entry['tenant']}: {name}")
    for tenant in court.books.schemas:
        others = tuple(f"{t}-" for t in court.books.schemas if t != tenant)
        for (number,) in court.books.rows(tenant, NAMES):
            if str(number).startswith(others):
                court.report.harm("wrong_tenant", f"schema of {tenant}: {number}")


def _ownerless(court: Court) -> None:
    for (tenant, entity, name, slot), row in court.rows.items():
        owned = row.exception in ALIVE and row.owner
        if row.problem in ("dead", "unknown", "held") and not owned:
            court.report.harm("ownerless", f"{tenant} {entity} {name} at {slot}: {row.problem}")
    exceptions: Counter[str] = Counter()
    for tenant in court.books.schemas:
        for code, owner, count in court.books.rows(tenant, OPEN):
            exceptions[code] += count
            if not owner:
                court.report.harm("ownerless", f"{tenant} exception {code}")
    court.report.figures["exceptions"] = dict(exceptions)


def _usage(court: Court) -> None:
    """Documents: once each whose every required target has confirmed. Levels: at least one and at
    most one for each change their source caused."""
    documents: dict[tuple[str, str, str], int] = defaultdict(int)
    changes: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for tenant in court.books.schemas:
        for meter, entity, name, slot, _, units in court.books.rows(tenant, USED):
            if meter == "document":
                documents[tenant, entity, name] += int(units)
            else:
                changes[tenant, entity, name, slot] += int(units)
    confirmed = _confirmed(court)
    for key in sorted({*documents, *confirmed}):
        used, right = documents.get(key, 0), confirmed.get(key)
        whom = " ".join(key)
        if used > 1 or (used and right is False):
            court.report.harm("overbilled", f"{whom}: {used}")
        elif right and not used:
            court.report.harm("unbilled", whom)
    _changes(court, changes)
    court.report.figures["usage"] = {
        "documents": sum(n for k, n in documents.items() if k in confirmed),
        "confirmed": sum(bool(c) for c in confirmed.values()),
        "changes": sum(changes.values()),
    }  # fmt: skip


def _confirmed(court: Court) -> dict[tuple[str, str, str], bool | None]:
    """Of each document: every lane's target has it, by its own log; None where a person is still
    to say whether it does."""
    lanes = [x for x in court.world["lanes"] if x["class"] in ("document", "fact")]
    made = {
        (x["target"], e["resource"], e["tenant"], str(e["body"].get(x["name"], "")))
        for x in lanes for e in court.effects[x["target"]] if e["op"] == "create"
    }  # fmt: skip
    found: dict[tuple[str, str, str], bool | None] = {}
    for lane in lanes:
        for tenant, _, told in court.story.of(lane["topic"]):
            name = str(told[0]["body"][lane["name"]])
            key = (tenant, lane["entity"], name.lower())
            row = court.rows.get((*key, lane["target"]))
            have = (lane["target"], lane["resource"], tenant, name) in made
            unsure = row is not None and row.delivered == 0 and (row.told or row.owed)
            before = found.get(key, True)
            now = None if unsure and have else have
            found[key] = (
                False if False in (before, now) else None if None in (before, now) else True
            )
    return found


def _changes(court: Court, changes: dict[tuple[str, str, str, str], int]) -> None:
    for lane in court.world["lanes"]:
        if lane["class"] not in ("level", "register"):
            continue
        for tenant, id_, told in court.story.of(lane["topic"]):
            body = told[0]["body"]
            name = str(body.get(lane.get("key", ""), body[lane["name"]])).lower()
            used = changes.get((tenant, lane["entity"], name, lane["target"]), 0)
            row = court.rows.get((tenant, lane["entity"], name, lane["target"]))
            if used > len(told):
                court.report.harm("overbilled", f"{tenant} {id_}: {used} changes of {len(told)}")
            if row is not None and row.delivered and not used:
                court.report.harm("unbilled", f"{tenant} {id_}: delivered, no change counted")


def _kept(court: Court) -> None:
    """Whatever was answered 2xx must be in the inbox byte by byte, hostile or not."""
    taken = [h for h in ask(court.world["source"], "/_hostile")["sent"] if 200 <= h["status"] < 300]
    for tenant in court.books.schemas if taken else ():
        kept = {digest for (digest,) in court.books.rows(tenant, KEPT)}
        for one in taken:
            if one["tenant"] == tenant and one["sha256"] not in kept:
                court.report.harm("lost", f"{tenant} hostile bytes {one['kind']}")


# ------------------------------------------------------------------ at work


def owed(world: Json, books: Books) -> Json:
    """What isn't finished: unacknowledged at the shops, unread, unsent (and nobody told)."""
    waiting = ask(world["source"], "/_counts")["waiting"]
    sums = [books.rows(tenant, OWED)[0] for tenant in books.schemas]
    return {"unacknowledged": waiting, "unsent": sum(s[0] for s in sums),
            "unread": sum(s[1] for s in sums)}  # fmt: skip


def wait_for_quiet(world: Json, books: Books, seconds: float) -> Json:
    """Until nothing is owed twice in a row, or the time is up; what was owed last."""
    end, quiet = time.monotonic() + seconds, 0
    while True:
        left = owed(world, books)
        quiet = quiet + 1 if not any(left.values()) else 0
        if quiet >= 3 or time.monotonic() > end:
            return left
        time.sleep(1.0)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="What became of everything.")
    parser.add_argument("world", type=Path)
    parser.add_argument("--wait", type=float, default=0.0)
    asked = parser.parse_args(argv)
    world = json.loads(asked.world.read_text(encoding="utf-8"))
    books = Books(world["database"], world["tenants"])
    began = time.monotonic()
    left = wait_for_quiet(world, books, asked.wait) if asked.wait else owed(world, books)
    drained = round(time.monotonic() - began, 1)
    effects = {n: list(paged(url, "/_log", "entries")) for n, url in world["targets"].items()}
    court = Court(world, Story.read(world["source"]), effects, books)
    court.gather()
    judge(court)
    told = Counter(e["acked"] is not None for e in court.story.events)
    court.report.figures |= {
        "events": told[True], "unacknowledged": told[False], "owed": left, "drain_s": drained,
        "effects": {n: dict(Counter(e["op"] for e in found)) for n, found in effects.items()},
    }  # fmt: skip
    sys.stdout.write(json.dumps(court.report.shown()) + "\n")
    return 0 if court.report.shown()["good"] else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
