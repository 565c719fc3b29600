"""An exception is closed when it holds nothing up any more, and never while something joins it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import transaction

from hub.connections.models import Connection
from hub.sync import exceptions
from hub.sync.exceptions import Trouble, open_exceptions
from hub.sync.models import BusinessException
from hub.sync.sql import execute
from tests.sync.machines.world import Gate, World, until, waits_for_a_lock

pytestmark = pytest.mark.xdist_group("bench-healing")


def test_a_cause_that_returns_while_it_is_being_closed_keeps_its_owner(world: World) -> None:
    """New content revived a dead row, so nothing points to its exception; housekeeping is about to
    close it when the target refuses the new content for the same reason."""
    world.tell("locations", {"id": "L1", "value": "Leeds", "version": "1"})
    world.normalise()
    trouble = Trouble(world.target.environment_id, "rejected", "rejected|L1", "It refuses this.")
    open_exceptions([trouble])
    gate = Gate()

    def refused_again() -> None:
        with transaction.atomic():
            opened = open_exceptions([trouble])[trouble.cause]
            execute("UPDATE sync_work SET next_at = 'infinity'")
            execute("UPDATE sync_delivery SET problem = 'dead', exception_id = %s", [opened])
            gate()

    worker = world.beside(refused_again)
    gate.wait()
    healer = world.beside(exceptions.heal_settled)
    until(lambda: waits_for_a_lock() or not healer.is_alive())
    gate.open()
    worker.finish()
    healer.finish()
    assert world.without_owner() == []


def test_access_refused_again_while_the_first_refusal_is_being_closed_is_told(
    world: World,
) -> None:
    """A person resumed the connection; it is refused once more just as housekeeping looks."""
    target = world.target
    trouble = Trouble(target.environment_id, "revoked", f"connection|{target.id}|access",
                      "It doesn't let us in.", connection=target.id)  # fmt: skip
    open_exceptions([trouble])
    gate = Gate()

    def refused_again() -> None:
        with transaction.atomic():
            open_exceptions([trouble])
            refused = Connection.objects.filter(id=target.id)
            refused.update(state="attention", paused_at=datetime.now(UTC))
            gate()

    worker = world.beside(refused_again)
    gate.wait()
    healer = world.beside(exceptions.heal_settled)
    until(lambda: waits_for_a_lock() or not healer.is_alive())
    gate.open()
    worker.finish()
    healer.finish()
    still = BusinessException.objects.filter(state="open", code="revoked").count()
    Connection.objects.filter(id=target.id).update(state="active", paused_at=None)
    assert still == 1
