"""The stand-in for people: what it is told, what it shows, what it survives."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.odoo.simulator.sabotage import KINDS
from connectors.odoo.tests.shop_world import ARTICLES, World, item, write
from connectors.sdk.errors import ConnectorError
from connectors.sdk.testing.simulators import Running

ROOT = Path(__file__).parents[3]


def test_its_window_shows_what_it_holds(shop: World) -> None:
    order = shop.order()
    write(shop.odoo, "pos_sale", item("xd-s1", shop.receipt_body()))
    lists = {"orders": "web/1001", "pos": "S01-1-7", "products": "Cakestand", "stock": "S01/Stock"}
    for view, text in lists.items():
        page = shop.sim.call("GET", f"/?view={view}").body.decode()
        assert text in page
        assert "prefers-color-scheme" in page
    opened = shop.sim.call("GET", f"/?view=orders&id={order}").body.decode()
    assert "CEN/OUT/00001" in opened
    assert "web/1001" not in shop.sim.call("GET", "/?view=orders&q=nobody").body.decode()
    script = "<script>alert(1)</script>"
    shop.sim.control("product", {"sku": "X", "title": script, "price": "1"})
    assert script not in shop.sim.call("GET", "/?view=products").body.decode()


def test_people_change_prices_create_articles_ship_and_cancel(shop: World) -> None:
    shop.order()
    shop.order(ref="xd-o2")
    shop.sim.control("price", {"sku": "22423", "price": "13.50"})
    assert shop.rows("product.product")[0]["list_price"] == 13.5
    assert shop.sim.control("product", ARTICLES[0])["id"] == shop.ids["22423"], "not twice"
    assert shop.sim.control("ship", {"count": 1})["shipped"] == [1]
    shop.sim.control("cancel_order", {"id": 2})
    counts = shop.sim.control("counts", method="GET")
    assert (counts["orders"], counts["orders_cancelled"], counts["deliveries_done"]) == (1, 1, 1)
    assert shop.sim.call("POST", "/_sim/price", {"sku": "NOPE", "price": "1"}).status == 400


def test_a_delivery_waits_until_there_are_goods(shop: World) -> None:
    shop.order(lines=[shop.line("BOOK", 11, "88.00", "0", "VAT0")], total="88.00")
    assert shop.sim.control("ship")["shipped"] == []
    shop.sim.control("stock", {"sku": "BOOK", "location": "CEN", "quantity": 11})
    assert shop.sim.control("ship")["shipped"] == [1]
    assert shop.stock("BOOK", "CEN") == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_sabotage_damages_exactly_one_thing(shop: World, kind: str) -> None:
    for n in range(3):
        write(shop.odoo, "pos_sale", item(f"xd-s{n}", shop.receipt_body(f"S01-1-{n}")))

    def held() -> tuple[int, int, int]:
        receipts = shop.rows("pos.order")
        pieces = sum(q["quantity"] for q in shop.rows("stock.quant"))
        return len(receipts), round(100 * sum(r["amount_total"] for r in receipts)), int(pieces)

    count, pence, pieces = held()
    shop.sim.control("sabotage", {"kind": kind})
    changed = {
        "lose": (count - 1, pence - 1782, pieces),
        "double": (count + 1, pence + 1782, pieces),
        "cent": (count, pence + 1, pieces),
        "stock": (count, pence, pieces - 1),
    }
    assert held() == changed[kind]


def test_the_plug_can_be_pulled(shop: World) -> None:
    shop.sim.control("plug", {"seconds": 30})
    with pytest.raises(ConnectorError):
        shop.odoo.account() and shop.odoo.look_up("order", item("xd-o1", {}))
    assert shop.sim.call("GET", "/").status == 200, "the window stays open"


@pytest.mark.slow
def test_it_survives_being_killed(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "connectors.odoo.simulator"]
    command += ["--port", str(port), "--state", str(tmp_path / "a b" / "odoo.sqlite")]
    for turn in range(2):
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            sim = Running(f"http://127.0.0.1:{port}")
            _wait(sim)
            if turn == 0:
                sim.control("seed", {"products": ARTICLES})
                World(sim).order()
            else:
                again = World(sim)
                assert again.stock("22423", "CEN") == (50, 2)
                assert again.order(ref="xd-o2") == "2"
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)


def _wait(sim: Running) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            sim.control("counts", method="GET")
            return
        except ConnectorError:
            assert time.monotonic() < end, "the stand-in didn't start"
            time.sleep(0.1)
