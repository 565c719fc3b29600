"""The answer never came: it is looked up, never sent again blind, and never guessed."""

from __future__ import annotations

import pytest

from hub.sync import poll
from hub.sync.identity import reference
from hub.sync.models import Attempt, Delivery
from hub.sync.sql import execute, rows
from tests.sync.retail import PRICE, Retail

pytestmark = [pytest.mark.xdist_group("retail-unknown"), pytest.mark.slow]

#: Every call by which an order and its money change the ERP.
WRITES = [
    "res.partner/load", "sale.order/create", "sale.order/action_confirm",
    "sale.advance.payment.inv/create_invoices", "account.move/action_post",
    "account.payment.register/action_create_payments",
]  # fmt: skip


def test_an_erp_that_hangs_up_after_every_write_has_exactly_one_of_everything(
    retail: Retail,
) -> None:
    numbers = [
        retail.order(retail.article(), customer={"email": f"n{n}@example.com", "first_name": "N",
                                                 "last_name": str(n), "country": "GB"})
        for n in range(4)
    ]  # fmt: skip
    for match in WRITES:
        retail.fault(retail.erp, "drop_after_effect", match, count=2)
    retail.hear("shop")
    retail.settle(60)
    assert retail.mend(retail.erp)["drop_after_effect"] == 2 * len(WRITES)
    for n, number in enumerate(numbers):
        assert [(o["amount_total"], o["state"]) for o in retail.orders_of(number)] == [(3, "sale")]
        assert [(i["state"], i["payment_state"]) for i in retail.invoices_of(number)] == [
            ("posted", "paid")
        ]
        people = retail.odoo("res.partner", "search_count",
                             domain=[["email", "=", f"n{n}@example.com"]])  # fmt: skip
        assert people == 1
    paid = retail.odoo("account.payment", "search_read", domain=[], fields=["memo", "amount"])
    assert len({p["memo"] for p in paid}) == len(paid) == 4
    assert retail.open_exceptions() == {}


def test_the_attempts_tell_the_story(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.fault(retail.erp, "drop_after_effect", "sale.order/create", count=1)
    retail.hear("shop")
    retail.settle()
    record = retail.record("order", number)
    assert [o for o, _ in retail.tried("order", record)] == ["unknown", "done"]
    unknown = Attempt.objects.filter(record_id=record.id).earliest("id")
    assert unknown.owner == "platform"
    assert unknown.message.endswith(".")
    assert "sent" in unknown.exchange, "what was sent is kept for the person who looks"


def test_tills_receipts_sent_twice_in_a_batch_are_there_once(retail: Retail) -> None:
    sku = retail.article()
    receipts = [
        {"kind": "sale", "store": "S01", "till": 1, "at": "2026-11-20T10:00:00",
         "number": f"S01-1-{n}", "lines": [{"sku": sku, "text": sku, "qty": 1, "price": PRICE}]}
        for n in range(5)
    ]  # fmt: skip
    retail.tills.control("receipts", receipts)
    retail.fault(retail.erp, "drop_after_effect", "pos.order/sync_from_ui", count=1)
    retail.hear("tills")
    retail.settle()
    assert retail.mend(retail.erp)["drop_after_effect"] >= 1
    stored = retail.odoo("pos.order", "search_read", fields=["amount_total"],
                         domain=[["general_customer_note", "like", "S01-1-"]])  # fmt: skip
    assert [o["amount_total"] for o in stored] == [3.0] * 5


def test_absence_counts_only_after_the_settling_time(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.fault(retail.erp, "unplugged", "sale.order/create", count=1)
    retail.hear("shop")
    record = retail.record("order", number)
    attempt = Attempt.objects.get(record_id=record.id)
    assert attempt.outcome == "unknown"
    (next_at,) = rows(
        "SELECT next_at FROM sync_work w JOIN sync_delivery d ON d.id = w.delivery_id"
        " WHERE d.record_id = %s AND d.resource = 'order'", [record.id],
    )[0]  # fmt: skip
    assert (next_at - attempt.ended_at).total_seconds() > 1.9
    retail.settle()
    assert len(retail.orders_of(number)) == 1
    assert [o for o, _ in retail.tried("order", record)] == ["unknown", "done"]


def test_what_is_in_doubt_goes_again_with_the_same_bytes_and_then_the_newest(
    retail: Retail,
) -> None:
    """Rule 4.1: a newer version wanted meanwhile waits until the older one's outcome is known."""
    number = retail.order(retail.article())
    retail.fault(retail.erp, "unplugged", "sale.order/create", count=1)
    retail.hear("shop")
    record = retail.record("order", number)
    before = retail.delivery("order", record)
    assert (before.sending_version, before.uncertain) == (1, True)

    retail.woo(f"orders/{number}", "PUT", {"customer_note": "newer"})
    retail.hear("shop")
    meanwhile = retail.delivery("order", record)
    assert meanwhile.wanted == 2
    frozen = ("sending_version", "sending_key", "sending_hash", "sending_body")
    for name in frozen:
        assert getattr(meanwhile, name) == getattr(before, name), name
    retail.settle()
    assert [v for _, v in retail.tried("order", record)] == [1, 1, 2]
    after = retail.delivery("order", record)
    assert (after.delivered, after.sending_version, after.uncertain) == (2, None, False)
    assert len(retail.orders_of(number)) == 1


def test_found_at_the_target_means_the_version_that_was_sent_and_the_newer_goes_after(
    retail: Retail,
) -> None:
    number = retail.order(retail.article())
    retail.fault(retail.erp, "drop_after_effect", "sale.order/action_confirm", count=1)
    retail.hear("shop")
    record = retail.record("order", number)
    assert retail.delivery("order", record).sending_version == 1
    retail.woo(f"orders/{number}", "PUT", {"customer_note": "newer"})
    retail.hear("shop")
    retail.settle()
    tried = retail.tried("order", record)
    assert [v for _, v in tried] == [1, 1, 2]
    assert [o for o, _ in tried][:2] == ["unknown", "adopted"]
    assert len(retail.orders_of(number)) == 1


def test_two_that_bear_our_reference_are_a_persons_decision(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.fault(retail.erp, "drop_after_effect", "sale.order/create", count=1)
    retail.hear("shop")
    record = retail.record("order", number)
    ours = reference(record.environment_id, record.id)
    borne = [["client_order_ref", "=", ours]]
    (one,) = retail.odoo("sale.order", "search_read", domain=borne, fields=["partner_id"])
    retail.odoo("sale.order", "create", vals_list=[
        {"partner_id": one["partner_id"][0], "client_order_ref": ours}
    ])  # fmt: skip
    retail.settle()
    delivery = retail.delivery("order", record)
    assert delivery.problem == Delivery.Problem.DEAD
    assert sum(retail.open_exceptions().values()) == 1
    both = retail.odoo("sale.order", "search_read", domain=borne, fields=["state"])
    assert [o["state"] for o in both] == ["draft", "draft"], "neither was picked, no third made"


def test_an_order_shipped_before_we_know_that_it_arrived_is_still_one(retail: Retail) -> None:
    """The ERP hangs up after taking the order; its warehouse ships at once, and we hear of the
    delivery of an order we don't know yet before we have looked our own order up."""
    number = retail.order(retail.article())
    retail.fault(retail.erp, "drop_after_effect", "sale.order/action_confirm", count=1)
    retail.hear("shop")
    assert retail.orders_of(number)[0]["state"] == "sale"
    retail.erp.control("ship", {})
    execute("UPDATE sync_checkpoint SET next_at = now() + interval '1 hour'")
    execute("UPDATE sync_checkpoint SET next_at = now() WHERE stream = 'deliveries'")
    poll.poll(retail.connection("erp").id)
    retail.work_inbox()
    retail.settle()
    retail.hear("erp")
    retail.settle()
    assert retail.open_exceptions() == {} and retail.problems() == []
    assert len(retail.orders_of(number)) == 1
    assert retail.woo(f"orders/{number}")["status"] == "completed", "the shipment found its order"
    assert retail.invoices_of(number)[0]["payment_state"] == "paid"


def test_a_payment_whose_reading_back_met_an_outage_is_not_made_twice_nor_refused(
    retail: Retail,
) -> None:
    """The call that failed did nothing; the one before it had made the payment."""
    number = retail.order(retail.article())
    retail.hear("shop")
    retail.settle()
    other = retail.order(retail.article())
    paid = "account.payment.register/action_create_payments"
    retail.fault(retail.erp, "down", "account.move/read", count=1, after=paid)
    retail.hear("shop")
    retail.settle()
    assert retail.mend(retail.erp).get("down") == 1
    assert retail.open_exceptions() == {}
    for one in (number, other):
        assert [i["payment_state"] for i in retail.invoices_of(one)] == ["paid"]
    memos = [p["memo"] for p in retail.odoo("account.payment", "search_read", domain=[],
                                            fields=["memo"])]  # fmt: skip
    assert len(memos) == len(set(memos))
