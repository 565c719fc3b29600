"""The manual's own example, applied to a simulator that really runs and pushes over HTTP."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import close_old_connections

from connectors.rest.simulator.app import build
from connectors.sdk.records import WebhookRequest
from connectors.sdk.testing.receiver import Receiver, receiving
from connectors.sdk.testing.simulators import Running, running
from hub.connections.models import Connection
from hub.sync import deliver, exceptions, needs, normalize, poll
from hub.sync.front_door import Endpoints
from hub.sync.models import BusinessException, InboxEvent
from hub.sync.receive import receive
from hub.sync.sql import execute, rows
from tenants.context import partner_context
from tenants.partners import selectors
from tenants.partners.models import Partner

MANUAL = Path(__file__).parents[2] / "docs" / "rest.md"
SECRET = "the-secret-of-the-house"


@dataclass
class House:
    """A house system, and a partner's two connections to it."""

    system: Running
    door: Receiver
    partner: Partner
    declaration: Path

    @staticmethod
    def connection(slug: str) -> Connection:
        return Connection.objects.get(slug=slug)

    def order(self, **told: Any) -> dict[str, Any]:
        """Somebody buys, or changes what was bought."""
        row: dict[str, Any] = self.system.control("order", told)
        return row

    def documents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.system.control("documents", method="GET")
        return found

    def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = self.system.control("counts", method="GET")
        return found

    def fault(self, kind: str, match: str = "", **more: Any) -> None:
        self.system.control("faults", {"kind": kind, "match": match, **more})

    def push_to_us(self, style: str = "hmac", **more: Any) -> None:
        hook = {"address": self.door.url, "secret": SECRET, "style": style, **more}
        self.system.control("hook", hook)

    def poll(self, slug: str = "house") -> None:
        connection = self.connection(slug)
        execute("UPDATE sync_checkpoint SET next_at = now()", [])
        poll.poll(connection.id)

    def turn(self) -> int:
        worked = 0
        for connection in Connection.objects.all():
            worked += normalize.drain_inbox(connection.id)
        for connection in Connection.objects.all():
            worked += deliver.drain_deliveries(connection.id)
        worked += len(needs.free())
        exceptions.heal_settled()
        return worked

    def until(self, done: Callable[[], bool], seconds: float = 60.0) -> None:
        """Work, as the workers do, until ``done``."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, (self.owed(), self.parked(), self.counts())
            if not self.turn():
                time.sleep(0.05)

    def owed(self) -> list[Any]:
        return rows(
            "SELECT d.problem, d.problem_code, (SELECT a.message FROM sync_attempt a"
            " WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1)"
            " FROM sync_work w JOIN sync_delivery d ON d.id = w.delivery_id"
        )

    def parked(self) -> list[Any]:
        return list(InboxEvent.objects.exclude(state="done").values_list("state", "outcome"))

    def open_exceptions(self) -> dict[str, str]:
        told = BusinessException.objects.filter(state="open").values_list("code", "title")
        return dict(told)

    def problem(self, stream: str = "orders") -> str:
        found = rows("SELECT problem FROM sync_checkpoint WHERE stream = %s", [stream])
        return str(found[0][0])


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example of the manual in a file of its own."""
    (text,) = re.findall(r"```toml\n(\[\[partners\]\].*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def declared(path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Partner]:
    """The example applied to a house system at ``address``; its partner's schema is active."""
    for name, value in {
        "HOUSE_URL": f"{address}/key", "HOUSE_KEY": "demo-key", "HOUSE_HOOK_SECRET": SECRET,
        "OFFICE_URL": f"{address}/oauth", "OFFICE_SECRET": "demo-secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    call_command("apply", str(path), stdout=io.StringIO())
    partner = selectors.partner_by_slug("northwind")
    assert partner is not None
    with partner_context(partner):
        poll.keep_schedules()
        yield partner


@pytest.fixture
def house(
    transactional_db: None, example: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    with (
        running(build) as system,
        receiving() as door,
        declared(example, system.url, monkeypatch) as partner,
    ):
        door.answer = judging(partner)
        yield House(system, door, partner, example)


def judging(partner: Partner) -> Callable[[WebhookRequest], int]:
    """The front door's own judgement and storage, for what the simulator pushes to us."""
    endpoints = Endpoints()

    def answer(request: WebhookRequest) -> int:
        try:
            with partner_context(partner):
                token = Connection.objects.get(slug="house").webhook_token
            endpoint = endpoints.find(token, fresh=True)
            assert endpoint is not None
            verdict = endpoint.judge(request)
            with partner_context(partner):
                receive(endpoint.connection, verdict.heard)
            return verdict.status
        finally:
            close_old_connections()

    return answer
