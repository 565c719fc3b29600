"""Whatever a process does one after the other, it sees the rows of the partner it is in, and only
those; with one pooled connection that everybody's work passes through.

``pytest tests/isolation/machine --hypothesis-profile=long`` tries new and longer sequences.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
from django.db import DataError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import SkipMessage
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kernel.schema import PUBLIC
from tenants.context import PartnerMiddleware, current_schema, partner_context, public_context
from tenants.merchants.lifecycle import create_merchant
from tenants.merchants.models import Merchant
from tests.conftest import MakePartner

pytestmark = pytest.mark.django_db(transaction=True)

settings.register_profile("long", max_examples=400, stateful_step_count=60, deadline=None)
ACTOR = "system:tests"
NOBODY = PUBLIC


class Gone(Exception):
    """What goes wrong in the middle of somebody's work."""


def look() -> tuple[str, str, list[str]]:
    """(schema by our word, schema by the database's, merchants that can be seen)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        actual = str(cursor.fetchone()[0])
        cursor.execute("SELECT to_regclass('merchants_merchant') IS NOT NULL")
        there = bool(cursor.fetchone()[0])
    seen = sorted(Merchant.objects.values_list("slug", flat=True)) if there else []
    return current_schema(), actual, seen


class Skipping(dramatiq.Middleware):
    """Skips a message that says so, after its partner's schema was entered."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        if message.args[0] == "skipped":
            raise SkipMessage


class Workers:
    """A broker and one worker thread, whose actor notes what it sees."""

    def __init__(self) -> None:
        self.broker = StubBroker(middleware=[PartnerMiddleware(), Skipping()])
        self.seen: list[tuple[str, str, list[str]]] = []

        @dramatiq.actor(broker=self.broker)
        def work(how: str, elsewhere: str) -> None:
            self.seen.append(look())
            if how == "fails":
                with transaction.atomic(), partner_context(elsewhere):
                    look()
                    raise Gone

        self.work = work
        self.worker = dramatiq.Worker(self.broker, worker_threads=1, worker_timeout=5)
        self.worker.start()

    def run(self, how: str, schema: str, elsewhere: str) -> list[tuple[str, str, list[str]]]:
        self.seen.clear()
        self.work.send_with_options(args=(how, elsewhere), schema=schema)
        with contextlib.suppress(Gone):
            self.broker.join("default", timeout=60_000)
        self.worker.join()
        return list(self.seen)


class Contexts(RuleBasedStateMachine):
    """``frames``: what is open, innermost last: a context (its schema) or a savepoint (None)."""

    workers: Workers
    schemas: tuple[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[tuple[str | None, Any]] = []

    # ---- what should be
    @property
    def wanted(self) -> str:
        return next((schema for schema, _ in reversed(self.frames) if schema), NOBODY)

    @property
    def in_transaction(self) -> bool:
        return any(schema is None for schema, _ in self.frames)

    def sees(self, schema: str) -> tuple[str, str, list[str]]:
        return schema, schema, [] if schema == NOBODY else [f"canary-{schema.replace('_', '-')}"]

    # ---- what is done
    @initialize()
    def begin(self) -> None:
        connection.close()

    @rule(who=st.integers(0, 2))
    def enter(self, who: int) -> None:
        schema = (*self.schemas, NOBODY)[who]
        door = public_context() if schema == NOBODY else partner_context(schema)
        door.__enter__()
        self.frames.append((schema, door))

    @rule()
    def open_savepoint(self) -> None:
        block = transaction.atomic()
        block.__enter__()
        self.frames.append((None, block))

    @precondition(lambda self: self.frames)
    @rule(failing=st.booleans())
    def leave(self, failing: bool) -> None:
        """The innermost ends, well or with an error (which rolls a savepoint back)."""
        _, door = self.frames.pop()
        if not failing:
            door.__exit__(None, None, None)
            return
        try:
            raise Gone
        except Gone as error:
            with contextlib.suppress(Gone):
                door.__exit__(Gone, error, error.__traceback__)

    @rule(who=st.integers(0, 1))
    def lose_what_was_written(self, who: int) -> None:
        """A savepoint in which another's schema is entered and written to is rolled back."""
        with contextlib.suppress(Gone), transaction.atomic(), partner_context(self.schemas[who]):
            create_merchant("lost", "Lost", actor=ACTOR)
            raise Gone

    @rule(who=st.integers(0, 1))
    def fail_in_the_database(self, who: int) -> None:
        """A refused statement within a savepoint, in another's schema."""
        elsewhere = partner_context(self.schemas[who])
        with pytest.raises(DataError), transaction.atomic(), elsewhere, connection.cursor() as db:
            db.execute("SELECT 1/0")

    @precondition(lambda self: not self.in_transaction)
    @rule()
    def give_the_connection_back(self) -> None:
        """To the pool, which has no other: whoever is next is handed the very same session."""
        connection.close()

    @precondition(lambda self: not self.in_transaction)
    @rule(who=st.integers(0, 2))
    def another_thread(self, who: int) -> None:
        schema = (*self.schemas, NOBODY)[who]
        seen: list[tuple[str, str, list[str]]] = []

        def run() -> None:
            try:
                seen.append(look())
                if schema != NOBODY:
                    with partner_context(schema):
                        seen.append(look())
                # Left in the middle, as a thread that dies is: its session returns as it is.
                connection.set_schema(self.schemas[0])
                connection.cursor().close()
            finally:
                connections.close_all()

        connection.close()
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)
        expected = [self.sees(NOBODY)] + [self.sees(s) for s in [schema] if s != NOBODY]
        assert seen == expected

    @precondition(lambda self: not self.in_transaction)
    @rule(who=st.integers(0, 2), how=st.sampled_from(["ok", "fails", "skipped"]))
    def a_message(self, who: int, how: str) -> None:
        schema = (*self.schemas, NOBODY)[who]
        connection.close()
        seen = self.workers.run(how, schema, self.schemas[1 - who % 2])
        assert seen == ([] if how == "skipped" else [self.sees(schema)])

    # ---- what must hold
    @rule()
    def only_ones_own_rows_are_seen(self) -> None:
        """A step like the others: looking after each would itself set what may have been lost."""
        assert look() == self.sees(self.wanted)

    def teardown(self) -> None:
        while self.frames:
            _, door = self.frames.pop()
            door.__exit__(None, None, None)
        assert look() == self.sees(NOBODY)
        connection.close()


def briefly(examples: int) -> settings:
    """The same few sequences each time; the profile's own when a longer run is asked for."""
    if settings.default is not None and settings.default.max_examples > 100:
        return settings(settings.default, suppress_health_check=list(HealthCheck), database=None)
    return settings(
        max_examples=examples, stateful_step_count=25, deadline=None, derandomize=True,
        database=None, suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip


@pytest.fixture
def machine(make_partner: MakePartner) -> Iterator[type[Contexts]]:
    """Two partners with a canary each, and a pool of one connection for everybody."""
    schemas = tuple(make_partner(slug).schema_name for slug in ("northwind", "southwind"))
    for schema in schemas:
        with partner_context(schema):
            create_merchant(f"canary-{schema.replace('_', '-')}", "Canary", actor=ACTOR)
    with one_pooled_connection():
        workers = Workers()
        try:
            yield type("Machine", (Contexts,), {"schemas": schemas, "workers": workers})
        finally:
            workers.worker.stop()


@contextlib.contextmanager
def one_pooled_connection() -> Iterator[None]:
    options = connection.settings_dict["OPTIONS"]
    before = dict(options)
    connection.close()
    options["pool"] = {"min_size": 1, "max_size": 1, "timeout": 60}
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()
        options.clear()
        options.update(before)


def test_whatever_happens_in_a_row_everybody_sees_only_their_own(machine: type[Contexts]) -> None:
    run_state_machine_as_test(machine, settings=briefly(20))


Weakening = Callable[[pytest.MonkeyPatch], None]


def trusts_the_session(patch: pytest.MonkeyPatch) -> None:
    """The path is set once per context and believed ever after, also when it was rolled back."""
    base = "django_tenants.postgresql_backend.base"
    patch.setattr(f"{base}.get_limit_set_calls", lambda: True)
    patch.setattr(f"{base}.DatabaseWrapper.rollback", BaseDatabaseWrapper.rollback)


def stays_after_an_error(patch: pytest.MonkeyPatch) -> None:
    """A context that is left by an error leaves its schema active."""

    @contextlib.contextmanager
    def careless(schema: str) -> Iterator[None]:
        before = connection.schema_name
        connection.set_schema(schema)
        yield
        connection.set_schema(before)

    patch.setattr("tenants.context.schema_context", careless)


def does_nothing(patch: pytest.MonkeyPatch) -> None:
    """No message enters its partner's schema."""
    patch.setattr(PartnerMiddleware, "before_process_message", lambda *_: None)


def after_an_error(machine: Contexts) -> None:
    machine.enter(0)
    machine.leave(failing=True)


def in_a_message(machine: Contexts) -> None:
    machine.a_message(0, "ok")


def after_a_rollback(machine: Contexts) -> None:
    machine.give_the_connection_back()
    machine.enter(0)
    machine.open_savepoint()
    machine.only_ones_own_rows_are_seen()
    machine.leave(failing=True)


@pytest.mark.parametrize(
    ("weakened", "steps"),
    [
        (stays_after_an_error, after_an_error),
        (does_nothing, in_a_message),
        (trusts_the_session, after_a_rollback),
    ],
)
def test_the_machine_would_notice(
    machine: type[Contexts],
    weakened: Weakening,
    steps: Callable[[Contexts], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same steps go well with the guard and are found out without it."""
    sound = machine()
    steps(sound)
    sound.only_ones_own_rows_are_seen()
    sound.teardown()
    weakened(monkeypatch)
    weak = machine()
    try:
        with pytest.raises(AssertionError, match=r"canary|public"):
            steps(weak)
            weak.only_ones_own_rows_are_seen()
    finally:
        monkeypatch.undo()
        connection.set_schema_to_public()
        while weak.frames:
            weak.frames.pop()[1].__exit__(None, None, None)
        connection.set_schema_to_public()
        connection.close()
