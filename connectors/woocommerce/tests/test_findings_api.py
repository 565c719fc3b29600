"""Findings 19 to 28, 31 and 32 of the recorded shop: each exchange again, and how we cope."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.sdk.errors import AccessRefused, OutcomeUnknown, Rejected, Unavailable
from connectors.sdk.records import Done, WriteItem
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce import errors
from connectors.woocommerce.connector import WooCommerce
from connectors.woocommerce.simulator.shop import DEMO_READ_KEY
from connectors.woocommerce.tests.conftest import connected
from connectors.woocommerce.tests.replay import ask, recording, replay, same, signed_in


def item(body: dict[str, Any], **more: Any) -> WriteItem:
    return WriteItem(**{"ref": "xd-test-1", "key": "k", "op": "update", "body": body, **more})


def order_of(shop: Running, *skus: str, **more: Any) -> int:
    sold = shop.control("checkout", {"lines": [{"sku": s, "qty": 2} for s in skus], **more})
    return int(sold["id"])


# ------------------------------------------------------------------ pages and limits


@pytest.mark.parametrize("number", ["020", "022", "023", "024", "025", "030", "044", "145"])
def test_19_pages_and_their_bounds(shop: Running, number: str) -> None:
    replay(shop, number)


def test_19_orders_page_alike(shop: Running) -> None:
    order_of(shop, "woo-tshirt")
    replay(shop, "279")


@pytest.mark.parametrize(("number", "page"), [("018", 2), ("019", 3)])
def test_19_links_lead_forth_and_back(shop: Running, number: str, page: int) -> None:
    """Five a page of eighteen then, two a page of six now."""
    same(recording(number), ask(shop, "GET", f"/products?per_page=2&page={page}"))


def test_19_a_page_past_the_end_still_tells_the_total(shop: Running) -> None:
    answer = ask(shop, "GET", "/products?per_page=5&page=99")
    assert (answer.body, answer.headers["x-wp-total"]) == (b"[]", "6")
    last = ask(shop, "GET", "/products?per_page=3&page=2").headers["link"]
    assert 'rel="prev"' in last
    assert "next" not in last


def test_19_we_read_more_than_a_page(shop: Running, woo: WooCommerce) -> None:
    many = [{"name": f"P{i}", "sku": f"P{i}", "regular_price": "1"} for i in range(230)]
    shop.control("seed", {"products": many})
    ids = [h.identity for page in woo.read("products", {}) for h in page.heard]
    assert len(ids) == len(set(ids)) == 236


def test_20_a_batch_holds_100_and_answers_item_by_item(shop: Running, woo: WooCommerce) -> None:
    for number in ("075", "076", "077", "305"):
        replay(shop, number)
    assert ask(shop, "GET", "/products/61").json()["stock_quantity"] == 99
    items = [item({"id": i, "sku": "x", "quantity": "7"}) for i in ("61", "999999", "14")]
    good, gone, other = woo.write_batch("stock", items)
    assert good == Done("61", url=good.url)  # type: ignore[union-attr]
    assert isinstance(gone, Rejected)
    assert gone.code == "reference-missing"
    assert isinstance(other, Done)


def test_21_batches_swallow_nonsense_so_we_check_first(shop: Running, woo: WooCommerce) -> None:
    """The recorded batch set a stock of "many" to 0; we never send such a thing."""
    replay(shop, "075")
    assert ask(shop, "GET", "/products/14").json()["stock_quantity"] == 0
    replay(shop, "306")
    replay(shop, "307")
    assert ask(shop, "GET", "/products/14").json()["regular_price"] == "1250"
    wrong = [item({"id": "14", "quantity": "many"}), item({"id": "14", "quantity": "2.5"})]
    for outcome in woo.write_batch("stock", wrong):
        assert isinstance(outcome, Rejected)
        assert outcome.code == "type-mismatch"
    (price,) = woo.write_batch("price", [item({"id": "14", "regular_price": "12,50"})])
    assert isinstance(price, Rejected)
    assert ask(shop, "GET", "/products/14").json()["regular_price"] == "1250"


# ------------------------------------------------------------------ types


@pytest.mark.parametrize("number", ["055", "056", "057", "068", "071", "058"])
def test_22_prices_are_text_and_quantities_whole(shop: Running, number: str) -> None:
    replay(shop, number)


def test_22_money_is_text_but_a_lines_price_is_a_float(shop: Running, woo: WooCommerce) -> None:
    ask(shop, "PUT", "/products/61", {"regular_price": "3.333", "sale_price": ""})
    order, then = replay(shop, "304"), recording("304")["answer"]
    assert order["line_items"][0]["price"] == then["line_items"][0]["price"] == 3.0001428571428574
    for name in ("total", "total_tax", "discount_total", "discount_tax", "cart_tax"):
        assert order[name] == then[name], name
    read = woo.reread("orders", [str(order["id"])])[str(order["id"])]
    assert read is not None
    assert read.body["line_items"][0]["taxes"][0]["_code"] == "VAT"


def test_22_we_send_prices_as_text_and_compare_what_is_held(
    shop: Running, woo: WooCommerce
) -> None:
    (done,) = woo.write_batch("price", [item({"id": "17", "regular_price": "16.5000"})])
    assert isinstance(done, Done)
    assert Decimal(ask(shop, "GET", "/products/17").json()["regular_price"]) == Decimal("16.5")


def test_23_a_line_without_picture_parent_or_product(shop: Running, woo: WooCommerce) -> None:
    order = replay(shop, "122")  # unknown product: accepted, with nothing in it
    (line,) = order["line_items"]
    assert (line["product_id"], line["name"], line["sku"], order["total"]) == (0, "", None, "0.00")
    assert replay(shop, "027")["regular_price"] == ""
    read = woo.reread("orders", [str(order["id"])])[str(order["id"])]
    assert read is not None
    assert read.body["line_items"][0]["sku"] is None


@pytest.mark.parametrize("number", ["111", "112", "114", "116", "119", "128"])
def test_24_orders_add_up_as_the_recorded_ones(shop: Running, number: str) -> None:
    """Coupons, two rates, fees below zero: the same figures to the cent."""
    now, then = replay(shop, number), recording(number)["answer"]
    names = ("total", "total_tax", "cart_tax", "shipping_total", "shipping_tax", "discount_total",
             "discount_tax", "status")  # fmt: skip
    assert {n: now[n] for n in names} == {n: then[n] for n in names}
    summed = sum(
        Decimal(x["total"]) + Decimal(x["total_tax"])
        for part in ("line_items", "shipping_lines", "fee_lines")
        for x in now[part]
    )
    assert summed == Decimal(now["total"])


def test_24_prices_with_tax_in_another_country(shop: Running) -> None:
    replay(shop, "299")
    now, then = replay(shop, "300"), recording("300")["answer"]
    assert now["line_items"][0]["price"] == then["line_items"][0]["price"] == 16.589862
    assert (now["total"], now["total_tax"]) == (then["total"], then["total_tax"])


# ------------------------------------------------------------------ orders, refunds, stock


@pytest.fixture
def order72(shop: Running) -> int:
    return int(replay(shop, "111")["id"])


def refund_body(shop: Running, order: int, number: str) -> dict[str, Any]:
    """The recorded refund with the line ids of this order."""
    body = recording(number)["body"]
    lines = ask(shop, "GET", f"/orders/{order}").json()["line_items"]
    for line in body.get("line_items", ()):
        line["id"] = str(lines[int(line["id"]) - 1]["id"])
    return dict(body)


def test_25_refunds_as_recorded(shop: Running, order72: int) -> None:
    replay(shop, "149", o72=order72)
    for number in ("162", "163", "166", "168"):
        answer = ask(shop, "POST", f"/orders/{order72}/refunds", refund_body(shop, order72, number))
        same(recording(number), answer)
        assert answer.json()["amount"] == recording(number)["answer"]["amount"]
    replay(shop, "169", o72=order72)
    replay(shop, "170")
    order = replay(shop, "171", o72=order72)
    assert order["total"] == "118.60"
    assert [r["total"] for r in order["refunds"]] == ["-19.44", "-5.00", "-", "-1.00"]


def test_25_we_read_amounts_and_goods_apart(shop: Running, order72: int, woo: WooCommerce) -> None:
    for number in ("162", "163", "166"):
        ask(shop, "POST", f"/orders/{order72}/refunds", refund_body(shop, order72, number))
    read = woo.reread("orders", [str(order72)])[str(order72)]
    assert read is not None
    assert [r["amount"] for r in read.body["_money_back"]] == ["19.44", "5.00"]  # none of ""
    (goods,) = read.body["_goods_back"]
    (line,) = goods["line_items"]
    assert line["_order_line"] == str(read.body["line_items"][0]["id"])
    assert line["_restocked"] is True


@pytest.mark.parametrize("number", ["164", "167", "177"])
def test_25_a_500_of_the_shops_own_is_a_refusal(shop: Running, order72: int, number: str) -> None:
    said = replay(shop, number, o72=order72)
    refusal = errors.fault(500, said, {}, reading=False)
    assert type(refusal) is Rejected
    assert type(errors.fault(500, None, {}, reading=False)) is OutcomeUnknown
    assert type(errors.fault(500, None, {}, reading=True)) is Unavailable


def test_26_a_full_refund_changes_the_status_and_no_stock(shop: Running) -> None:
    order = replay(shop, "114")["id"]
    total = ask(shop, "GET", f"/orders/{order}").json()["total"]
    before = ask(shop, "GET", "/products/14").json()["stock_quantity"]
    body = {**recording("172")["body"], "amount": total}
    same(recording("172"), ask(shop, "POST", f"/orders/{order}/refunds", body))
    assert ask(shop, "GET", f"/orders/{order}").json()["status"] == "refunded"
    assert ask(shop, "GET", "/products/14").json()["stock_quantity"] == before


def test_26_setting_the_status_by_hand_makes_a_refund(shop: Running, woo: WooCommerce) -> None:
    order = replay(shop, "128")["id"]
    ask(shop, "PUT", f"/orders/{order}", {"status": "processing"})
    shown = replay(shop, "174", o78=order)
    assert shown["refunds"][0]["total"] == "-" + shown["total"]
    (outcome,) = woo.write_batch(
        "order_status", [item({"status": "completed"}, external_id=str(order))]
    )
    assert outcome == Done(str(order), unchanged=True)  # it keeps saying refunded


@pytest.mark.parametrize("number", ["115", "124", "125", "126", "127", "131", "133", "134",
                                    "120"])  # fmt: skip
def test_27_creating_orders(shop: Running, number: str) -> None:
    replay(shop, number)


def test_27_orders_have_no_idempotency_and_oversell(shop: Running) -> None:
    assert replay(shop, "285")["id"] != replay(shop, "285")["id"]
    body = {"set_paid": True, "line_items": [{"product_id": 14, "quantity": 31}]}
    ask(shop, "POST", "/orders", body)
    assert ask(shop, "GET", "/products/14").json()["stock_quantity"] == -4


def test_27_a_bad_coupon_leaves_a_draft_that_we_ignore(shop: Running, woo: WooCommerce) -> None:
    replay(shop, "127")
    drafts = ask(shop, "GET", "/orders?status=checkout-draft").json()
    assert len(drafts) == 1
    assert list(woo.read("orders", {})) == []


@pytest.mark.parametrize("number", ["066", "069", "070", "072", "284"])
def test_28_stock_writes(shop: Running, number: str) -> None:
    replay(shop, number)


def test_28_a_quantity_is_ignored_where_stock_is_not_managed(
    shop: Running, woo: WooCommerce
) -> None:
    shop.control("seed", {"products": [{"id": 62, "name": "garb", "sku": "rec-garb"}]})
    assert replay(shop, "073")["stock_quantity"] is None
    (done,) = woo.write_batch("stock", [item({"id": "62", "sku": "rec-garb", "quantity": "5"})])
    assert isinstance(done, Done)
    shown = ask(shop, "GET", "/products/62").json()
    assert (shown["manage_stock"], shown["stock_quantity"]) == (True, 5)


# ------------------------------------------------------------------ SKUs


def test_31_variations_answer_as_products_but_are_written_through_the_parent(
    shop: Running, woo: WooCommerce
) -> None:
    for number in ("031", "028", "029", "036", "034", "037"):
        replay(shop, number)
    by_id = item({"id": "27", "sku": "woo-vneck-tee-blue", "quantity": "3"})
    by_parent = item({"id": "11", "sku": "woo-vneck-tee-red", "quantity": "4"})
    assert [type(o) for o in woo.write_batch("stock", [by_id, by_parent])] == [Done, Done]
    held = {i: ask(shop, "GET", f"/products/{i}").json() for i in (11, 25, 27)}
    assert (held[27]["stock_quantity"], held[25]["stock_quantity"]) == (3, 4)
    assert held[11]["manage_stock"] is False


def test_31_a_taken_sku_is_adopted_or_refused(shop: Running, woo: WooCommerce) -> None:
    """400 with the holder's id: ours from a try before, the shop's own, or another record's."""
    replay(shop, "053")
    body = {"name": "Mug", "sku": "rec-mug", "type": "simple"}
    new = {"op": "create", "external_id": ""}
    (adopted,) = woo.write_batch("product", [item(body, **new)])
    assert isinstance(adopted, Done)
    assert adopted.external_id == "61"
    assert woo.look_up("product", item(body, **new)).external_id == "61"  # type: ignore[union-attr]
    (again,) = woo.write_batch("product", [item(body, **new)])
    assert isinstance(again, Done)
    (other,) = woo.write_batch("product", [item(body, **{**new, "ref": "xd-test-2"})])
    assert isinstance(other, Rejected)
    assert other.code == "already-bound-elsewhere"
    assert shop.control("counts", method="GET")["products"] == 8


# ------------------------------------------------------------------ signing in


@pytest.mark.parametrize(
    ("number", "key", "secret", "code"),
    [
        ("196", "ck_nobody", "cs_nobody", "revoked"),
        ("197", None, "cs_wrong", "revoked"),
        ("198", DEMO_READ_KEY, None, "scope-missing"),
    ],
)
def test_32_each_mistake_of_signing_in(
    shop: Running, http: PlainHttp, number: str, key: str | None, secret: str | None, code: str
) -> None:
    given = {"consumer_key": key, "consumer_secret": secret}
    woo = connected(shop, http, **{n: v for n, v in given.items() if v})
    then = recording(number)
    header = signed_in(woo.secrets["consumer_key"], woo.secrets["consumer_secret"])
    path = then["path"]
    same(then, ask(shop, then["method"], path, then["body"], Authorization=header))
    with pytest.raises(AccessRefused) as refused:
        woo.api.ask(then["method"], path.lstrip("/"), body=then["body"])
    assert refused.value.code == code
    assert [line.ok for line in woo.check()].count(False) >= 1


def test_32_no_key_at_all_and_plain_permalinks(shop: Running) -> None:
    same(recording("195"), ask(shop, "GET", "/orders", Authorization=""))
    same(recording("210"), shop.call("GET", "/?rest_route=/wc/v3/orders"))


@pytest.mark.parametrize("number", ["200", "201", "203", "184", "099", "104", "011", "014"])
def test_other_answers_as_recorded(shop: Running, number: str) -> None:
    replay(shop, number)


def test_a_second_account_with_one_address_is_refused(shop: Running) -> None:
    same(recording("103"), ask(shop, "POST", "/customers", {"email": "ada@example.test"}))
