"""One test per finding of the recordings' notes: the stand-in answers as Odoo did, and the
connector copes.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.odoo.changes import SWEEP_EVERY
from connectors.odoo.connector import Odoo
from connectors.odoo.errors import refusal
from connectors.odoo.tests.replay import differences, played, recorded, today
from connectors.odoo.tests.shop_world import World, earlier, item, resumed, write
from connectors.sdk.errors import (
    AccessRefused,
    NotYet,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from connectors.sdk.http import Response
from connectors.sdk.records import WebhookRequest

Answers = dict[str, tuple[int, Any]]


@pytest.fixture(scope="module")
def answers() -> Answers:
    return played()


@pytest.mark.parametrize("exchange", recorded(), ids=lambda e: e["nr"])
def test_the_stand_in_answers_as_recorded(answers: Answers, exchange: dict[str, Any]) -> None:
    status, body = answers[exchange["nr"]]
    assert (status, body if status != exchange["status"] else "") == (exchange["status"], "")
    assert differences(exchange["response"], body) == []
    if status != 200:
        assert body["name"] == exchange["response"]["name"]
        assert body["message"] == exchange["response"]["message"]
        assert body.keys() == exchange["response"].keys()
        assert body["arguments"] == exchange["response"]["arguments"]


def of(answers: Answers, number: str) -> Any:
    """The body the stand-in gave to a recorded request."""
    return next(body for name, (_, body) in answers.items() if name.startswith(f"{number}-"))


def test_1_nothing_is_unique_but_barcodes_and_external_ids(shop: World, answers: Answers) -> None:
    assert of(answers, "005") != of(answers, "006")
    assert of(answers, "011") != of(answers, "015")
    assert of(answers, "007")["ids"] == of(answers, "008")["ids"]
    assert len(of(answers, "018")[0]["order_line"]) == 2, "load appends lines again"
    # A contact is imported by external id; an order that may be there is looked for first.
    assert shop.customer("xd-c1") == shop.customer("xd-c1")
    order = shop.order()
    again = write(shop.odoo, "order", resumed(item("xd-o1", shop.order_body()), {}))
    assert again.external_id == order
    assert len(shop.rows("sale.order")) == 1
    assert len(shop.rows("sale.order.line")) == 3, "no line was appended"


def test_2_a_wizard_that_did_nothing_is_no_delivery(shop: World, answers: Answers) -> None:
    assert of(answers, "021")["res_model"] == "confirm.stock.sms"
    assert of(answers, "022") is True
    # The connector sends skip_sms and believes only the state it reads afterwards.
    body: dict[str, Any] = {"order_id": shop.order(), "number": "R1"}
    body["lines"] = [{"product_id": str(shop.ids["22423"]), "qty": "1"}]
    shop.sim.control("ship", {"count": 1})
    write(shop.odoo, "return", item("xd-r1", body))
    assert {p["state"] for p in shop.rows("stock.picking")} == {"done"}
    # With an Odoo that goes on asking, the write doesn't end as done.
    without_context = shop.http.request

    def asking(method: str, url: str, **more: Any) -> Any:
        if url.endswith("stock.picking/button_validate"):
            return Response(200, {}, b'{"type":"ir.actions.act_window","res_id":1}')
        return without_context(method, url, **more)

    shop.http.request = asking  # type: ignore[method-assign]
    with pytest.raises(NotYet, match="question it asks"):
        write(shop.odoo, "return", item("xd-r2", body))


def test_3_goods_that_never_left_are_not_returned(shop: World) -> None:
    order = shop.order()
    [picking] = shop.rows("stock.picking")
    # Odoo itself accepts it and then has stock that doesn't exist ...
    context = {"active_model": "stock.picking", "active_ids": [picking["id"]]}
    vals = [{"picking_id": picking["id"]}]
    wizard = shop.api("stock.return.picking", "create", vals_list=vals, context=context)
    back = shop.api("stock.return.picking", "action_create_returns", ids=wizard)["res_id"]
    shop.api("stock.picking", "button_validate", ids=[back], context={"skip_sms": True})
    assert shop.stock("22423", "CEN")[0] == 52
    # ... so the connector waits until the delivery is done.
    body: dict[str, Any] = {"order_id": order, "number": "R1"}
    body["lines"] = [{"product_id": str(shop.ids["22423"]), "qty": "1"}]
    with pytest.raises(NotYet):
        write(shop.odoo, "return", item("xd-r1", body))
    assert shop.stock("22423", "CEN")[0] == 52


def test_4_private_methods_are_refused_and_wizards_used(shop: World, answers: Answers) -> None:
    assert of(answers, "023")["name"] == "odoo.exceptions.AccessError"
    order = shop.order()
    shop.http.calls.clear()
    body = {"order_id": order, "amount": "35.50", "tender": "card"}
    write(shop.odoo, "payment", item("xd-p1", body))
    called = [path.removeprefix("/json/2/") for _, path in shop.http.calls]
    assert "sale.advance.payment.inv/create_invoices" in called
    assert "account.payment.register/action_create_payments" in called
    assert not [path for path in called if "/_" in path]


def test_5_a_batch_that_commits_late_is_read_after_all(shop: World) -> None:
    _, cursor = shop.read("products", {})
    late = {"sku": "LATE", "title": "Late", "price": "1", "began_seconds_ago": 40}
    shop.sim.control("product", late)
    # Its write_date is older than what the last poll saw: a quick poll misses it ...
    assert "LATE" not in [p.body["default_code"] for p in shop.read("products", cursor)[0]]
    # ... the next sweep doesn't.
    due = {"at": cursor["at"], "swept": earlier(cursor, SWEEP_EVERY + 1)["swept"]}
    assert "LATE" in [p.body["default_code"] for p in shop.read("products", due)[0]]


def test_5_stock_changes_are_seen_although_the_product_is_untouched(
    shop: World, answers: Answers
) -> None:
    assert 41 in of(answers, "054")
    _, stock = shop.read("stock", {})
    before = {p["id"]: p["write_date"] for p in shop.rows("product.product")}
    shop.sim.control("stock", {"sku": "22423", "location": "S01", "quantity": 7})
    assert {p["id"]: p["write_date"] for p in shop.rows("product.product")} == before
    told = {r.external_id: r.body["on_hand"] for r in shop.read("stock", stock)[0]}
    assert told[f"{shop.ids['22423']}@S01"] == 7


def test_6_a_locked_day_is_accountings_move_and_nothing_is_backdated(
    shop: World, answers: Answers
) -> None:
    assert of(answers, "074")[0]["invoice_date"] == "2026-08-15"
    assert of(answers, "074")[0]["date"] == today(), "moved without a word"
    assert of(answers, "077")[0]["date"] == "2026-10-31"
    order = shop.order()
    headers = {"Authorization": "bearer odoo-sim-admin"}
    lock = {"ids": [1], "vals": {"fiscalyear_lock_date": today()}}
    assert shop.sim.call("POST", "/json/2/res.company/write", lock, **headers).status == 200
    body = {"order_id": order, "amount": "35.50", "tender": "card"}
    with pytest.raises(Rejected) as refused:
        write(shop.odoo, "payment", item("xd-p1", body))
    assert (refused.value.code, refused.value.owner) == ("period-closed", "merchant")
    lock["vals"] = {"fiscalyear_lock_date": False}
    shop.sim.call("POST", "/json/2/res.company/write", lock, **headers)
    write(shop.odoo, "payment", resumed(item("xd-p1", body), {}))
    [invoice] = shop.rows("account.move")
    assert invoice["date"] == invoice["invoice_date"] == today()


STATUSES = [
    ("001", AccessRefused, "revoked"),
    ("023", Rejected, "bug"),
    ("069", AccessRefused, "scope-missing"),
    ("055", Rejected, "reference-missing"),
    ("061", AccessRefused, "version-changed"),
    ("062", AccessRefused, "version-changed"),
    ("063", Rejected, "version-changed"),
    ("014", Rejected, "rejected"),
    ("019", Rejected, "duplicate-exact"),
    ("031", Rejected, "duplicate-near"),
    ("079", Rejected, "period-closed"),
    ("096", Rejected, "rounding-out-of-tolerance"),
    ("102", Rejected, "not-ready"),
    ("070", Rejected, "bug"),
    ("057-err-unknown-field", Rejected, "unknown-field-type"),
    ("064", Rejected, "unknown-field-type"),
]


@pytest.mark.parametrize(("number", "kind", "code"), STATUSES)
def test_7_each_recorded_refusal_has_its_error_and_its_move(
    number: str, kind: type[Exception], code: str
) -> None:
    exchange = next(e for e in recorded() if e["nr"].startswith(number))
    raw = msgspec.json.encode(exchange["response"])
    error = refusal(Response(exchange["status"], {}, raw), reading=False)
    assert type(error) is kind
    assert error.code == code
    assert ":" in str(error) and "traceback" not in f"{error}{error.detail}".lower()


def test_7_an_error_that_is_not_odoos_own_leaves_the_outcome_open(shop: World) -> None:
    body = shop.order_body()
    for fault in ("error_after_effect", "html"):
        shop.arm(fault, match="sale.order/create", count=1)
        with pytest.raises(OutcomeUnknown):
            write(shop.odoo, "order", item(f"xd-{fault}", body))
    shop.arm("down", match="sale.order/create", count=1)
    with pytest.raises(Unavailable):
        write(shop.odoo, "order", item("xd-down", body))
    shop.arm("rate_limit", match="sale.order/create", count=1)
    with pytest.raises(Unavailable) as slower:
        write(shop.odoo, "order", item("xd-429", body))
    assert slower.value.retry_after == 1
    shop.arm("error", match="search_read", count=1)
    with pytest.raises(Unavailable):
        shop.odoo.look_up("order", item("xd-o1", {}))
    assert [o["client_order_ref"] for o in shop.rows("sale.order")] == ["xd-error_after_effect"]


def test_7_a_batch_is_stored_whole_or_not_at_all(shop: World, answers: Answers) -> None:
    assert of(answers, "105")["name"] == "odoo.exceptions.MissingError"
    good = item("xd-s1", shop.receipt_body())
    bad = shop.receipt_body("S01-1-8")
    bad["lines"][0]["product_id"] = "999999"
    with pytest.raises(Rejected):
        shop.odoo.write_batch("pos_sale", [good, item("xd-s2", bad)])
    assert shop.rows("pos.order") == []
    assert shop.stock("22423", "S01") == (20, 0)
    # The hub tries them apart.
    assert write(shop.odoo, "pos_sale", good).external_id
    assert len(shop.rows("pos.order")) == 1


def test_7_a_deleted_record_is_said_to_be_gone(shop: World, answers: Answers) -> None:
    assert of(answers, "065") == []
    body = {"order_id": "999999", "amount": "1.00", "tender": "card"}
    with pytest.raises(Rejected, match="gone from Odoo"):
        write(shop.odoo, "payment", item("xd-p1", body))


def test_8_a_receipt_sent_twice_is_there_once(shop: World, answers: Answers) -> None:
    first, again = of(answers, "087")["pos.order"], of(answers, "088")["pos.order"]
    assert first[0]["id"] == again[0]["id"]
    wanted = item("xd-s1", shop.receipt_body())
    ids = {write(shop.odoo, "pos_sale", wanted).external_id for _ in range(3)}
    assert len(ids) == len(shop.rows("pos.order")) == 1
    assert shop.stock("84879", "S01") == (27, 0)
    assert not shop.rows("pos.order")[0]["to_invoice"], "invoicing here would need wkhtmltopdf"
    # The same receipt with another content is a conflict, never a second receipt.
    other = shop.receipt_body(lines=[shop.line("BOOK", 1, "8.00", "0", "VAT0")], total="8.00")
    other |= {"tax": "0", "tenders": [{"tender": "cash", "amount": "8.00"}]}
    with pytest.raises(Rejected) as conflict:
        write(shop.odoo, "pos_sale", item("xd-s1", other))
    assert conflict.value.code == "replay-conflict"


def test_9_unsigned_webhooks_are_not_believed(answers: Answers) -> None:
    assert of(answers, "110") == [1]
    push = WebhookRequest("POST", {}, "", b'{"_id": 11, "_model": "product.product"}')
    verdict = Odoo.webhook(push, [{"api_key": "k"}])
    assert verdict.status == 404 and not verdict.heard
    assert all(s.poll_every and not s.push for s in Odoo.manifest.streams)
