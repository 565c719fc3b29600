"""Available to sell: what the shop may promise, kept true while the ERP hasn't heard yet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hub.sync import availability, normalize
from hub.sync.merge import Known
from hub.sync.models import Binding, Commitment, Delivery, RecordKey
from hub.sync.plan import Rule
from hub.sync.receive import receive_hints
from hub.sync.route import Wanted
from tests.sync.retail import PRICE, Retail

pytestmark = pytest.mark.xdist_group("retail-availability")


def available(sku: str) -> Decimal:
    record = RecordKey.objects.get(entity="stock_level", value=f"{sku.lower()}|available").record
    assert record.content is not None
    return Decimal(json.loads(bytes(record.content))["on_hand"])


def test_it_is_the_sum_of_the_locations_less_the_buffer(retail: Retail) -> None:
    sku = retail.article()
    assert available(sku) == 48
    retail.erp.control("stock", {"sku": sku, "location": "S01", "quantity": 4})
    retail.hear("erp")
    assert available(sku) == 42
    retail.erp.control("stock", {"sku": sku, "location": "CEN", "quantity": 0})
    retail.erp.control("stock", {"sku": sku, "location": "S01", "quantity": 1})
    retail.hear("erp")
    assert available(sku) == 0, "never below zero"
    assert retail.on_shelf(sku)["stock_quantity"] == 0


@pytest.mark.slow
def test_an_order_the_erp_has_not_heard_of_is_taken_off_and_not_given_back(
    retail: Retail,
) -> None:
    """Failure case 29: a push that looks only at the ERP gives back what was just sold."""
    sku = retail.article()
    retail.fault(retail.erp, "down", "sale.order/")
    number = retail.order(sku, qty=5)
    retail.hear("shop")
    assert available(sku) == 43
    assert retail.on_shelf(sku)["stock_quantity"] == 43
    # The ERP counts, knows nothing of the order, and says 41 where it had 40.
    retail.erp.control("stock", {"sku": sku, "location": "CEN", "quantity": 41})
    retail.hear("erp")
    assert retail.on_shelf(sku)["stock_quantity"] == 44
    retail.mend(retail.erp)
    retail.settle()
    retail.hear("erp")
    assert len(retail.orders_of(number)) == 1
    assert not Commitment.objects.filter(sku=sku.lower()).exists(), "the ERP shows it itself now"
    assert retail.on_shelf(sku)["stock_quantity"] == 44


def test_the_commitment_ends_with_a_reading_that_began_after_the_settle(retail: Retail) -> None:
    sku = retail.article()
    retail.order(retail.article())
    retail.hear("shop")
    retail.order(sku, qty=3)
    retail.poll("shop")
    retail.work_inbox()
    assert Commitment.objects.get(sku=sku.lower()).settled_at is None
    retail.hear("erp")
    # The settle itself asked for a reading: no poll was needed.
    assert not Commitment.objects.filter(sku=sku.lower()).exists()
    assert available(sku) == 45


def test_two_workers_changing_two_locations_at_once_end_right(retail: Retail) -> None:
    """E3: each would add up the other's old figure, and nothing would ever correct it."""
    sku, erp = retail.article(), retail.connection("erp").id
    for n in range(3):
        retail.erp.control("stock", {"sku": sku, "location": "CEN", "quantity": 20 + n})
        retail.poll("erp")
        retail.erp.control("stock", {"sku": sku, "location": "S01", "quantity": 5 + n})
        retail.poll("erp")
        retail.together(*[lambda: normalize.drain_inbox(erp, 1)] * 3)
        retail.work()
        assert available(sku) == 20 + n + 5 + n - 2
    assert retail.on_shelf(sku)["stock_quantity"] == 27


def test_a_sale_at_the_till_lowers_the_shop(retail: Retail) -> None:
    sku = retail.article()
    retail.tills.control("receipts", [
        {"kind": "sale", "store": "S01", "till": 1, "at": "2026-11-20T10:00:00",
         "lines": [{"sku": sku, "text": sku, "qty": 4, "price": PRICE}]}
    ])  # fmt: skip
    retail.hear("tills")
    assert available(sku) == 44
    retail.until_quiet()
    assert retail.on_shelf(sku)["stock_quantity"] == 44


RULE = Rule("available", ("CEN", "S01"), Decimal(2), None)  # type: ignore[arg-type]


def line(sku: str, qty: str, **more: object) -> dict[str, object]:
    return {"sku": sku, "qty": qty, **more}


@pytest.mark.parametrize(
    ("entity", "content", "taken"),
    [
        pytest.param(
            "order", {"order_state": "confirmed", "lines": [line("A", "2"), line("a", "1")]},
            {("a", "CEN"): 3}, id="an order ships from the rule's first place",
        ),
        pytest.param(
            "order", {"order_state": "confirmed",
                      "lines": [line("POST", "1", kind="shipping"), line("B", "1", kind="item")]},
            {("b", "CEN"): 1}, id="carriage takes nothing off a shelf",
        ),
        pytest.param("order", {"order_state": "cancelled", "lines": [line("A", "2")]}, {},
                     id="a cancelled order takes nothing"),
        pytest.param("order", {"order_state": "pending", "lines": [line("A", "2")]}, {},
                     id="nor does one nobody paid"),
        pytest.param("sale", {"location": "S01", "lines": [line("A", "2")]}, {("a", "S01"): 2},
                     id="a sale takes where it was sold"),
        pytest.param("return", {"location": "S01", "tenders": [{}],
                                "lines": [line("A", "2"), line("B", "1", restock=False)]},
                     {("a", "S01"): -2}, id="a till's return gives back what is put back"),
        pytest.param("return", {"lines": [line("A", "2")]}, {},
                     id="what a shop takes back counts when the owner shows it"),
        pytest.param("stock_movement", {"from_location": "S01", **line("A", "1")},
                     {("a", "S01"): 1}, id="a write-off takes"),
        pytest.param("payment", {"amount": {}}, {}, id="money takes no goods"),
    ],
)  # fmt: skip
def test_what_a_document_takes(
    entity: str, content: dict[str, object], taken: dict[tuple[str, str], int]
) -> None:
    known = Known(None, entity, "live", 1, None, None, None)  # type: ignore[arg-type]
    wanted = Wanted(None, known, None, content)  # type: ignore[arg-type]
    found = {(t.sku, t.location): int(t.qty) for t in availability.takes(wanted, RULE)}
    assert found == taken


def test_a_reading_that_shows_nothing_new_ends_the_commitment_too(retail: Retail) -> None:
    """A poll had shown the ERP's stock after the sale, but before the sale was settled; the
    reading asked for by the settle then says the same once more."""
    sku, erp = retail.article(), retail.connection("erp")
    retail.hear("erp")
    level = Binding.objects.get(
        connection_id=erp.id, record__keys__value=f"{sku}|CEN".casefold(), role="primary"
    )
    receive_hints(erp.id, "stock", [level.external_id], "first")
    retail.work_inbox()
    delivery = Delivery.objects.filter(resource="product").first()
    assert delivery is not None
    Commitment.objects.create(
        delivery=delivery, environment_id=delivery.environment_id, sku=sku.casefold(),
        location="CEN", qty=3, settled_at=datetime.now(UTC),
    )  # fmt: skip
    receive_hints(erp.id, "stock", [level.external_id], "after the settle")
    retail.work_inbox()
    assert not Commitment.objects.filter(sku=sku.casefold()).exists()
