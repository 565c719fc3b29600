"""Three verbs, none of them billed (engine.md section 9).

*Re-normalise* a stored event: read the same bytes again under today's mappings. *Resend* a
delivery: the newest goes out again, documents after a look. *Recreate* what a person states the
target has lost. And for an uncertain delivery that nothing can prove: *declare* what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import transaction

from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from hub.sync.actors import ring
from hub.sync.models import Binding, Delivery, InboxEvent, Record
from hub.sync.sql import execute
from kernel.audit.record import record
from tenants.people.models import User

EffectWord = Literal["new", "update", "unchanged", "conflict"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What resending a delivery would do, as far as the hub knows."""

    delivery: Delivery
    effect: EffectWord
    why: str


def preview(deliveries: Sequence[Delivery]) -> list[Effect]:
    """Say beforehand what `resend` would do to each."""
    bound = _bound(deliveries)
    return [_effect(d, d.id in bound) for d in deliveries]


def resend(deliveries: Sequence[Delivery], *, by: User) -> int:
    """Have the newest content sent again; returns how many are now due.

    What is being sent right now is left alone; what is uncertain is looked up before it goes.
    """
    going = [e.delivery for e in preview(deliveries) if e.effect != "conflict"]
    if not going:
        return 0
    ids = [d.id for d in going]
    with transaction.atomic():
        execute(
            "UPDATE sync_delivery SET resend = resend + 1, delivered_hash = NULL,"
            " problem = 'none', problem_code = '', exception_id = NULL WHERE id = ANY(%s)",
            [ids],
        )
        execute("DELETE FROM sync_need WHERE delivery_id = ANY(%s)", [ids])
        execute(
            "INSERT INTO sync_work (delivery_id, connection_id, resource, root_id, seq, priority)"
            " SELECT d.id, d.connection_id, d.resource, coalesce(r.root_id, r.id), 0, 4"
            " FROM sync_delivery d JOIN sync_record r ON r.id = d.record_id WHERE d.id = ANY(%s)"
            " ON CONFLICT (delivery_id) DO UPDATE SET next_at = now(), attempts = 0"
            " WHERE sync_work.lease_until IS NULL",
            [ids],
        )
        record(f"user:{by.id}", "delivery.resent", f"delivery:{ids[0]}",
               {"count": len(ids), "deliveries": [str(i) for i in ids[:100]]})  # fmt: skip
    for connection in {d.connection_id for d in going}:
        ring("deliveries", connection)
    return len(ids)


def recreate(delivery: Delivery, *, by: User) -> None:
    """The target lost it (a person says so): forget what it was called there and create anew.

    The generation goes into the key, or the target would answer with what it remembers.
    """
    obj = _object(delivery)
    with transaction.atomic():
        Record.objects.select_for_update().get(pk=delivery.record_id)
        mine = Binding.objects.filter(
            connection_id=delivery.connection_id, record_id=delivery.record_id
        )
        mine.filter(object=obj).delete()
        mine.filter(object__startswith=f"{delivery.resource}/").delete()
        execute(
            "UPDATE sync_delivery SET delivered_hash = NULL, sending_version = NULL,"
            " uncertain = false, generation = generation + 1 WHERE id = %s",
            [delivery.id],
        )
        record(f"user:{by.id}", "delivery.recreated", f"delivery:{delivery.id}", {})
    resend([delivery], by=by)


def declare(delivery: Delivery, *, arrived: bool, external_id: str = "", by: User) -> None:
    """Settle an uncertain delivery by a person's word: it arrived, or it did not (send it)."""
    with transaction.atomic():
        row = Delivery.objects.select_for_update().get(pk=delivery.pk)
        if row.problem != Delivery.Problem.UNKNOWN:
            raise ValueError("This delivery is no longer uncertain.")
        if arrived:
            _take_word(row, external_id)
        else:
            execute(
                "UPDATE sync_delivery SET sending_version = NULL, uncertain = false,"
                " problem = 'none', problem_code = '', exception_id = NULL WHERE id = %s",
                [row.id],
            )
            row.refresh_from_db()
        verdict = "arrived" if arrived else "did not arrive"
        record(f"user:{by.id}", "delivery.declared", f"delivery:{row.id}", {"verdict": verdict})
    if not arrived:
        resend([row], by=by)


def renormalise(event: InboxEvent, *, by: User) -> None:
    """Read the same bytes again. It applies only if nothing newer was accepted since."""
    with transaction.atomic():
        execute(
            "UPDATE sync_inboxevent SET state = 'pending', attempts = 0, next_at = now(),"
            " exception_id = NULL WHERE id = %s AND lease_until IS NULL",
            [event.id],
        )
        record(f"user:{by.id}", "event.renormalised", f"event:{event.id}", {"event": event.id})
    ring("inbox", event.connection_id)


def _take_word(row: Delivery, external_id: str) -> None:
    if external_id:
        Binding.objects.get_or_create(
            connection_id=row.connection_id,
            object=_object(row),
            external_id=external_id,
            defaults={"environment_id": row.environment_id, "record_id": row.record_id},
        )
    execute(
        "UPDATE sync_delivery SET delivered = greatest(delivered, sending_version),"
        " sending_version = NULL, uncertain = false, problem = 'none', problem_code = '',"
        " exception_id = NULL, settled_at = now() WHERE id = %s",
        [row.id],
    )
    row.refresh_from_db()
    if row.wanted <= row.delivered:
        execute("DELETE FROM sync_work WHERE delivery_id = %s", [row.id])
    else:
        execute("UPDATE sync_work SET next_at = now() WHERE delivery_id = %s", [row.id])


def _effect(delivery: Delivery, bound: bool) -> Effect:
    if delivery.problem == Delivery.Problem.RETIRED:
        return Effect(delivery, "conflict", "No flow wants it there any more.")
    if delivery.problem == Delivery.Problem.UNKNOWN:
        return Effect(delivery, "conflict", "Nobody knows whether it arrived: say so first.")
    if delivery.uncertain or delivery.sending_version is not None:
        return Effect(delivery, "update", "It is looked up there before it is sent.")
    if not bound and delivery.delivered == 0:
        return Effect(delivery, "new", "It has never arrived there: it is created.")
    if delivery.delivered >= delivery.wanted:
        return Effect(delivery, "unchanged", "It has arrived: the same content is sent again.")
    return Effect(delivery, "update", "Its newest content is sent.")


def _bound(deliveries: Sequence[Delivery]) -> set[object]:
    found = set(
        Binding.objects.filter(
            record_id__in=[d.record_id for d in deliveries], role="primary"
        ).values_list("connection_id", "record_id")
    )
    return {d.id for d in deliveries if (d.connection_id, d.record_id) in found}


def _object(delivery: Delivery) -> str:
    connection = Connection.objects.get(pk=delivery.connection_id)
    return manifest_of(connection).resource(delivery.resource).object
