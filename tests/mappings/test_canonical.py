"""Canonical content is sound, adds up, and is always the same bytes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hub.canonical.validate import (
    SCHEMA,
    content_hash,
    encode,
    facet,
    groups_of,
    upcast,
    validate,
)


def gbp(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "GBP"}


ORDER: dict[str, Any] = {
    "number": "727",
    "channel": "web",
    "currency": "GBP",
    "placed_at": "2011-08-08T09:15:00.000Z",
    "tax_included": True,
    "order_state": "confirmed",
    "payment_state": "paid",
    "lines": [
        {
            "id": "1", "seq": 0, "description": "Lantern", "sku": "22423", "qty": "2",
            "unit_price": gbp("6.00"), "net": gbp("10.00"),
            "taxes": [{"code": "VAT20", "amount": gbp("2.00")}],
        },
        {
            "id": "2", "seq": 1, "description": "Book", "qty": "1",
            "unit_price": gbp("5.00"), "net": gbp("5.00"),
        },
    ],
    "totals": {"net": gbp("15.00"), "tax": gbp("2.00"), "grand_total": gbp("17.00")},
}  # fmt: skip


def changed(**at: Any) -> dict[str, Any]:
    """The order with values replaced; ``lines__0__qty=x`` reaches inside."""
    made = copy.deepcopy(ORDER)
    for path, value in at.items():
        *way, last = [int(p) if p.isdigit() else p for p in path.split("__")]
        spot: Any = made
        for step in way:
            spot = spot[step]
        spot[last] = value
    return made


def found(content: dict[str, Any], entity: str = "order", **kw: bool) -> list[tuple[str, str]]:
    return [(p.path, p.code) for p in validate(entity, content, **kw)]


def test_a_sound_order() -> None:
    assert validate("order", ORDER) == []


def test_every_problem_of_the_structure_is_named() -> None:
    content = changed(
        lines__0__qty=2,
        lines__1__taxes=[{"code": "VAT20", "amount": {"amount": "1.0.0", "currency": "pounds"}}],
        order_state="shipped",
        placed_at="yesterday",
        colour="red",
        tax_included="yes",
        customer={"entity": "customer", "record": 7},
        ext={"woo": []},
    )
    del content["channel"], content["totals"]["tax"]
    assert set(found(content)) == {
        ("lines[0].qty", "type-mismatch"),
        ("lines[1].taxes[0].amount.amount", "type-mismatch"),
        ("lines[1].taxes[0].amount.currency", "type-mismatch"),
        ("order_state", "unmapped-value"),
        ("placed_at", "type-mismatch"),
        ("colour", "type-mismatch"),
        ("tax_included", "type-mismatch"),
        ("customer.record", "type-mismatch"),
        ("ext.woo", "type-mismatch"),
        ("channel", "missing-required"),
        ("totals.tax", "missing-required"),
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"totals__grand_total": gbp("17.02")}, []),
        ({"totals__grand_total": gbp("17.03")}, ["totals.grand_total"]),
        ({"lines__1__net": gbp("5.02")}, []),
        ({"lines__1__net": gbp("5.03")}, ["totals.net"]),
        ({"lines__0__taxes__0__amount": gbp("1.97")}, ["totals.tax"]),
        ({"tax_summary": [{"code": "VAT20", "amount": gbp("3.00")}]}, ["totals.tax"]),
    ],
)
def test_totals_may_be_off_by_a_minor_unit_per_line(change: Any, problem: list[str]) -> None:
    expected = [(path, "rounding-out-of-tolerance") for path in problem]
    assert found(changed(**change)) == expected


def test_a_currency_without_cents_has_a_coarser_unit() -> None:
    text = encode("order", ORDER).decode().replace('"GBP"', '"JPY"')
    import msgspec

    content = msgspec.json.decode(text)
    content["totals"]["grand_total"]["amount"] = "19"
    assert found(content) == []
    content["totals"]["grand_total"]["amount"] = "20"
    assert found(content) == [("totals.grand_total", "rounding-out-of-tolerance")]


def test_two_currencies_never_meet_in_one_document() -> None:
    euro = {"amount": "5.00", "currency": "EUR"}
    assert found(changed(lines__1__net=euro)) == [("lines[1].net", "currency-mismatch")]
    refund = {
        "number": "R1",
        "order": {"entity": "order", "record": "r"},
        "amount": gbp("1.00"),
        "tax": euro,
        "refunded_at": "2011-08-08T09:15:00Z",
    }
    assert found(refund, "refund") == [("tax", "currency-mismatch")]


def test_a_sale_is_paid_by_its_tenders() -> None:
    sale = changed(
        location="S01", register="1", sold_at="2011-08-08T09:15:00Z", business_date="2011-08-08",
        tenders=[
            {"tender": "cash", "amount": gbp("10.00")}, {"tender": "card", "amount": gbp("7.00")},
        ],
    )  # fmt: skip
    for name in ("channel", "placed_at", "order_state", "payment_state"):
        del sale[name]
    assert found(sale, "sale") == []
    sale["tenders"].pop()
    assert found(sale, "sale") == [("tenders", "rounding-out-of-tolerance")]


def test_a_return_adds_up_where_it_says_sums() -> None:
    line = {"qty": "1", "net": gbp("5.00")}
    goods = {
        "number": "T1", "currency": "GBP", "returned_at": "2011-08-08T09:15:00Z", "lines": [line],
        "totals": {"net": gbp("5.00"), "tax": gbp("1.00"), "grand_total": gbp("6.00")},
    }  # fmt: skip
    assert found(goods, "return") == []
    goods["lines"] = [{**line, "net": gbp("4.00")}]
    assert found(goods, "return") == [("totals.net", "rounding-out-of-tolerance")]


def test_one_source_may_say_only_part_of_a_record() -> None:
    part = {"fulfilment_state": "fulfilled"}
    assert ("number", "missing-required") in found(part)
    assert found(part, partial=True) == []
    assert found({"fulfilment_state": "gone"}, partial=True) == [
        ("fulfilment_state", "unmapped-value")
    ]


def test_an_unknown_entity_is_a_problem_not_a_crash() -> None:
    assert found({}, "spaceship") == [("", "type-mismatch")]


def test_equal_content_is_equal_bytes_whatever_the_order_of_keys() -> None:
    backwards = dict(reversed(ORDER.items()))
    assert encode("order", backwards) == encode("order", ORDER)
    assert content_hash(encode("order", backwards)) == content_hash(encode("order", ORDER))
    assert len(content_hash(b"")) == 16
    other = changed(notes=None)
    assert encode("order", other) != encode("order", ORDER), "a cleared field is said, not lost"


def test_fields_belong_to_the_groups_that_are_owned() -> None:
    assert groups_of("product")["media"] == "marketing"
    assert groups_of("product")["title"] == "core"
    assert facet("product", {"title": "Lantern", "media": [], "tax": None}) == {
        "core": {"title": "Lantern"},
        "marketing": {"media": []},
        "tax": {"tax": None},
    }


def test_content_of_an_unknown_schema_is_not_compared_by_chance() -> None:
    assert upcast("order", ORDER, SCHEMA) is ORDER
    with pytest.raises(LookupError):
        upcast("order", ORDER, "0.9")
