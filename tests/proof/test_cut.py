"""The story's input: what the extract holds and what the rule makes of it."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest

from hub.proof import cut, extract
from hub.proof.stage import EXTRACT, HERE


@pytest.fixture(scope="module")
def rows() -> list[cut.Row]:
    return cut.read(EXTRACT)


@pytest.fixture(scope="module")
def plan(rows: list[cut.Row]) -> cut.Plan:
    return cut.plan(rows)


def test_two_trading_weeks_with_all_their_dirt(rows: list[cut.Row]) -> None:
    assert (min(r.at for r in rows)[:10], max(r.at for r in rows)[:10]) == (
        "2011-08-08",
        "2011-08-21",
    )
    assert any(r.invoice.startswith("C") for r in rows)
    assert any(r.qty < 0 and not r.invoice.startswith("C") for r in rows)
    assert sum(r.sku == "B" for r in rows) == 3
    assert {"POST", "DOT", "C2", "M", "D", "BANK CHARGES"} <= {r.sku for r in rows}
    assert sum(not r.customer for r in rows) > 100
    assert Counter(rows).most_common(1)[0][1] > 1
    codes = {r.sku for r in rows}
    assert any(code != code.upper() and code.upper() in codes for code in codes)


def test_the_extract_is_what_its_own_rule_keeps(rows: list[cut.Row]) -> None:
    assert extract.chosen(rows) == {r.invoice for r in rows}
    assert extract.pack(EXTRACT, extract.chosen(rows)) == EXTRACT.read_bytes()


def test_enough_happens_and_about_a_third_in_the_shop(plan: cut.Plan) -> None:
    assert len(plan.of("sale")) >= 1200
    assert len(plan.of("order")) >= 150
    invoices = {d.invoice for d in plan.of("order", "sale")}
    assert 20 < 100 * len(plan.of("order")) / len(invoices) < 45


def test_the_same_extract_always_tells_the_same_story(rows: list[cut.Row], plan: cut.Plan) -> None:
    again = cut.plan(list(rows))
    assert again.documents == plan.documents
    assert again.opening == plan.opening
    assert again.unknown == plan.unknown


def test_not_a_line_and_not_a_cent_is_lost_by_cutting(rows: list[cut.Row], plan: cut.Plan) -> None:
    def signed(d: cut.Document) -> Decimal:
        return -d.total if d.kind in ("refund", "return") else d.total

    assert sum(len(d.lines) for d in plan.documents) == len(rows)
    assert sum(map(signed, plan.documents)) == sum(r.qty * r.price for r in rows)


def test_receipts_have_one_to_five_lines_in_all_stores(plan: cut.Plan) -> None:
    sales = plan.of("sale")
    assert {len(d.lines) for d in sales} == {1, 2, 3, 4, 5}
    assert {d.store for d in sales} == set(cut.STORES)
    assert all(1 <= d.till <= cut.tills_of(d.store) <= 3 for d in sales)
    assert len({d.number for d in plan.documents}) == len(plan.documents)


def test_tenders_pay_the_receipt(plan: cut.Plan) -> None:
    for d in plan.of("sale", "return"):
        assert sum((amount for _, amount in d.tenders), Decimal(0)) == d.total
    assert {kind for d in plan.of("sale") for kind, _ in d.tenders} == {"cash", "card"}


def test_what_comes_back_was_sold_before_and_only_once(plan: cut.Plan) -> None:
    by_number = {d.number: d for d in plan.documents}
    taken: Counter[tuple[str, int]] = Counter()
    for back in plan.of("refund", "return"):
        if not back.original:
            continue
        original = by_number[back.original]
        assert original.kind == {"refund": "order", "return": "sale"}[back.kind]
        assert original.at <= back.at
        for line in back.lines:
            sold = original.lines[line.origin - 1]
            assert (sold.article, sold.price) == (line.article, line.price)
            taken[back.original, line.origin] += line.qty
            assert taken[back.original, line.origin] <= sold.qty
    assert plan.of("refund")
    assert any(d.original for d in plan.of("return"))
    assert any(not d.original for d in plan.of("return"))


def test_no_shelf_is_ever_short(plan: cut.Plan) -> None:
    stock = Counter(
        {(sku, place): n for sku, places in plan.opening.items() for place, n in places.items()}
    )
    sign = {"order": -1, "sale": -1, "refund": 1, "return": 1, "write_off": 1}
    for d in plan.documents:
        for line in d.lines if d.kind in sign else ():
            if line.article in plan.opening:
                stock[line.article, d.store or cut.WAREHOUSE] += sign[d.kind] * line.qty
                assert stock[line.article, d.store or cut.WAREHOUSE] >= 0


def test_the_unknown_article_is_sold_at_tills_and_nowhere_else(plan: cut.Plan) -> None:
    where = {d.kind for d in plan.documents if plan.unknown in {x.article for x in d.lines}}
    assert where == {"sale"}
    assert plan.products[plan.unknown].kind == "goods"


def test_every_refused_booking_is_an_expected_exception(plan: cut.Plan) -> None:
    rule = json.loads((HERE / "data" / "expected.json").read_text())
    refused = [line for d in plan.of("refused") for line in d.lines]
    assert rule["expected"]["unreadable-line"]["parked"] == len(refused)
    assert {line.article for line in refused} == {"B", "BANK CHARGES"}


@pytest.mark.parametrize(
    ("amount", "code", "tax"),
    [("15.30", "VAT20", "2.55"), ("0.29", "VAT20", "0.05"), ("4.00", "VAT0", "0.00")],
)
def test_tax_is_inside_the_price(amount: str, code: str, tax: str) -> None:
    assert cut.tax_amount(Decimal(amount), code) == Decimal(tax)
