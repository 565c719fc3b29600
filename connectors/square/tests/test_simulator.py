"""The stand-in: what Square does and a naive stand-in wouldn't; and its window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.errors import ConnectorError
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running, running
from connectors.square.connector import Square
from connectors.square.simulator.app import build
from connectors.square.tests.conftest import article, give_back, item_of, read_all, sale, write

Connect = Callable[..., Square]
TOKEN = {"Authorization": "Bearer EAAA-simulator"}


def ask(seller: Running, path: str, body: Any) -> tuple[int, Any]:
    answer = seller.call("POST", path, body, **TOKEN)
    return answer.status, answer.json()


def press(seller: Running, button: str, **fields: str) -> str:
    """A person presses a button of the window; where the browser is sent."""
    form = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = PlainHttp().request("POST", f"{seller.url}/_sim/{button}", headers=headers, body=form)
    assert answer.status == 303
    return answer.headers["location"]


def test_a_key_with_other_words_is_refused_and_with_the_same_is_done_once(seller: Running) -> None:
    tax = {"type": "TAX", "id": "#t", "tax_data": {"name": "VAT20", "percentage": "20"}}
    body = {"idempotency_key": "k", "object": tax}
    first = ask(seller, "/v2/catalog/object", body)
    assert ask(seller, "/v2/catalog/object", body) == first
    other = body | {"object": tax | {"tax_data": {"name": "VAT5", "percentage": "5"}}}
    status, told = ask(seller, "/v2/catalog/object", other)
    assert (status, told["errors"][0]["code"]) == (400, "IDEMPOTENCY_KEY_REUSED")
    status, told = ask(seller, "/v2/catalog/object", {"object": tax})
    assert told["errors"][0]["field"] == "idempotency_key"


def test_a_version_that_is_not_the_newest_is_refused(seller: Running, connect: Connect) -> None:
    made = write(connect(), "item", item_of(article()))
    thing = {"type": "ITEM", "id": made.external_id, "version": 1, "item_data": {"name": "x"}}
    status, told = ask(seller, "/v2/catalog/object", {"idempotency_key": "k", "object": thing})
    assert (status, told["errors"][0]["code"]) == (400, "VERSION_MISMATCH")


def test_one_batch_fails_and_the_others_are_stored(seller: Running) -> None:
    good = {"type": "TAX", "id": "#a", "tax_data": {"name": "VAT20", "percentage": "20"}}
    bad = {"type": "TAX", "id": "#b", "tax_data": {"percentage": "5"}}
    batches = [{"objects": [bad]}, {"objects": [good]}]
    status, told = ask(
        seller, "/v2/catalog/batch-upsert", {"idempotency_key": "k", "batches": batches}
    )
    assert status == 200
    assert [o["tax_data"]["name"] for o in told["objects"]] == ["VAT20"]
    assert told["errors"][0]["code"] == "MISSING_REQUIRED_PARAMETER"


def test_a_cursor_belongs_to_its_question(seller: Running) -> None:
    seller.control("receipts", [sale(f"S10-2-{n}") for n in range(3)])
    locations = seller.call("GET", "/v2/locations", **TOKEN).json()["locations"]
    body = {"location_ids": [row["id"] for row in locations], "limit": 2}
    _, page = ask(seller, "/v2/orders/search", body)
    assert len(page["orders"]) == 2
    _, rest = ask(seller, "/v2/orders/search", body | {"cursor": page["cursor"]})
    assert len(rest["orders"]) == 1 and "cursor" not in rest
    changed = body | {"cursor": page["cursor"], "limit": 1}
    status, told = ask(seller, "/v2/orders/search", changed)
    assert (status, told["errors"][0]["code"]) == (400, "INVALID_CURSOR")


def test_what_no_application_may_do_with_stock(seller: Running, connect: Connect) -> None:
    made = write(connect(), "item", item_of(article()))
    place = seller.call("GET", "/v2/locations", **TOKEN).json()["locations"][0]["id"]
    told = {"catalog_object_id": made.parts["85123A"], "location_id": place, "quantity": "1",
            "occurred_at": "2011-08-08T09:15:00Z", "from_state": "SOLD",
            "to_state": "IN_STOCK"}  # fmt: skip
    for change, code in (
        (told, "INVALID_VALUE"),
        (told | {"from_state": "NONE"}, "INVALID_TIME"),
        (told | {"quantity": 1}, "INVALID_VALUE"),
    ):
        changes = [{"type": "ADJUSTMENT", "adjustment": change}]
        body = {"idempotency_key": f"k{code}{change['quantity']}", "changes": changes}
        status, answer = ask(seller, "/v2/inventory/changes/batch-create", body)
        assert (status, answer["errors"][0]["code"]) == (400, code)


def test_nobody_gets_in_without_a_token(seller: Running) -> None:
    answer = seller.call("GET", "/v2/locations")
    assert answer.status == 401
    assert answer.json()["errors"][0]["category"] == "AUTHENTICATION_ERROR"


def test_what_the_library_lacks_the_cashier_adds(seller: Running, connect: Connect) -> None:
    """Sold before anybody sent the article; when it is sent, it is the one that was sold."""
    seller.control("receipts", [sale()])
    square = connect()
    made = write(square, "item", item_of(article()))
    (record,), _ = read_all(square, "orders")
    sold = record.body["order"]["line_items"][0]["catalog_object_id"]
    assert made.parts == {"85123A": sold}
    assert seller.control("counts", method="GET")["bitten"]["added_at_the_till"] == 1


def test_pulling_the_plug_keeps_the_sales(seller: Running, connect: Connect) -> None:
    seller.control("plug", {"seconds": 600})
    seller.control("receipts", [sale()])
    with pytest.raises(ConnectorError):
        list(connect().read("orders", {}))
    seller.control("faults", method="DELETE")
    assert len(read_all(connect(), "orders")[0]) == 1


def test_a_seller_who_starts_again_knows_what_it_knew(tmp_path: Path) -> None:
    state = tmp_path / "square.db"
    with running(build, state=state) as seller:
        seller.control("receipts", [sale(), give_back("S10-2-000001")])
        seller.control("receipts", {"receipts": [sale("S10-2-9")], "fault": "offline",
                                    "seconds": 600})  # fmt: skip
    with running(build, state=state) as seller:
        counts = seller.control("counts", method="GET")
        assert counts["kinds"] == {"sale": 1, "return": 1} and counts["waiting"] == 1
        assert seller.control("prices", method="GET")["85123A"]["price"] == "2.55"
        sold = seller.control("sell", {"sku": "85123a"})
        assert sold["total"] == "2.55"


@pytest.mark.parametrize("path", ["/", "/?store=S10", "/?find=heart", "/?store=<script>x"])
def test_the_window_shows_what_was_sold_and_escapes_it(seller: Running, path: str) -> None:
    line = {**sale()["lines"][0], "text": "White <i>heart"}
    seller.control("receipts", [sale("S10-1-<b>x", lines=[line])])
    page = seller.call("GET", path)
    assert page.status == 200
    assert b"S10-1-&lt;b&gt;x" in page.body and b"White &lt;i&gt;heart" in page.body
    assert b"<b>x" not in page.body and b"<script>x" not in page.body


def test_every_button_says_what_it_did(seller: Running) -> None:
    assert "Nobody+knows+a+price" in press(seller, "sell")
    assert "There+is+no+such+sale" in press(seller, "refund")
    assert "is+in+Square" in press(seller, "item", sku="85123A", title="Heart", price="2.55")
    assert "now+costs+3.10" in press(seller, "price", sku="85123A", price="3.10")
    assert "is+no+price" in press(seller, "price", sku="85123A", price="cheap")
    assert "Sold+at+S12" in press(seller, "sell?store=S12", store="S12", price="")
    assert "Taken+back" in press(seller, "refund")
    assert "run+out" in press(seller, "tokens", do="expire")
    assert "plug+is+out" in press(seller, "plug", seconds="1")


@pytest.mark.parametrize(
    "receipt",
    [sale(store="S99"), sale(kind="gift"), sale(lines=[{"sku": "X", "qty": 1, "price": "free"}])],
)
def test_what_no_till_rings_up_is_refused(seller: Running, receipt: dict[str, Any]) -> None:
    assert seller.call("POST", "/_sim/receipts", [receipt]).status == 400
    assert seller.call("POST", "/_sim/receipts", {"receipts": [], "fault": "no"}).status == 400
