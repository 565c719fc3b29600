"""A small retail world: a shop, an ERP and tills that really run, and the path between them.

The path is driven in this process, turn by turn, exactly as the workers drive it; nothing in it is
replaced. Time passes for real, so waits are short.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database

from connectors.csvtill.simulator.app import build as tills
from connectors.odoo.simulator.app import build as erp
from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.simulator.routes import build as shop
from hub.connections.models import Connection
from hub.sync import causes, deliver, exceptions, needs, normalize, poll
from hub.sync.models import BusinessException, Delivery, InboxEvent, Record
from hub.sync.sql import execute, rows
from tenants.context import partner_context
from tenants.partners import selectors
from tenants.partners.models import Partner

DECLARATION = Path(__file__).parent / "shop.toml"

#: Every article costs 3.00, VAT included; 40 lie in the warehouse, 10 in the store S01.
PRICE = "3.00"
ARTICLES = [f"G{n:02d}" for n in range(1, 31)]
GOODS = [
    *({"sku": sku, "title": f"Article {sku}", "price": PRICE, "tax": "VAT20", "kind": "goods",
       "stock": {"CEN": 40, "S01": 10}} for sku in ARTICLES),
    {"sku": "POST", "title": "Postage", "price": "5.00", "tax": "VAT20", "kind": "service"},
    {"sku": "M", "title": "Manual", "price": "1.00", "tax": "VAT20", "kind": "service"},
]  # fmt: skip

TIDY = """
DELETE FROM sync_need;
DELETE FROM sync_commitment;
DELETE FROM sync_work;
DELETE FROM sync_lane;
UPDATE sync_delivery SET problem = 'none', problem_code = '', exception_id = NULL,
    uncertain = false, verify = false, sending_version = NULL;
UPDATE sync_inboxevent SET state = 'done', lease_until = NULL, fence = NULL, exception_id = NULL
    WHERE state <> 'done';
UPDATE sync_businessexception SET state = 'resolved', closed_at = now();
UPDATE connections_connection SET state = 'active', paused_at = NULL WHERE state <> 'active';
UPDATE sync_checkpoint SET failures = 0;
"""


@dataclass
class Retail:
    """The outside systems and the partner's connections to them."""

    shop: Running
    erp: Running
    tills: Running
    folder: Path
    partner: Partner
    unsold: list[str] = field(default_factory=lambda: list(ARTICLES))

    def connection(self, slug: str) -> Connection:
        return Connection.objects.get(slug=slug)

    def article(self) -> str:
        """A SKU that no story has touched yet, in the shop and in the ERP."""
        return self.unsold.pop(0)

    def order(self, *skus: str, qty: int = 1, paid: bool = True, **more: Any) -> int:
        """A guest buys ``qty`` of each in the shop; returns the order's number."""
        lines = [{"sku": sku, "qty": qty, "unit_price": PRICE} for sku in skus]
        customer = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron",
                    "country": "GB"}  # fmt: skip
        told = {"lines": lines, "customer": customer, "payment_method": "card", "paid": paid}
        return int(self.shop.control("checkout", told | more)["id"])

    def fault(self, system: Running, kind: str, match: str = "", **more: Any) -> None:
        """Arm a fault of a stand-in, see `connectors.sdk.simulation.faults`."""
        system.control("faults", {"kind": kind, "match": match, **more})

    def mend(self, system: Running) -> dict[str, int]:
        """Disarm its faults; returns how often each kind has ever bitten."""
        bitten: dict[str, int] = system.control("faults", method="GET")["bitten"]
        system.control("faults", method="DELETE")
        return bitten

    def poll(self, *slugs: str) -> None:
        """Read these sources now (all if none is named), whatever their rhythm."""
        for connection in Connection.objects.all():
            if not slugs or connection.slug in slugs:
                execute(
                    "UPDATE sync_checkpoint SET next_at = now() WHERE connection_id = %s",
                    [connection.id],
                )
                poll.poll(connection.id)

    def work(self, seconds: float = 90.0) -> None:
        """Work off everything that is due now; what waits for a later moment stays."""
        end = time.monotonic() + seconds
        while self.turn() or self.due():
            assert time.monotonic() < end, f"still at it after {seconds} s: {self.owed()}"

    def work_inbox(self) -> None:
        """Normalise what was heard; nothing is delivered."""
        for connection in Connection.objects.all():
            while normalize.drain_inbox(connection.id):
                pass

    def settle(self, seconds: float = 90.0) -> None:
        """Work until nothing waits for a moment soon to come; polls nothing."""
        self.until_quiet(seconds, polls=False)

    def hear(self, *slugs: str) -> None:
        """Poll these sources and work off what came."""
        self.poll(*slugs)
        self.work()

    def turn(self) -> int:
        """One turn of every worker; returns how much there was to do."""
        worked = 0
        for connection in Connection.objects.all():
            worked += normalize.drain_inbox(connection.id)
        for connection in Connection.objects.all():
            worked += deliver.drain_deliveries(connection.id)
        worked += len(needs.free())
        causes.tell()
        exceptions.heal_settled()
        return worked

    def until_quiet(self, seconds: float = 90.0, *, polls: bool = True) -> None:
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

    def due(self) -> bool:
        """Something could be claimed now."""
        return bool(
            rows("SELECT 1 FROM sync_work w JOIN connections_connection c"
                 " ON c.id = w.connection_id AND c.state = 'active' LEFT JOIN sync_lane l"
                 " ON l.connection_id = w.connection_id AND l.open_until > now()"
                 " WHERE l.connection_id IS NULL AND w.next_at <= now()"
                 " AND (w.lease_until IS NULL OR w.lease_until < now())"
                 " AND NOT EXISTS (SELECT 1 FROM sync_work o WHERE o.resource = w.resource"
                 " AND o.connection_id = w.connection_id AND o.root_id = w.root_id"
                 " AND o.seq < w.seq) LIMIT 1")
            or rows("SELECT 1 FROM sync_inboxevent WHERE state = 'pending' AND next_at <= now()"
                    " AND (lease_until IS NULL OR lease_until < now()) LIMIT 1")
        )  # fmt: skip

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
        token = base64.b64encode(b"ck_crossdock_demo_shop:cs_crossdock_demo_shop").decode()
        answer = self.shop.call(
            method, f"/wp-json/wc/v3/{path}", body, Authorization=f"Basic {token}"
        )
        assert answer.status < 300, answer.body[:500]
        return answer.json()

    def orders_of(self, number: int) -> list[Any]:
        """The ERP's orders for an order of the shop."""
        return list(
            self.odoo("sale.order", "search_read", domain=[["origin", "=", f"web/{number}"]],
                      fields=["amount_total", "state", "client_order_ref", "invoice_ids", "note"])
        )  # fmt: skip

    def invoices_of(self, number: int) -> list[Any]:
        ids = [i for order in self.orders_of(number) for i in order["invoice_ids"]]
        fields = ["move_type", "state", "amount_total", "payment_state", "reversed_entry_id"]
        found = list(self.odoo("account.move", "search_read", domain=[["id", "in", ids]],
                               fields=fields))  # fmt: skip
        notes = self.odoo("account.move", "search_read", fields=fields,
                          domain=[["reversed_entry_id", "in", ids]])  # fmt: skip
        return found + [n for n in notes if n["id"] not in ids]

    def on_shelf(self, sku: str) -> Any:
        """The shop's product."""
        return self.woo(f"products?sku={sku}")[0]

    def record(self, entity: str, number: object) -> Record:
        return Record.objects.get(entity=entity, number=str(number), state__in=["live", "deleted"])

    def delivery(self, resource: str, record: Record) -> Delivery:
        return Delivery.objects.get(resource=resource, record=record)

    def tried(self, resource: str, record: Record, slug: str = "erp") -> list[tuple[str, int]]:
        """Outcome and version of every attempt at a system, oldest first."""
        return [
            (str(o), v) for o, v in rows(
                "SELECT a.outcome, a.version FROM sync_attempt a JOIN sync_delivery d"
                " ON d.id = a.delivery_id WHERE d.resource = %s AND a.record_id = %s"
                " AND a.connection_id = %s ORDER BY a.id",
                [resource, record.id, self.connection(slug).id],
            )
        ]  # fmt: skip

    def together(self, *acts: Callable[[], object]) -> None:
        """Run each act on a thread of its own, as workers do; raises what any of them raised."""
        failed: list[BaseException] = []

        def run(act: Callable[[], object]) -> None:
            try:
                with partner_context(self.partner):
                    act()
            except BaseException as error:  # noqa: BLE001 - raised again by the test's own thread
                failed.append(error)
            finally:
                database.close()

        threads = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        if failed:
            raise failed[0]

    def tidy(self) -> None:
        """Leave nothing to the next story: no fault, nothing owed, nothing open."""
        for system in (self.shop, self.erp, self.tills):
            system.control("faults", method="DELETE")
        for statement in TIDY.strip().split(";\n"):
            execute(statement)


@contextmanager
def retail_world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retail]:
    """Start the systems, declare the connections, enter the partner's schema, fill the shelves."""
    folder.mkdir()
    monkeypatch.setenv("CROSSDOCK_FOLDERS", str(folder.parent))
    monkeypatch.setenv("TILL_FOLDER", str(folder))
    with running(shop) as a, running(erp) as b, running(tills, folder=folder) as c:
        for name, value in {
            "SHOP_URL": a.url, "SHOP_KEY": "ck_crossdock_demo_shop",
            "SHOP_SECRET": "cs_crossdock_demo_shop",
            "ERP_URL": b.url, "ERP_KEY": "demo-key",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        call_command("apply", str(DECLARATION), stdout=io.StringIO())
        partner = selectors.partner_by_slug("northwind")
        assert partner is not None
        with partner_context(partner):
            world = Retail(a, b, c, folder, partner)
            world.erp.control("seed", {"products": GOODS, "api_key": "demo-key"})
            poll.keep_schedules()
            world.until_quiet(60)
            yield world
