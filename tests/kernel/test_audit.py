"""The audit only grows, and shows where somebody made it do otherwise."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from kernel.audit import acts
from kernel.audit.models import AuditEntry
from kernel.audit.record import record
from kernel.audit.verify import verify
from tenants.context import partner_context, public_context
from tenants.partners import lifecycle

ACTOR = "user:1"


def three_acts() -> None:
    for number in range(3):
        record(ACTOR, "partner.suspended", f"partner:{number}", {"name": "N", "reason": "test"})


@pytest.mark.django_db
def test_an_untouched_chain_holds_and_tells_its_head(partner) -> None:
    three_acts()
    verdict = verify()
    assert (verdict.rows, verdict.intact) == (3, True)
    assert verdict.head == bytes(AuditEntry.objects.get(seq=3).seal).hex()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor = 'user:2'",
        "DELETE FROM audit_auditentry WHERE seq = 3",
        "TRUNCATE audit_auditentry",
    ],
)
@pytest.mark.parametrize("where", ["partner", "public"])
def test_the_database_refuses_to_change_it(partner, statement, where) -> None:
    context = partner_context(partner) if where == "partner" else public_context()
    with context:
        three_acts()
        kept = AuditEntry.objects.count()
        refused = pytest.raises(DatabaseError, match="only grows")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert AuditEntry.objects.count() == kept


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tampering", "broken", "says"),
    [
        ("UPDATE {t} SET actor = 'user:2' WHERE seq = 2", 2, "row 2 was changed"),
        ("UPDATE {t} SET detail = '{{}}' WHERE seq = 1", 1, "row 1 was changed"),
        ("UPDATE {t} SET at = at + interval '1 us' WHERE seq = 3", 3, "row 3 was changed"),
        ("DELETE FROM {t} WHERE seq = 2", 3, "row 2 is missing"),
        ("DELETE FROM {t} WHERE seq = 1", 2, "row 1 is missing"),
    ],
)
def test_a_superuser_who_changes_a_row_is_named_by_it(partner, tampering, broken, says) -> None:
    three_acts()
    table = f'"{partner.schema_name}".audit_auditentry'
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(tampering.format(t=table))
    verdict = verify()
    assert (verdict.intact, verdict.broken_seq) == (False, broken)
    assert says in verdict.problem
    with pytest.raises(CommandError, match="northwind"):
        call_command("verify_audit")


@pytest.mark.django_db
def test_a_row_copied_from_another_partner_breaks_the_chain(partner, second_partner) -> None:
    three_acts()
    copied = AuditEntry.objects.get(seq=1)
    with partner_context(second_partner):
        AuditEntry.objects.all()
        copied.save(force_insert=True)
        assert verify().broken_seq == 1


@pytest.mark.django_db
def test_the_act_and_what_it_tells_of_are_kept_together_or_not_at_all(partner) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        three_acts()
        raise RuntimeError("the change failed after all")
    assert verify().rows == 0


@pytest.mark.django_db(transaction=True)
def test_people_who_act_at_once_are_sealed_one_after_the_other(partner) -> None:
    def act() -> None:
        try:
            with partner_context(partner):
                three_acts()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = verify()
    assert (verdict.rows, verdict.intact) == (12, True)


@pytest.mark.django_db
def test_only_declared_acts_are_written(partner) -> None:
    with pytest.raises(acts.UnknownAct, match=r"acts\.py"):
        record(ACTOR, "partner.hugged", "partner:1")


@pytest.mark.django_db
@pytest.mark.parametrize("value", [1.5, timedelta(1), b"x", "a\x00b", {"deep": [0.1]}])
def test_a_detail_that_would_read_back_differently_is_refused(partner, value) -> None:
    with pytest.raises(ValueError, match="audit detail"):
        record(ACTOR, "partner.closing", "partner:1", {"name": value})


@pytest.mark.django_db
def test_every_act_reads_as_a_sentence(partner) -> None:
    with public_context():
        lifecycle.suspend(partner, actor="user:1", reason="unpaid")
        entry = AuditEntry.objects.latest("seq")
    sentence = acts.readable(entry.act, "Ada", entry.subject, entry.detail)
    assert sentence == "Ada suspended the partner Northwind: unpaid"
    assert acts.readable("partner.suspended", "Ada", "s", {}) == "Ada suspended the partner ?: ?"
    assert "gone.act" in acts.readable("gone.act", "Ada", "s", {})


def test_a_code_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="two sentences"):
        acts.register({"partner.created": "something else"})
    with pytest.raises(ValueError, match="not a code"):
        acts.register({"Partner Created": "x"})
