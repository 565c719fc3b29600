"""What a merchant sees: an order's life from the shop's checkout to the goods coming back, a
day at the tills, and what is told of prices and stock.
"""

from __future__ import annotations

from typing import Any

import pytest

from connectors.odoo.tests.shop_world import World, item, write
from connectors.sdk.errors import AccessRefused, DocumentLocked, MissingReference, NotYet, Rejected


def test_an_order_is_paid_shipped_returned_and_refunded(shop: World) -> None:
    order = shop.order()
    [held] = shop.rows("sale.order")
    assert (held["state"], held["amount_total"], held["origin"]) == ("sale", 35.5, "web/1001")
    assert shop.stock("22423", "CEN") == (50, 2)

    paid = {"order_id": order, "amount": "35.50", "tender": "card"}
    write(shop.odoo, "payment", item("xd-p1", paid))
    [invoice] = shop.rows("account.move")
    assert (invoice["state"], invoice["payment_state"]) == ("posted", "paid")
    assert invoice["amount_total"] == 35.5

    back: dict[str, Any] = {"order_id": order, "number": "R1"}
    back |= {"lines": [{"product_id": str(shop.ids["22423"]), "qty": "1"}]}
    with pytest.raises(NotYet, match="validate the delivery"):
        write(shop.odoo, "return", item("xd-r1", back))
    shop.sim.control("ship", {"count": 1})
    assert shop.stock("22423", "CEN") == (48, 0)
    write(shop.odoo, "return", item("xd-r1", back))
    assert shop.stock("22423", "CEN") == (49, 0)

    money: dict[str, Any] = {"order_id": order, "amount": "12.75", "reason": "broken"}
    money["lines"] = [shop.line("22423", 1, "10.62", "2.13")]
    write(shop.odoo, "refund", item("xd-f1", money))
    [note] = shop.rows("account.move", [["move_type", "=", "out_refund"]])
    assert (note["amount_total"], note["payment_state"]) == (12.75, "paid")
    assert note["reversed_entry_id"][0] == invoice["id"]


def test_an_amount_without_lines_is_refunded_with_the_invoices_taxes(shop: World) -> None:
    lines = [shop.line("22423", 1, "10.63", "2.12"), shop.line("BOOK", 1, "8.00", "0", "VAT0")]
    order = shop.order(lines=lines, total="20.75")
    paid = {"order_id": order, "amount": "20.75", "tender": "card"}
    write(shop.odoo, "payment", item("xd-p1", paid))
    write(shop.odoo, "refund", item("xd-f1", {"order_id": order, "amount": "10.00"}))
    [note] = shop.rows("account.move", [["move_type", "=", "out_refund"]])
    assert note["amount_total"] == 10.0
    # 12.75 of 20.75 carry 20 %: 6.14 of the refund, of which 1.02 is tax.
    assert note["amount_tax"] == 1.02


def test_no_more_is_refunded_than_was_invoiced(shop: World) -> None:
    order = shop.order()
    refund = {"order_id": order, "amount": "20.00"}
    with pytest.raises(NotYet, match="payment must arrive first"):
        write(shop.odoo, "refund", item("xd-f1", refund))
    paid = {"order_id": order, "amount": "35.50", "tender": "card"}
    write(shop.odoo, "payment", item("xd-p1", paid))
    write(shop.odoo, "refund", item("xd-f1", refund))
    with pytest.raises(Rejected) as refused:
        write(shop.odoo, "refund", item("xd-f2", refund))
    assert refused.value.code == "refund-exceeds"
    assert len(shop.rows("account.move", [["move_type", "=", "out_refund"]])) == 1


def test_two_payments_of_one_order_share_its_invoice(shop: World) -> None:
    order = shop.order()
    for ref, amount in (("xd-p1", "10.00"), ("xd-p2", "25.50")):
        body = {"order_id": order, "amount": amount, "tender": "card"}
        write(shop.odoo, "payment", item(ref, body))
    [invoice] = shop.rows("account.move")
    assert (invoice["payment_state"], invoice["amount_residual"]) == ("paid", 0)
    with pytest.raises(Rejected, match="entered there by hand"):
        body = {"order_id": order, "amount": "1.00", "tender": "card"}
        write(shop.odoo, "payment", item("xd-p3", body))


def test_three_for_ten_pounds_come_out_to_the_cent(shop: World) -> None:
    shop.order(lines=[shop.line("84879", 3, "8.33", "1.67")], total="10.00")
    [order] = shop.rows("sale.order")
    assert order["amount_total"] == 10.0
    assert sum(x["product_uom_qty"] for x in shop.rows("sale.order.line")) == 3


def test_an_order_that_odoo_adds_up_differently_is_not_confirmed(shop: World) -> None:
    with pytest.raises(Rejected) as refused:
        shop.order(total="35.51")
    assert refused.value.code == "rounding-out-of-tolerance"
    assert shop.rows("sale.order") == []


def test_a_line_without_product_is_booked_on_the_agreed_service(shop: World) -> None:
    carriage: dict[str, Any] = {
        "id": "ship",
        "kind": "shipping",
        "name": "Post",
        "qty": "1",
        "net": "4.17",
    }
    carriage |= {"tax_total": "0.83", "taxes": ["VAT20"]}
    shop.order(lines=[shop.line("22423", 2, "21.25", "4.25"), carriage], total="30.50")
    products = [x["product_id"][0] for x in shop.rows("sale.order.line")]
    assert products == [shop.ids["22423"], shop.ids["POST"]]
    with pytest.raises(MissingReference) as missing:
        shop.order(ref="xd-o2", lines=[{**carriage, "kind": "fee"}], total="5.00")
    assert missing.value.key == {"sku": "M"}


def test_guests_share_one_contact(shop: World) -> None:
    for ref in ("xd-o1", "xd-o2"):
        shop.order(ref=ref, partner_id=None)
    first, second = shop.rows("sale.order")
    assert first["partner_id"] == second["partner_id"]
    assert first["partner_id"][1] == "Guest"


def test_carriage_that_is_refunded_never_comes_back_to_a_shelf(shop: World) -> None:
    carriage = [{"product_id": str(shop.ids["POST"]), "qty": "1"}]
    body = {"order_id": shop.order(), "number": "R1", "lines": carriage}
    assert write(shop.odoo, "return", item("xd-r1", body)).unchanged
    assert shop.rows("stock.picking", [["return_id", "!=", False]]) == []


def test_an_order_is_amended_until_it_is_invoiced(shop: World) -> None:
    order = shop.order()
    fewer = shop.order_body(lines=[shop.line("22423", 1, "10.63", "2.12")], total="12.75")
    amended = item("xd-o1", fewer, op="update", external_id=order)
    assert not write(shop.odoo, "order", amended).unchanged
    assert shop.stock("22423", "CEN") == (50, 1)
    assert shop.stock("84879", "CEN") == (90, 0)
    assert write(shop.odoo, "order", amended).unchanged

    paid = {"order_id": order, "amount": "12.75", "tender": "card"}
    write(shop.odoo, "payment", item("xd-p1", paid))
    assert write(shop.odoo, "order", amended).unchanged
    with pytest.raises(DocumentLocked, match="invoiced"):
        more = item("xd-o1", shop.order_body(), op="update", external_id=order)
        write(shop.odoo, "order", more)


def test_a_cancelled_order_gives_its_stock_free(shop: World) -> None:
    order = shop.order()
    body = shop.order_body(cancelled=True)
    write(shop.odoo, "order", item("xd-o1", body, op="update", external_id=order))
    assert shop.rows("sale.order")[0]["state"] == "cancel"
    assert shop.stock("22423", "CEN") == (50, 0)
    again = item("xd-o1", body, op="update", external_id=order)
    assert write(shop.odoo, "order", again).unchanged


def test_a_receipt_moves_stock_and_money_at_once_and_comes_back_once(shop: World) -> None:
    sale = write(shop.odoo, "pos_sale", item("xd-s1", shop.receipt_body()))
    [held] = shop.rows("pos.order")
    assert (held["amount_total"], held["general_customer_note"]) == (17.82, "S01-1-7")
    assert shop.stock("84879", "S01") == (27, 0)
    assert sorted(p["amount"] for p in shop.rows("pos.payment")) == [7.82, 10.0]
    assert set(sale.parts) == {"84879", "22423"}

    body = shop.receipt_body("S01-1-8", total="5.07", tax="0.84", original_id=sale.external_id)
    body |= {"lines": [shop.line("84879", 3, "4.23", "0.84")]}
    body |= {"tenders": [{"tender": "cash", "amount": "5.07"}]}
    write(shop.odoo, "pos_return", item("xd-t1", body))
    [back] = shop.rows("pos.order", [["is_refund", "=", True]])
    assert (back["amount_total"], back["refunded_order_id"][0]) == (-5.07, held["id"])
    assert shop.stock("84879", "S01") == (30, 0)
    with pytest.raises(Rejected) as refused:
        write(shop.odoo, "pos_return", item("xd-t2", body))
    assert refused.value.code == "refund-exceeds"


def test_an_unlinked_return_is_taken_without_its_receipt(shop: World) -> None:
    body = shop.receipt_body()
    write(shop.odoo, "pos_return", item("xd-t1", body))
    [back] = shop.rows("pos.order")
    assert (back["amount_total"], back["refunded_order_id"]) == (-17.82, False)
    assert shop.stock("84879", "S01") == (33, 0)


def test_a_receipt_whose_sums_disagree_is_refused_before_odoo_believes_it(shop: World) -> None:
    body = shop.receipt_body(total="17.83")
    good = item("xd-s2", shop.receipt_body("S01-1-9"))
    outcomes = shop.odoo.write_batch("pos_sale", [item("xd-s1", body), good])
    assert isinstance(outcomes[0], Rejected)
    assert outcomes[0].code == "rounding-out-of-tolerance"
    assert [row["general_customer_note"] for row in shop.rows("pos.order")] == ["S01-1-9"]


def test_a_paid_receipt_never_changes(shop: World) -> None:
    sale = write(shop.odoo, "pos_sale", item("xd-s1", shop.receipt_body())).external_id
    body = shop.receipt_body()
    same = item("xd-s1", body, op="update", external_id=sale, delivered=body)
    assert write(shop.odoo, "pos_sale", same).unchanged
    with pytest.raises(DocumentLocked):
        other = shop.receipt_body("S01-1-8")
        changed = item("xd-s1", other, op="update", external_id=sale, delivered=body)
        write(shop.odoo, "pos_sale", changed)


def test_a_receipt_goes_on_after_its_session_was_closed(shop: World) -> None:
    write(shop.odoo, "pos_sale", item("xd-s1", shop.receipt_body()))
    [session] = shop.rows("pos.session")
    shop.api("pos.session", "update_closing_control_state_session", ids=[session["id"]], notes="")
    shop.api("pos.session", "close_session_from_ui", ids=[session["id"]])
    write(shop.odoo, "pos_sale", item("xd-s2", shop.receipt_body("S01-1-8")))
    assert [s["state"] for s in shop.rows("pos.session")] == ["closed", "opened"]
    assert len(shop.rows("pos.order")) == 2


def test_a_broken_plate_leaves_the_store(shop: World) -> None:
    body = {"product_id": str(shop.ids["22423"]), "from": "S01", "qty": "25", "number": "W1"}
    write(shop.odoo, "stock_movement", item("xd-m1", {**body, "reason": "damage"}))
    # Also when the books hold fewer than were broken.
    assert shop.stock("22423", "S01") == (-5, 0)
    write(shop.odoo, "stock_movement", item("xd-m2", {**body, "reason": "transfer", "to": "CEN"}))
    assert shop.stock("22423", "CEN") == (75, 0)


def test_the_check_says_what_is_wrong_and_whose_move_it_is(shop: World) -> None:
    assert all(line.ok for line in shop.odoo.check())
    [refused] = shop.connector(key="wrong").check()
    assert "make a new API key" in refused.move
    nowhere = shop.connector(web_warehouse="NOPE").check()[-1]
    assert not nowhere.ok
    with pytest.raises(AccessRefused):
        shop.connector(key="wrong").look_up("order", item("xd-o1", {}))
    assert shop.odoo.account() == shop.connector(web_warehouse="S01").account()
