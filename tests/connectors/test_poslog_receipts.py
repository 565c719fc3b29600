"""What a receipt amounts to, whoever's till wrote it: told to the cent, or told why not."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from connectors.poslog.connector import PosLog
from connectors.poslog.elements import Misread, number_of
from connectors.poslog.simulator.dialects import DIALECTS, Item, Written, file_of
from connectors.poslog.transaction import PATH
from connectors.sdk.errors import Unreadable
from connectors.sdk.files.xmlcut import cut
from connectors.sdk.records import Heard, Json, Nothing, SourceRecord
from connectors.sdk.testing.plain_http import PlainHttp
from hub.canonical.validate import validate
from hub.connections.config import with_defaults
from hub.mappings.rules import compile_to_canonical
from hub.mappings.selectors import shipped_rules

CANDLE = Item("A1", "Kerze & Co", "2", "3.90")
CUP = Item("B2", "Tasse groß", "1", "12.00")
SALE = Written(17, [CANDLE, CUP])


def understood(dialect: str, written: Written, **config: Any) -> SourceRecord | Nothing:
    """What one transaction says. Raises Unreadable."""
    settings = with_defaults(PosLog.manifest, {"zone": "Europe/Berlin", **config})
    connector = PosLog(config=settings, secrets={}, http=PlainHttp())
    (one,) = cut("log.xml", file_of(dialect, [written]), PATH)
    found = connector.understand(Heard("transaction", "x", one.body, {"file": "log.xml"}))
    assert isinstance(found, SourceRecord | Nothing)
    return found


def body_of(dialect: str, written: Written, **config: Any) -> Json:
    found = understood(dialect, written, **config)
    assert isinstance(found, SourceRecord), found
    return found.body


def mapped(record: SourceRecord) -> dict[str, list[Json]]:
    """Canonical contents by entity, each valid to the cent."""
    made: dict[str, list[Json]] = {}
    for entity in ("sale", "return", "stock_movement"):
        mapping = compile_to_canonical(shipped_rules("poslog", f"transaction.{entity}"), {})
        for one in mapping.run(json.loads(json.dumps(record.body))):
            content = one.bind(lambda ref: ref.external_id and f"{ref.object}/{ref.external_id}")
            assert validate(entity, content) == []
            made.setdefault(entity, []).append(content)
    return made


def record(dialect: str, written: Written, **config: str) -> SourceRecord:
    found = understood(dialect, written, **config)
    assert isinstance(found, SourceRecord), found
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_sale_is_the_same_in_every_dialect(dialect: str) -> None:
    (sale,) = mapped(record(dialect, SALE))["sale"]
    assert sale["number"] == "S01-1-2024-08-08-17"
    assert (sale["location"], sale["register"]) == ("S01", "1")
    assert sale["sold_at"].startswith("2024-08-08T07:15:12") and sale["currency"] == "EUR"
    assert [(line["sku"], line["qty"], line["unit_price"]["amount"]) for line in sale["lines"]] == [
        ("A1", "2", "3.90"),
        ("B2", "1", "12.00"),
    ]
    assert sale["lines"][0]["description"] == "Kerze & Co"
    total = sum(Decimal(t["amount"]["amount"]) for t in sale["tenders"])
    assert total == Decimal(sale["totals"]["grand_total"]["amount"])


def test_tax_within_the_prices_is_shared_among_the_lines() -> None:
    """roqqio states it for the receipt; the rate is the plainest that makes it."""
    (sale,) = mapped(record("roqqio", SALE))["sale"]
    assert sale["tax_included"] is True
    taxed = [(line["net"]["amount"], line["taxes"][0]) for line in sale["lines"]]
    assert [(net, tax["amount"]["amount"], tax["code"]) for net, tax in taxed] == [
        ("6.55", "1.25", "19"),
        ("10.08", "1.92", "19"),
    ]
    assert sale["totals"]["tax"]["amount"] == "3.17"


def test_mixed_tax_is_not_given_a_rate_that_nobody_uses() -> None:
    mixed = Written(17, [replace(CANDLE, price="10.00"), replace(CUP, price="10.00", percent="7")])
    guessed = body_of("roqqio", mixed)["sale"]["rates"]
    known = body_of("roqqio", mixed, rates=["19", 7])["sale"]["rates"]
    assert [rate["code"] for rate in known] == ["mixed"] != [rate["code"] for rate in guessed]
    assert sum(Decimal(rate["tax"]) for rate in known) == Decimal("3.84")


def test_tax_of_every_line_is_taken_as_told() -> None:
    rates = Written(17, [CANDLE, replace(CUP, percent="7")])
    (sale,) = mapped(record("visma", rates))["sale"]
    assert [line["taxes"][0]["code"] for line in sale["lines"]] == ["T19", "T7"]
    assert sale["totals"] == {
        "net": {"amount": "17.76", "currency": "EUR"},
        "tax": {"amount": "2.04", "currency": "EUR"},
        "grand_total": {"amount": "19.80", "currency": "EUR"},
    }


def test_sales_tax_on_top_stays_on_the_receipt() -> None:
    (sale,) = mapped(record("ncr", SALE))["sale"]
    assert sale["tax_included"] is False
    assert sale["totals"]["net"]["amount"] == "19.80"
    assert sale["totals"]["grand_total"]["amount"] == "23.56"
    (rate,) = sale["tax_summary"]
    assert (rate["code"], rate["amount"]["amount"], rate["percent"]) == ("1", "3.76", "19")
    assert all(not line.get("taxes") for line in sale["lines"])


@pytest.mark.parametrize("dialect", ["roqqio", "ncr"])
def test_change_is_taken_off_what_was_given(dialect: str) -> None:
    body = body_of(dialect, replace(SALE, given="50.00"))
    (tender,) = body["sale"]["tenders"]
    assert tender == {"kind": "Cash", "amount": body["sale"]["total"]}


def test_cash_back_on_a_card_left_the_drawer() -> None:
    body = body_of("ncr", replace(SALE, tender="CreditDebit", given="43.56"))
    card, cash = body["sale"]["tenders"]
    assert (card["kind"], card["amount"], card["auth"], card["brand"]) == (
        "CreditDebit", "43.56", "365217", "Debit",
    )  # fmt: skip
    assert cash == {"kind": "Cash", "amount": "-20.00"}


@pytest.mark.parametrize(("rounding", "total"), [("0.20", "20.00"), ("-0.30", "19.50")])
def test_cash_rounded_to_a_coin(rounding: str, total: str) -> None:
    (sale,) = mapped(record("visma", replace(SALE, rounding=rounding)))["sale"]
    assert sale["totals"]["rounding"]["amount"] == rounding
    assert sale["totals"]["grand_total"]["amount"] == total


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_line_taken_back_counts_for_nothing(dialect: str) -> None:
    void = Written(17, [CANDLE, replace(CUP, void=True)])
    (sale,) = mapped(record(dialect, void))["sale"]
    assert [line["sku"] for line in sale["lines"]] == ["A1"]


def test_taking_back_what_was_never_rung_up_is_told() -> None:
    lonely = Written(17, [CANDLE], extra=(
        '<LineItem VoidFlag="true"><SequenceNumber>9</SequenceNumber><Sale><ItemID>Z</ItemID>'
        "<ExtendedAmount>-1</ExtendedAmount><Quantity>-1</Quantity></Sale></LineItem>"
    ))  # fmt: skip
    with pytest.raises(Unreadable, match="takes back Z, and no line before it sold that"):
        understood("ncr", lonely)


# ------------------------------------------------------------------ goods that come back


def test_a_return_points_to_the_receipt_it_came_from() -> None:
    back = Item("A1", "Kerze", "-1", "3.90", original=("2024-08-07", "12"))
    (ret,) = mapped(record("roqqio", Written(18, [back])))["return"]
    assert ret["original"]["record"] == "sale/S01-1-2024-08-07-12"
    assert ret["lines"][0]["order_line"] == "1" and ret["lines"][0]["qty"] == "1"
    assert ret["totals"]["grand_total"]["amount"] == "3.90"
    assert ret["tenders"][0]["amount"]["amount"] == "3.90"


@pytest.mark.parametrize("dialect", ["roqqio", "ncr"])
def test_a_return_without_a_receipt_says_so(dialect: str) -> None:
    back = Written(18, [Item("A1", "Kerze", "-1", "3.90")])
    made = mapped(record(dialect, back))
    assert "sale" not in made
    assert made["return"][0]["unlinked_reason"] == "no receipt was shown"


def test_an_original_without_its_day_is_not_guessed() -> None:
    link = "<TransactionLink><TransactionID>99</TransactionID></TransactionLink>"
    back = Written(18, [Item("A1", "Kerze", "-1", "3.90")], link=link)
    (ret,) = mapped(record("roqqio", back))["return"]
    assert "original" not in ret and "names 99 and not its day" in ret["unlinked_reason"]


@pytest.mark.parametrize("dialect", ["roqqio", "ncr"])
@pytest.mark.parametrize("price", ["12.00", "2.00"])
def test_an_exchange_is_a_sale_and_a_return_that_settle_with_each_other(
    dialect: str, price: str
) -> None:
    back = Item("A1", "Kerze", "-1", "3.90", percent="0", original=("2024-08-07", "12"))
    new = Item("B2", "Tasse", "1", price, percent="0")
    made = mapped(record(dialect, Written(18, [new, back])))
    (sale,), (ret,) = made["sale"], made["return"]
    assert (sale["number"], ret["number"]) == ("S01-1-2024-08-08-18", "S01-1-2024-08-08-18-R1")
    assert sale["totals"]["grand_total"]["amount"] == price
    assert ret["totals"]["grand_total"]["amount"] == "3.90"
    moved = [t["tender"] for t in [*sale["tenders"], *ret["tenders"]]]
    assert sorted(moved) == ["cash", "other", "other"]


def test_goods_of_two_receipts_are_two_returns() -> None:
    items = [Item("A1", "Kerze", "-1", "3.90", original=("2024-08-07", n)) for n in ("12", "13")]
    first, second = mapped(record("roqqio", Written(18, items)))["return"]
    assert first["original"] != second["original"]
    assert [r["tenders"][0]["amount"]["amount"] for r in (first, second)] == ["3.90", "3.90"]
    assert (first["number"], second["number"]) == (
        "S01-1-2024-08-08-18-R1",
        "S01-1-2024-08-08-18-R2",
    )


# ------------------------------------------------------------------ undone, put aside, no receipt

VOID_LINK = (
    '<TransactionLink ReasonCode="Voided"><RetailStoreID>S01</RetailStoreID><WorkstationID>1'
    "</WorkstationID><SequenceNumber>17</SequenceNumber><BusinessDayDate>2024-08-08"
    "</BusinessDayDate></TransactionLink>"
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_receipt_undone_after_payment_gives_everything_back(dialect: str) -> None:
    again = record(dialect, replace(SALE, status="PostVoided"))
    (ret,) = mapped(again)["return"]
    assert ret["original"]["record"] == "sale/S01-1-2024-08-08-17"
    assert ret["number"] == "S01-1-2024-08-08-17-V"
    assert [line["sku"] for line in ret["lines"]] == ["A1", "B2"]
    (sale,) = mapped(record(dialect, SALE))["sale"]
    assert ret["totals"] == sale["totals"] and "sale" not in mapped(again)


def test_a_receipt_that_undoes_another_has_its_own_number() -> None:
    (ret,) = mapped(record("ncr", replace(SALE, sequence=19, link=VOID_LINK)))["return"]
    assert ret["number"] == "S01-1-2024-08-08-19"
    assert ret["original"]["record"] == "sale/S01-1-2024-08-08-17"


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("Suspended", "put aside; its receipt comes when it is resumed"),
        ("SuspendedRetrieved", "taken up again"),
        ("SuspendedDeleted", "given up"),
        ("Canceled", "given up before it was paid"),
        ("TransactionVoided", "voided before it was finished"),
        ("InProcess", "not finished"),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_sold_nothing_is_nothing_with_its_reason(dialect: str, status: str, why: str) -> None:
    found = understood(dialect, replace(SALE, status=status))
    assert isinstance(found, Nothing) and why in found.why and "S01-1-2024-08-08-17" in found.why


def test_a_resumed_receipt_is_a_sale() -> None:
    link = VOID_LINK.replace("Voided", "Resume")
    assert "sale" in mapped(record("ncr", replace(SALE, status="Resumed", link=link)))


@pytest.mark.parametrize("attribute", ['TrainingModeFlag="true"', 'CancelFlag="true"'])
def test_training_and_cancelled_transactions_sell_nothing(attribute: str) -> None:
    found = understood("ncr", replace(SALE, attributes=" " + attribute))
    assert isinstance(found, Nothing)


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ("<ControlTransaction><ReasonCode>Valid SignOn</ReasonCode><OperatorSignOn/>"
         "</ControlTransaction>", "ControlTransaction OperatorSignOn (Valid SignOn)"),
        ("<TenderControlTransaction><PaidOut><Amount>5</Amount></PaidOut>"
         "</TenderControlTransaction>", "TenderControlTransaction PaidOut"),
        ("<InventoryControlTransaction><InventoryCount/></InventoryControlTransaction>",
         "InventoryControlTransaction InventoryCount"),
    ],
)  # fmt: skip
def test_control_transactions_are_nothing(inner: str, why: str) -> None:
    found = understood("ncr", replace(SALE, inner=inner))
    assert isinstance(found, Nothing) and why in found.why


def test_goods_lost_are_stock_movements() -> None:
    loss = (
        "<InventoryControlTransaction>"
        '<InventoryLoss TypeCode="Breakage"><ItemID>B2</ItemID><Quantity>1,5</Quantity>'
        "</InventoryLoss><InventoryLoss><ItemID>A1</ItemID></InventoryLoss>"
        "</InventoryControlTransaction>"
    )
    first, second = mapped(record("roqqio", replace(SALE, inner=loss)))["stock_movement"]
    assert (first["sku"], first["qty"], first["from_location"], first["reason"]) == (
        "B2", "1.5", "S01", "damage",
    )  # fmt: skip
    assert second["number"] == "S01-1-2024-08-08-17/2" and second["qty"] == "1"
    assert len(mapped(record("ncr", replace(SALE, status="Waste")))["stock_movement"]) == 2


# ------------------------------------------------------------------ discounts, deposits, numbers


def test_money_off_by_a_loyalty_programme_is_counted_once() -> None:
    reward = (
        '<LineItem><SequenceNumber>{0}</SequenceNumber><LoyaltyReward acs:{1}="true">'
        "<PromotionID>5123</PromotionID><acs:RewardCategory>{2}</acs:RewardCategory>"
        "<acs:ExtendedRewardAmount>{3}</acs:ExtendedRewardAmount></LoyaltyReward></LineItem>"
    )
    extra = "".join(
        reward.format(*row)
        for row in (
            (51, "detailedData", "Monetary", "-0.50"),
            (52, "detailedData", "Monetary", "-0.50"),
            (53, "summarizedActivity", "Monetary", "-1.00"),
            (54, "summarizedActivity", "Points", "107"),
        )
    )
    cheap = Written(17, [replace(CUP, percent="0")], extra=extra, grand="11.00")
    assert [(line["kind"], line["amount"]) for line in body_of("ncr", cheap)["sale"]["lines"]] == [
        ("item", "12.00"),
        ("discount", "-1.00"),
    ]
    with pytest.raises(Unreadable, match=r"12\.50 was due, but its lines make 11\.00"):
        understood("ncr", replace(cheap, grand="12.50"))


def test_a_bottle_paid_back_is_a_deposit_and_no_return() -> None:
    bottle = (
        '<LineItem><SequenceNumber>7</SequenceNumber><Sale ItemType="acs:NegativeItem">'
        "<ItemID>54409</ItemID><Description>BOTTLE</Description><RegularSalesUnitPrice>2.00"
        "</RegularSalesUnitPrice><ExtendedAmount>-2.00</ExtendedAmount><Quantity>1</Quantity>"
        "</Sale></LineItem>"
    )
    cup = Item("B2", "Tasse", "1", "12.00", percent="0")
    body = body_of("ncr", Written(17, [cup], extra=bottle, grand="10.00"))
    line = body["sale"]["lines"][1]
    assert (line["kind"], line["qty"], line["unit_price"], line["net"]) == (
        "deposit", "-1", "2.00", "-2.00",
    )  # fmt: skip


def test_the_article_number_a_merchant_goes_by_is_chosen() -> None:
    assert body_of("visma", SALE)["sale"]["lines"][0]["sku"] == "A1"
    assert body_of("visma", SALE, sku_from="RSID")["sale"]["lines"][0]["sku"] == "R-A1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", "1.5"), ("1,5", "1.5"), ("1,000", "1.000"), ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"), ("-2,990", "-2.990"), ("\u22125", "-5"), ("1 234,5", "1234.5"),
    ],
)  # fmt: skip
def test_numbers_as_tills_write_them(text: str, value: str) -> None:
    assert number_of(text, "x") == Decimal(value)


@pytest.mark.parametrize("text", ["", "1.2.3", "EUR 5", "1e5", "NaN", "--5"])
def test_what_is_no_number_is_told(text: str) -> None:
    with pytest.raises(Misread):
        number_of(text, "Amount")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"currency": ""}, "names no currency"),
        ({"store": ""}, "store, workstation or sequence number is missing"),
        ({"day": "08/08/2024"}, "time is none"),
        ({"status": "Enchanted"}, "status 'Enchanted' is none we know"),
        ({"items": [], "grand": "5.00"}, "no line says what for"),
    ],
)
def test_what_is_missing_is_named(change: dict[str, object], why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        understood("ncr", replace(SALE, **change))  # type: ignore[arg-type]


def test_a_local_time_in_winter_and_in_summer() -> None:
    winter = record("ncr", replace(SALE, day="2024-12-08"))
    assert mapped(winter)["sale"][0]["sold_at"] == "2024-12-08T08:15:12.000Z"
    twice = record("ncr", replace(SALE, day="2024-10-27", time="02:30:00"))
    assert mapped(twice)["sale"][0]["sold_at"] == "2024-10-27T00:30:00.000Z"


PRICES = some.decimals("0.01", "999.99", places=2).map(str)
ITEMS = some.lists(
    some.builds(
        Item,
        sku=some.sampled_from(["A1", "B2", "C3"]),
        text=some.just("x"),
        qty=some.integers(1, 9).map(str),
        price=PRICES,
        percent=some.sampled_from(["0", "7", "19"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(
    items=ITEMS,
    dialect=some.sampled_from(["roqqio", "visma"]),
    status=some.sampled_from(["", "PostVoided"]),
)
def test_any_receipt_adds_up_to_the_cent(items: list[Item], dialect: str, status: str) -> None:
    """Every content is checked by the model's own rules in `mapped`."""
    made = mapped(record(dialect, Written(1, items, status=status)))
    (one,) = made["return" if status else "sale"]
    said = sum((item.amount for item in items), Decimal(0))
    assert Decimal(one["totals"]["grand_total"]["amount"]) == said
