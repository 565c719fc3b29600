"""The one door: whose rows do I see, and who sees them after me?"""

from __future__ import annotations

import threading

import dramatiq
import pytest
from django.db import connection, connections, transaction
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import SkipMessage

from tenants.context import (
    NoPartner,
    PartnerMiddleware,
    current_partner,
    current_schema,
    each_partner,
    partner_context,
    public_context,
)
from tenants.merchants.lifecycle import create_merchant
from tenants.merchants.models import Merchant
from tenants.partners import lifecycle


def search_path() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_contexts_nest_and_come_back(make_partner) -> None:
    first, second = make_partner("first"), make_partner("second")
    with partner_context(first):
        with partner_context(second.schema_name):
            assert search_path().startswith(second.schema_name)
            with public_context():
                assert search_path() == "public"
            assert current_partner() == second
        assert search_path().startswith(first.schema_name)
        assert current_partner() == first
    assert current_schema() == "public"
    with pytest.raises(NoPartner):
        current_partner()


@pytest.mark.django_db
def test_an_error_or_a_rolled_back_savepoint_leaves_nobody_elses_schema(make_partner) -> None:
    first, second = make_partner("first"), make_partner("second")
    with partner_context(first):
        with pytest.raises(RuntimeError), transaction.atomic(), partner_context(second):
            create_merchant("lost", "Lost", actor="system:tests")
            raise RuntimeError("in the middle")
        assert search_path().startswith(first.schema_name)
        assert not Merchant.objects.exists()
    with partner_context(second):
        assert not Merchant.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("nobody", ["", None])
def test_no_partner_is_no_context(nobody) -> None:
    with pytest.raises((NoPartner, AttributeError)), partner_context(nobody):
        raise AssertionError("the body must not run")


@pytest.mark.django_db
def test_a_schema_that_does_not_exist_shows_nobodys_rows(partner) -> None:
    create_merchant("shop", "Shop", actor="system:tests")
    with (
        partner_context("p_never_made"),
        pytest.raises(Exception, match="does not exist"),
        transaction.atomic(),
    ):
        list(Merchant.objects.all())


@pytest.mark.django_db
def test_each_partner_is_entered_in_turn_and_closing_ones_are_left_alone(make_partner) -> None:
    made = [make_partner(f"partner-{number}") for number in range(3)]
    made[1].state = "closing"
    made[1].save()
    lifecycle.suspend(made[2], actor="system:tests", reason="test")
    seen = {partner.slug: current_schema() for partner in each_partner()}
    assert seen == {"partner-0": made[0].schema_name, "partner-2": made[2].schema_name}
    assert current_schema() == "public"


@pytest.mark.django_db(transaction=True)
def test_another_thread_starts_outside_every_partner(partner) -> None:
    seen = []

    def look() -> None:
        seen.append(current_schema())
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == ["public"]
    assert current_schema() == partner.schema_name


class Hall:
    """A broker, one worker thread and an actor that notes whose schema it ran in."""

    def __init__(self) -> None:
        self.broker = StubBroker(middleware=[PartnerMiddleware(), Skipping()])
        self.seen: list[tuple[str, str]] = []
        self.ran = 0

        @dramatiq.actor(broker=self.broker)
        def note(text: str) -> None:
            self.ran += 1
            self.seen.append((text, search_path().split(",")[0].strip('" ')))
            if text == "fails":
                raise RuntimeError("a message that fails")

        self.note = note
        self.worker = dramatiq.Worker(self.broker, worker_threads=1, worker_timeout=20)
        self.worker.start()

    def send(self, text: str, schema: str | None) -> None:
        options = {} if schema is None else {"schema": schema}
        self.note.send_with_options(args=(text,), **options)

    def finish(self) -> None:
        self.broker.join("default", fail_fast=False, timeout=5000)
        self.worker.join()
        self.worker.stop()


class Skipping(dramatiq.Middleware):
    """Skips messages that say so, after the partner's context was entered."""

    def before_process_message(self, broker, message) -> None:
        if message.args[0] == "skipped":
            raise SkipMessage


@pytest.mark.django_db(transaction=True)
def test_one_worker_thread_never_carries_a_partner_into_the_next_message(make_partner) -> None:
    first, second = make_partner("first"), make_partner("second")
    hall = Hall()
    try:
        for _ in range(5):
            hall.send("ok", first.schema_name)
            hall.send("fails", second.schema_name)
            hall.send("platform", "public")
            hall.send("skipped", first.schema_name)
            hall.send("platform", "public")
    finally:
        hall.finish()
    expected = {
        "ok": first.schema_name,
        "fails": second.schema_name,
        "platform": "public",
    }
    assert len(hall.seen) == 20
    assert all(schema == expected[text] for text, schema in hall.seen)


@pytest.mark.parametrize("schema", [None, ""])
def test_a_message_that_names_no_partner_is_refused_when_it_is_sent(schema) -> None:
    hall = Hall()
    try:
        with pytest.raises(NoPartner, match="names no partner"):
            hall.send("whose?", schema)
    finally:
        hall.finish()
    assert hall.ran == 0


def test_a_message_that_got_in_without_a_partner_is_not_processed() -> None:
    hall = Hall()
    try:
        message = hall.note.message("whose?")
        hall.broker.queues["default"].put(message.encode())
    finally:
        hall.finish()
    assert hall.ran == 0
