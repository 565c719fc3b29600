"""Files all the way through: dropped by a till, understood, and given to whoever takes files.

Three connections that speak nothing but files, declared in one text, without a line of code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from connectors.poslog.simulator.dialects import Item, Written, file_of
from hub.connections.models import Connection
from hub.connections.session import check
from hub.sync import deliver, normalize, poll
from hub.sync.models import BusinessException, InboxEvent, Record
from hub.sync.sql import execute
from tenants.context import partner_context
from tenants.partners import selectors

pytestmark = pytest.mark.django_db(transaction=True)

DECLARATION = """
[[partners]]
slug = "northwind"
name = "Northwind"

[[partners.merchants]]
slug = "hartley"
name = "Hartley & Sons"
currency = "EUR"
time_zone = "Europe/Berlin"

[[partners.merchants.connections]]
slug = "tills"
connector = "poslog"
title = "Tills"
config = { place = "folder", folder = "FOLDER/tills", zone = "Europe/Berlin", settle = 0 }

[[partners.merchants.connections]]
slug = "office"
connector = "files"
title = "Back office"

[partners.merchants.connections.config]
place = "folder"
folder = "FOLDER/office"
settle = 0

[[partners.merchants.connections.config.streams]]
name = "prices"
entities = ["price"]
files = "out/prices-*.csv"
format = "csv"
delimiter = ";"
decimal = ","
key = ["Artikel"]
columns = [
  { name = "Artikel", required = true },
  { name = "Preis", type = "decimal", required = true },
]

[[partners.merchants.connections]]
slug = "stores"
connector = "files"
title = "Stores"

[partners.merchants.connections.config]
place = "folder"
folder = "FOLDER/stores"

[[partners.merchants.connections.config.resources]]
name = "receipts"
entity = "sale"
files = "in/receipt-{date}-{hash}.json"
format = "json"

[[partners.merchants.connections.config.resources]]
name = "shelf"
entity = "price"
files = "in/shelf-{number}-{hash}.txt"
format = "fixed"
columns = [
  { name = "sku", at = 1, length = 8 },
  { name = "price", at = 9, length = 8, type = "decimal", places = 2, align = "right", pad = "0" },
]

[[partners.merchants.mappings]]
connection = "office"
name = "prices.price"

[partners.merchants.mappings.rules]
entity = "price"
external_id = "_id"
keys = { price = { template = "{Artikel}|retail" } }

[partners.merchants.mappings.rules.fields]
product = { ref = "product", key = { sku = "Artikel" } }
sku = "Artikel"
price_list = { const = "retail" }
price = { money = "Preis", currency = { const = "EUR" } }
tax_included = { const = true }

[[partners.merchants.mappings]]
connection = "stores"
name = "sale.receipts"

[partners.merchants.mappings.rules]
resource = "receipts"

[partners.merchants.mappings.rules.fields]
number = "number"
store = "location"
total = "totals.grand_total.amount"
lines = { each = "lines", fields = { sku = "sku", qty = "qty" } }

[[partners.merchants.mappings]]
connection = "stores"
name = "price.shelf"

[partners.merchants.mappings.rules]
resource = "shelf"
fields = { sku = "sku", price = "price.amount" }

[[partners.merchants.flows]]
slug = "sales"
entity = "sale"
sources = ["tills"]
target = "stores"
resource = "receipts"

[[partners.merchants.flows]]
slug = "shelf"
entity = "price"
sources = ["office"]
target = "stores"
resource = "shelf"
"""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The merchant's folders, declared and applied; inside the partner's context."""
    for name in ("tills", "office/out", "stores"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("CROSSDOCK_FOLDERS", str(tmp_path))
    path = tmp_path / "northwind.toml"
    path.write_text(DECLARATION.replace("FOLDER", str(tmp_path)), encoding="utf-8")
    call_command("apply", str(path))
    partner = selectors.partner_by_slug("northwind")
    assert partner is not None
    with partner_context(partner):
        poll.keep_schedules()
        yield tmp_path


def work() -> None:
    """Poll everything once, then work off what came."""
    execute("UPDATE sync_checkpoint SET next_at = now()")
    for connection in Connection.objects.all():
        poll.poll(connection.id)
    for connection in Connection.objects.all():
        while normalize.drain_inbox(connection.id):
            pass
    for connection in Connection.objects.all():
        while deliver.drain_deliveries(connection.id):
            pass


def test_a_receipt_dropped_twice_is_handed_on_once(places: Path) -> None:
    log = file_of("roqqio", [Written(17, [Item("A1", "Kerze", "2", "3.90")]),
                             Written(18, [Item("B2", "Tasse", "1", "9.99")])])  # fmt: skip
    for name in ("day.xml", "copy.xml"):
        (places / "tills" / name).write_bytes(log)
        work()
    given = [json.loads(path.read_bytes())[0] for path in (places / "stores/in").glob("*.json")]
    assert sorted((one["number"], one["total"]) for one in given) == [
        ("S01-1-2024-08-08-17", "7.80"),
        ("S01-1-2024-08-08-18", "9.99"),
    ]
    assert sorted(p.name for p in (places / "tills/archive").iterdir()) == ["copy.xml", "day.xml"]
    assert InboxEvent.objects.filter(stream="file").get().copies >= 1


def test_of_two_prices_in_one_file_the_later_counts(places: Path) -> None:
    (places / "office/out/prices-1.csv").write_text("Artikel;Preis\nA1;3,90\nB2;9,99\nA1;4,10\n")
    work()
    (shelf,) = [path.read_text() for path in (places / "stores/in").glob("shelf-*.txt")]
    assert sorted(shelf.splitlines()) == ["A1      00000410", "B2      00000999"]


def test_a_bad_line_is_one_exception_and_the_rest_goes_on(places: Path) -> None:
    (places / "office/out/prices-1.csv").write_text("Artikel;Preis\nA1;3,90\nB2;neun\n")
    work()
    (wrong,) = BusinessException.objects.filter(state="open")
    assert wrong.code == "unreadable-line" and wrong.owner == "partner"
    assert "prices-1.csv, line 3, column 2: 'Preis' is no number: 'neun'" in wrong.title
    assert Record.objects.filter(entity="price", state="live").count() == 1
    (places / "office/out/prices-2.csv").write_text("Artikel;Preis\nB2;9,00\n")
    work()
    assert Record.objects.filter(entity="price", state="live").count() == 2


def test_both_connections_pass_their_check(places: Path) -> None:
    for connection in Connection.objects.all():
        assert all(line.ok for line in check(connection)), connection.slug
