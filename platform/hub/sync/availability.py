"""*Available to sell*: Σ over the rule's locations of (on hand - reserved), less what the hub knows
is sold and the owner of stock hasn't shown yet, less the buffer; never below zero.

The middle term is what a stock push that looks only at the ERP forgets: it would give back to the
shop what was sold a second ago (failure case 29). Each document takes its stock by a Commitment
when it is routed to the owner of stock; the commitment ends with the first reading of that level
that began after the document was settled there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from hub.canonical.validate import encode
from hub.canonical.values import normalised_key
from hub.sync.identity import new_id
from hub.sync.merge import Known, load
from hub.sync.plan import Plan, Rule
from hub.sync.route import Wanted
from hub.sync.sql import execute, rows
from hub.sync.store import write_records


@dataclass(frozen=True, slots=True)
class Take:
    """``qty`` taken from a location; negative gives back. ``sku``: normalised."""

    delivery: uuid.UUID
    sku: str
    location: str
    qty: Decimal


def takes(wanted: Wanted, rule: Rule) -> list[Take]:
    """What a document takes from the stock behind a rule. Pure.

    A shop's order ships from the rule's first location. What a shop takes back is not counted
    until the owner of stock shows it: goods that may never arrive are not sold again.
    """
    content, entity = wanted.content, wanted.record.entity
    if entity == "order":
        sign, place = Decimal(1), rule.locations[0] if rule.locations else ""
        if content.get("order_state") in ("cancelled", "draft", "pending"):
            return []
        lines: Sequence[dict[str, Any]] = [
            line for line in content["lines"] if line.get("kind", "item") == "item"
        ]
    elif entity == "sale":
        sign, place, lines = Decimal(1), content["location"], content["lines"]
    elif entity == "return" and content.get("tenders"):
        sign, place = Decimal(-1), content.get("location", "")
        lines = [line for line in content["lines"] if line.get("restock", True)]
    elif entity == "stock_movement" and content.get("from_location"):
        sign, place, lines = Decimal(1), content["from_location"], [content]
    else:
        return []
    if place not in rule.locations:
        return []
    taken: dict[str, Decimal] = {}
    for line in lines:
        if line.get("sku"):
            sku = normalised_key("sku", line["sku"])
            taken[sku] = taken.get(sku, Decimal(0)) + sign * Decimal(line["qty"])
    return [Take(wanted.id, sku, place, qty) for sku, qty in taken.items()]


def commit_stock(plan: Plan, deliveries: Iterable[Wanted]) -> set[str]:
    """Note what documents on their way to an owner of stock take; returns the SKUs concerned.

    Only until first delivered: an amendment later doesn't take twice.
    """
    mine = [
        (w, rule) for rule in plan.rules for w in deliveries if w.route.target == rule.source
    ]  # fmt: skip
    taken = [t for w, rule in mine for t in takes(w, rule)]
    documents = {w.id for w, _ in mine if w.record.entity in ("order", "sale", "return",
                                                              "stock_movement")}  # fmt: skip
    if not documents:
        return set()
    gone = rows(
        "DELETE FROM sync_commitment WHERE delivery_id = ANY(%s) AND settled_at IS NULL"
        " RETURNING sku",
        [list(documents)],
    )
    if taken:
        execute(
            "INSERT INTO sync_commitment (delivery_id, environment_id, sku, location, qty)"
            " SELECT t.d, %s, t.s, t.l, t.q FROM unnest(%s::uuid[], %s::text[], %s::text[],"
            " %s::numeric[]) AS t (d, s, l, q)"
            " JOIN sync_delivery x ON x.id = t.d AND x.delivered = 0 ON CONFLICT DO NOTHING",
            [plan.environment, [t.delivery for t in taken], [t.sku for t in taken],
             [t.location for t in taken], [t.qty for t in taken]],
        )  # fmt: skip
    return {t.sku for t in taken} | {sku for (sku,) in gone}


def give_up(changed: Iterable[Known]) -> set[str]:
    """What documents had taken that never got there and are no longer wanted there."""
    gone = rows(
        "DELETE FROM sync_commitment c USING sync_delivery d WHERE d.id = c.delivery_id"
        " AND d.record_id = ANY(%s) AND d.problem = 'retired' AND c.settled_at IS NULL"
        " RETURNING c.sku",
        [[r.id for r in changed]],
    )
    return {sku for (sku,) in gone}


def release_shown(plan: Plan, shown: dict[tuple[str, str], datetime]) -> set[str]:
    """The owner of stock has shown these levels: end the commitments settled before."""
    if not shown or not plan.rules:
        return set()
    gone = rows(
        "DELETE FROM sync_commitment c USING unnest(%s::text[], %s::text[], %s::timestamptz[])"
        " AS s (sku, location, at) WHERE c.environment_id = %s AND c.sku = s.sku"
        " AND c.location = s.location AND c.settled_at < s.at RETURNING c.sku",
        [[k[0] for k in shown], [k[1] for k in shown], list(shown.values()), plan.environment],
    )
    return {sku for (sku,) in gone}


def skus_of(plan: Plan, changed: Iterable[Known]) -> set[str]:
    """SKUs whose level changed at a location that some rule adds up."""
    places = {place for rule in plan.rules for place in rule.locations}
    found = set()
    for record in changed:
        if record.entity == "stock_level":
            content = record.decoded()
            if content.get("location") in places:
                found.add(normalised_key("sku", content["sku"]))
    return found


def recompute(plan: Plan, skus: set[str]) -> list[Known]:
    """Compute each rule's figure for these SKUs; returns the derived records that changed.

    The derived row is locked *before* its inputs are read: two workers changing two inputs would
    otherwise both add up an old figure, and nothing would ever correct it (engine E3).
    """
    changed: list[Known] = []
    for rule in plan.rules:
        changed += _recompute(plan, rule, sorted(skus))
    if changed:
        write_records(plan, changed)
    return changed


def _recompute(plan: Plan, rule: Rule, skus: list[str]) -> list[Known]:
    derived = _derived_records(plan, rule, skus)
    known = load(set(derived.values()))
    levels = _levels(plan, rule, skus)
    pending: dict[str, Decimal] = dict(
        rows(
            "SELECT sku, sum(qty) FROM sync_commitment WHERE environment_id = %s"
            " AND sku = ANY(%s) AND location = ANY(%s) GROUP BY sku",
            [plan.environment, skus, list(rule.locations)],
        )
    )
    changed = []
    for sku in skus:
        if sku not in levels:
            continue  # the owner of stock has never shown it: there is nothing to promise
        name, product, on_hand = levels[sku]
        free = max(Decimal(0), on_hand - pending.get(sku, Decimal(0)) - rule.buffer)
        record = known[derived[sku]]
        content = encode("stock_level", {
            "product": product, "sku": name, "location": rule.code,
            "on_hand": _plain(free), "reserved": "0",
        })  # fmt: skip
        if record.content != content or record.state != "live":
            record.content, record.state, record.cause = content, "live", "source"
            record.version += 1
            record.changed = True
            changed.append(record)
    return changed


def _derived_records(plan: Plan, rule: Rule, skus: list[str]) -> dict[str, uuid.UUID]:
    """Ids of the derived records, made where missing; the key's uniqueness settles races."""
    values = [normalised_key("stock", f"{sku}|{rule.code}") for sku in skus]
    found = _keyed(plan, values)
    missing = [v for v in values if v not in found]
    if missing:
        ids = [new_id() for _ in missing]
        execute(
            "INSERT INTO sync_record (id, environment_id, entity, state, version, billable_version)"
            " SELECT unnest(%s::uuid[]), %s, 'stock_level', 'expected', 0, 0",
            [ids, plan.environment],
        )
        execute(
            "INSERT INTO sync_recordkey (environment_id, entity, kind, value, record_id)"
            " SELECT %s, 'stock_level', 'stock', v, r FROM unnest(%s::text[], %s::uuid[])"
            " AS m (v, r) ORDER BY v ON CONFLICT DO NOTHING",
            [plan.environment, missing, ids],
        )
        found = _keyed(plan, values)
        lost = set(ids) - set(found.values())
        if lost:
            execute("DELETE FROM sync_record WHERE id = ANY(%s)", [list(lost)])
    return {sku: found[value] for sku, value in zip(skus, values, strict=True)}


def _keyed(plan: Plan, values: list[str]) -> dict[str, uuid.UUID]:
    return dict(
        rows(
            "SELECT value, record_id FROM sync_recordkey WHERE environment_id = %s"
            " AND entity = 'stock_level' AND kind = 'stock' AND value = ANY(%s)",
            [plan.environment, values],
        )
    )


def _levels(
    plan: Plan, rule: Rule, skus: list[str]
) -> dict[str, tuple[str, dict[str, Any], Decimal]]:
    """Per SKU: its name as the source writes it, its product, Σ (on hand - reserved)."""
    keys = {
        normalised_key("stock", f"{sku}|{place}"): sku for sku in skus for place in rule.locations
    }
    found: dict[str, tuple[str, dict[str, Any], Decimal]] = {}
    for value, raw in rows(
        "SELECT k.value, r.content FROM sync_recordkey k"
        " JOIN sync_record r ON r.id = k.record_id WHERE k.environment_id = %s"
        " AND k.entity = 'stock_level' AND k.kind = 'stock' AND k.value = ANY(%s)"
        " AND r.state = 'live' ORDER BY k.value",
        [plan.environment, list(keys)],
    ):
        content = msgspec.json.decode(raw)
        sku = keys[value]
        free = Decimal(content["on_hand"]) - Decimal(content.get("reserved", "0"))
        _, _, so_far = found.get(sku, ("", {}, Decimal(0)))
        found[sku] = (content["sku"], content["product"], so_far + free)
    return found


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
