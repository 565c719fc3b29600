"""A small retail world: a shop, an ERP and tills that really run, and the path between them.

The path is driven in this process, turn by turn, exactly as the workers drive it; nothing in it is
replaced. Time passes for real, so waits are short.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from connectors.csvtill.simulator.app import build as tills
from connectors.odoo.simulator.app import build as erp
from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.simulator.routes import build as shop
from hub.connections.models import Connection
from hub.sync import deliver, exceptions, needs, normalize, poll
from hub.sync.models import BusinessException, Delivery, InboxEvent, Record
from hub.sync.sql import execute, rows
from tenants.context import partner_context
from tenants.partners import selectors

DECLARATION = Path(__file__).parent / "shop.toml"


@dataclass
class Retail:
    """The outside systems and the partner's connections to them."""

    shop: Running
    erp: Running
    tills: Running
    folder: Path

    def connection(self, slug: str) -> Connection:
        return Connection.objects.get(slug=slug)

    def poll(self) -> None:
        """Read every source now, whatever its rhythm."""
        execute("UPDATE sync_checkpoint SET next_at = now()")
        for connection in Connection.objects.all():
            poll.poll(connection.id)

    def turn(self) -> int:
        """One turn of every worker; returns how much there was to do."""
        worked = 0
        for connection in Connection.objects.all():
            worked += normalize.drain_inbox(connection.id)
        for connection in Connection.objects.all():
            worked += deliver.drain_deliveries(connection.id)
        worked += len(needs.free())
        exceptions.heal_settled()
        return worked

    def until_quiet(self, seconds: float = 20.0, *, polls: bool = True) -> None:
        """Poll and work until nothing is due or waiting for a moment soon to come."""
        end = time.monotonic() + seconds
        idle = 0
        while idle < 2:
            assert time.monotonic() < end, f"not quiet after {seconds} s: {self.owed()}"
            if polls:
                self.poll()
            worked = self.turn()
            idle = 0 if worked or self.soon() else idle + 1
            if not worked:
                time.sleep(0.05)

    def soon(self) -> bool:
        """Something waits for a moment within the next seconds."""
        return bool(
            rows("SELECT 1 FROM sync_work WHERE next_at < now() + interval '6 seconds' LIMIT 1")
            or rows("SELECT 1 FROM sync_inboxevent WHERE state = 'pending' LIMIT 1")
        )

    def owed(self) -> list[Any]:
        return rows(
            "SELECT d.resource, d.problem, d.problem_code, w.next_at, w.attempts,"
            " (SELECT a.message FROM sync_attempt a WHERE a.delivery_id = d.id"
            "  ORDER BY a.id DESC LIMIT 1) FROM sync_work w"
            " JOIN sync_delivery d ON d.id = w.delivery_id LIMIT 10"
        )

    def open_exceptions(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for code in BusinessException.objects.filter(state="open").values_list("code", flat=True):
            found[code] = found.get(code, 0) + 1
        return found

    def parked(self) -> list[str]:
        return list(InboxEvent.objects.filter(state="parked").values_list("outcome", flat=True))

    def records(self, entity: str, state: str = "live") -> int:
        return Record.objects.filter(entity=entity, state=state).count()

    def problems(self) -> list[Any]:
        return list(
            Delivery.objects.exclude(problem="none").values_list(
                "resource", "problem", "problem_code"
            )
        )

    def odoo(self, model: str, method: str, **arguments: Any) -> Any:
        """Ask the ERP itself, as its own users would."""
        answer = self.erp.call(
            "POST", f"/json/2/{model}/{method}", arguments, Authorization="bearer demo-key"
        )
        assert answer.status == 200, answer.body[:500]
        return answer.json()

    def woo(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the shop itself."""
        import base64

        token = base64.b64encode(b"ck_crossdock_demo_shop:cs_crossdock_demo_shop").decode()
        answer = self.shop.call(
            method, f"/wp-json/wc/v3/{path}", body, Authorization=f"Basic {token}"
        )
        assert answer.status < 300, answer.body[:500]
        return answer.json()


@contextmanager
def retail_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retail]:
    """Start the systems, declare the connections, enter the partner's schema."""
    folder = tmp_path / "tills"
    folder.mkdir()
    monkeypatch.setenv("CROSSDOCK_FOLDERS", str(tmp_path))
    monkeypatch.setenv("TILL_FOLDER", str(folder))
    with running(shop) as a, running(erp) as b, running(tills, folder=folder) as c:
        for name, value in {
            "SHOP_URL": a.url, "SHOP_KEY": "ck_crossdock_demo_shop",
            "SHOP_SECRET": "cs_crossdock_demo_shop",
            "ERP_URL": b.url, "ERP_KEY": "demo-key",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        call_command("apply", str(DECLARATION), stdout=io.StringIO())
        with partner_context(selectors.partner_by_slug("northwind")):
            poll.keep_schedules()
            yield Retail(a, b, c, folder)
