"""Writing into the shop when things go wrong in the middle: nothing twice, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sdk.errors import DocumentLocked, OutcomeUnknown, Rejected, Unavailable
from connectors.sdk.records import Done, Step, WriteItem
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce.connector import WooCommerce
from connectors.woocommerce.tests.conftest import connected
from connectors.woocommerce.tests.replay import ask

SHOES = {"name": "Shoes", "type": "simple", "sku": "SHOES", "manage_stock": True}


def item(body: dict[str, Any], **more: Any) -> WriteItem:
    return WriteItem(**{"ref": "xd-test-1", "key": "k", "op": "update", "body": body, **more})


def written(woo: WooCommerce, resource: str, what: WriteItem) -> tuple[Done, list[Step]]:
    """Run a write to its end."""
    steps: list[Step] = []
    run = woo.write(resource, what)
    while True:
        try:
            steps.append(next(run))
        except StopIteration as end:
            return end.value, steps


def fault(shop: Running, kind: str, **more: Any) -> None:
    shop.control("faults", {"kind": kind, "count": 1, **more})


def sell(shop: Running, *skus: str, qty: int = 2) -> str:
    return str(shop.control("checkout", {"lines": [{"sku": s, "qty": qty} for s in skus]})["id"])


def products(shop: Running) -> int:
    return int(shop.control("counts", method="GET")["products"])


@pytest.mark.parametrize("kind", ["drop_after_effect", "error_after_effect"])
def test_a_create_whose_answer_was_lost_is_found_again(
    shop: Running, woo: WooCommerce, kind: str
) -> None:
    before = products(shop)
    new = item(SHOES, op="create")
    fault(shop, kind, match="/products/batch")
    with pytest.raises(OutcomeUnknown):
        written(woo, "product", new)
    found = woo.look_up("product", new)
    assert found is not None
    done, _ = written(woo, "product", item(SHOES, op="create", uncertain=True))
    assert done.external_id == found.external_id
    assert done.parts == {"SHOES": found.external_id}
    again, _ = written(woo, "product", new)  # even without looking: the SKU leads to it
    assert again.external_id == found.external_id
    assert products(shop) == before + 1


@pytest.mark.parametrize("kind", ["down", "rate_limit"])
def test_a_shop_that_is_down_had_no_effect(shop: Running, woo: WooCommerce, kind: str) -> None:
    fault(shop, kind)
    with pytest.raises(Unavailable):
        written(woo, "product", item(SHOES, op="create"))
    assert woo.look_up("product", item(SHOES)) is None


def test_a_maintenance_page_is_no_answer(shop: Running, woo: WooCommerce) -> None:
    fault(shop, "html")
    with pytest.raises(Unavailable) as page:
        list(woo.read("orders", {}))
    assert page.value.code == "page-anomaly"
    fault(shop, "html")
    with pytest.raises(OutcomeUnknown):
        written(woo, "product", item(SHOES, op="create"))


def test_reading_through_a_broken_line_is_tried_again_not_looked_up(
    shop: Running, woo: WooCommerce
) -> None:
    fault(shop, "drop_after_effect")
    with pytest.raises(Unavailable):
        list(woo.read("orders", {}))


def test_a_sku_in_the_trash_is_the_merchants_move(shop: Running, woo: WooCommerce) -> None:
    ask(shop, "DELETE", "/products/61")
    (outcome,) = woo.write_batch("product", [item({**SHOES, "sku": "rec-mug"}, op="create")])
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.owner) == ("duplicate-exact", "merchant")


def test_creates_and_updates_share_a_batch_and_keep_their_places(
    shop: Running, woo: WooCommerce, http: PlainHttp
) -> None:
    items = [
        item({**SHOES, "sku": "A"}, op="create", ref="xd-a"),
        item({"name": "Cap, renamed"}, external_id="17"),
        item({**SHOES, "sku": "rec-mug"}, op="create", ref="xd-b"),
        item({**SHOES, "sku": "C"}, op="create", ref="xd-c"),
        item({"name": "gone"}, external_id="424242"),
    ]
    http.calls.clear()
    a, cap, mug, c, gone = woo.write_batch("product", items)
    assert isinstance(a, Done)
    assert isinstance(c, Done)
    assert (a.parts, c.parts) == ({"A": a.external_id}, {"C": c.external_id})
    assert isinstance(cap, Done)
    assert cap.external_id == "17"
    assert isinstance(mug, Done)
    assert mug.external_id == "61"
    assert isinstance(gone, Rejected)
    assert [m for m, _ in http.calls].count("POST") == 1


def test_a_tax_is_found_by_name_and_keeps_its_country(shop: Running, woo: WooCommerce) -> None:
    vat = {"name": "VAT", "rate": "21", "country": "FR", "class": "standard"}
    done, _ = written(woo, "tax", item(vat, op="create"))
    assert done.external_id == "4"
    held = ask(shop, "GET", "/taxes/4").json()
    assert (held["rate"], held["country"]) == ("21.0000", "GB")
    new = item({**vat, "name": "VAT9"}, op="create")
    made, _ = written(woo, "tax", new)
    assert written(woo, "tax", new)[0].external_id == made.external_id
    assert woo.look_up("tax", new).external_id == made.external_id  # type: ignore[union-attr]


def test_a_product_gets_the_class_of_its_tax(shop: Running, woo: WooCommerce) -> None:
    zero = {"name": "VAT0", "rate": "0", "country": "GB", "class": "zero-rate"}
    tax, _ = written(woo, "tax", item(zero, op="create"))
    book = item({**SHOES, "tax_rate": tax.external_id}, op="create")
    done, _ = written(woo, "product", book)
    shown = ask(shop, "GET", f"/products/{done.external_id}").json()
    assert shown["tax_class"] == "zero-rate"
    assert "tax_rate" not in shown


# ------------------------------------------------------------------ orders' later life


def shipment(order: str, *lines: tuple[str, int], ref: str = "xd-ship-1", **more: Any) -> WriteItem:
    body = {
        "order": order, "number": f"OUT/{ref}", "carrier": "Royal Mail", "tracking": ["RM1"],
        "lines": [{"sku": s, "qty": str(q)} for s, q in lines],
    }  # fmt: skip
    return item(body, op="create", ref=ref, **more)


def test_two_shipments_complete_an_order(shop: Running, woo: WooCommerce) -> None:
    order = sell(shop, "woo-tshirt", "woo-cap")
    _, steps = written(woo, "fulfilment", shipment(order, ("WOO-TSHIRT", 2)))
    assert [s.role for s in steps] == ["shipment", "note"]
    assert ask(shop, "GET", f"/orders/{order}").json()["status"] == "processing"
    written(woo, "fulfilment", shipment(order, ("woo-cap", 2), ref="xd-ship-2"))
    assert ask(shop, "GET", f"/orders/{order}").json()["status"] == "completed"
    notes = ask(shop, "GET", f"/orders/{order}/notes").json()
    assert len(notes) == 2
    assert all(n["customer_note"] and "RM1" in n["note"] for n in notes)


def test_refunded_pieces_need_not_be_shipped(shop: Running, woo: WooCommerce) -> None:
    order = sell(shop, "woo-tshirt", "woo-cap")
    back = [{"sku": "woo-cap", "qty": 2}]
    shop.control("refund", {"order_id": order, "lines": back, "restock": True})
    written(woo, "fulfilment", shipment(order, ("woo-tshirt", 2)))
    assert ask(shop, "GET", f"/orders/{order}").json()["status"] == "completed"


@pytest.mark.parametrize("broken", ["PUT", "POST"])
def test_a_shipment_broken_off_is_resumed_and_the_customer_gets_one_mail(
    shop: Running, woo: WooCommerce, broken: str
) -> None:
    order = sell(shop, "woo-tshirt")
    fault(shop, "drop_after_effect", method=broken, match=f"/orders/{order}")
    steps: dict[str, str] = {}
    run = woo.write("fulfilment", shipment(order))
    with pytest.raises(OutcomeUnknown):
        for step in run:
            steps[step.role] = step.external_id
    found = woo.look_up("fulfilment", shipment(order))
    assert found is not None
    assert found.complete is (broken == "POST")
    resumed = shipment(order, uncertain=True, steps={**steps, **found.steps})
    done, _ = written(woo, "fulfilment", resumed)
    assert done.external_id == found.external_id
    assert len(ask(shop, "GET", f"/orders/{order}/notes").json()) == 1
    metas = ask(shop, "GET", f"/orders/{order}").json()["meta_data"]
    assert len([m for m in metas if m["key"].startswith("_crossdock_shipment_")]) == 1


def test_statuses_move_only_where_they_may(shop: Running, woo: WooCommerce) -> None:
    paid, done, gone, refunded = (sell(shop, "woo-cap") for _ in range(4))
    ask(shop, "PUT", f"/orders/{done}", {"status": "completed"})
    ask(shop, "DELETE", f"/orders/{gone}")
    shop.control("refund", {"order_id": refunded, "restock": True})
    wanted = {"status": "cancelled"}
    items = [item(wanted, external_id=i) for i in (paid, done, gone, refunded)]
    a, b, c, d = woo.write_batch("order_status", items)
    assert a == Done(paid)
    assert isinstance(b, DocumentLocked)
    assert isinstance(c, Rejected)
    assert d == Done(refunded, unchanged=True)
    shown = {i: ask(shop, "GET", f"/orders/{i}").json()["status"] for i in (paid, done, refunded)}
    assert shown == {paid: "cancelled", done: "completed", refunded: "refunded"}
    assert woo.look_up("order_status", items[0]) is not None
    assert woo.look_up("order_status", items[1]) is None


def test_stock_is_found_only_where_it_is_held(shop: Running, woo: WooCommerce) -> None:
    five = item({"id": "61", "sku": "rec-mug", "quantity": "5.000"})
    assert woo.look_up("stock", five) is None
    done, steps = written(woo, "stock", five)
    assert (done.external_id, steps) == ("61", [])
    assert woo.look_up("stock", five) is not None


# ------------------------------------------------------------------ set-up


def test_the_check_says_what_works_and_whose_move_it_is(
    shop: Running, woo: WooCommerce, http: PlainHttp
) -> None:
    assert [line.ok for line in woo.check()] == [True] * 4
    nobody = connected(shop, http, consumer_key="ck_nobody").check()
    assert not any(line.ok for line in nobody)
    assert "key" in nobody[0].move


def test_two_connections_to_one_shop_have_one_account(
    shop: Running, woo: WooCommerce, http: PlainHttp
) -> None:
    assert woo.account() == connected(shop, http).account()
