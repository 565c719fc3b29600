"""Canonical content becomes a target's body, and waits for the ids it can't do without."""

from __future__ import annotations

from typing import Any

import pytest

from hub.mappings.rules import External, MappingError, compile_from_canonical, validate_rules

RULES: dict[str, Any] = {
    "resource": "order",
    "when": {"path": "order_state", "is_not": "draft"},
    "lookups": {"warehouse": {"CEN": 1}},
    "fields": {
        "client_order_ref": "_ref",
        "partner_id": {"call": "int", "args": [{"external": "customer", "object": "partner"}]},
        "carrier": {"external": "carrier", "optional": True},
        "date_order": {"path": "placed_at", "fn": "sql_time"},
        "order_line": {
            "each": "lines",
            "fields": {
                "product_id": {"external": "product", "part": "sku"},
                "qty": {"path": "qty", "fn": "decimal"},
            },
        },
    },
}
CONTENT: dict[str, Any] = {
    "_id": "0190",
    "_ref": "xd-abc-0190",
    "order_state": "confirmed",
    "placed_at": "2011-08-08T09:15:00.000Z",
    "customer": {"entity": "customer", "record": "c1"},
    "carrier": {"entity": "customer", "record": "c2"},
    "lines": [
        {"sku": "A", "qty": "2", "product": {"entity": "product", "record": "p1"}},
        {"sku": "B", "qty": "1", "product": {"entity": "product", "record": "p2"}},
        {"sku": "POST", "qty": "1"},
    ],
}
CUSTOMER = External("c1", "customer", "partner")
CARRIER = External("c2", "customer", "customer", optional=True)
A = External("p1", "product", "product", "A")
B = External("p2", "product", "product", "B")


def test_the_ids_a_body_needs_are_known_before_it_is_rendered() -> None:
    assert compile_from_canonical(RULES).references(CONTENT) == [CUSTOMER, CARRIER, A, B]


def test_a_body_with_all_ids() -> None:
    known = {CUSTOMER: "41", A: "7", B: "8"}
    rendered = compile_from_canonical(RULES).render(CONTENT, known.get)
    assert rendered.missing == []
    assert rendered.body == {
        "client_order_ref": "xd-abc-0190",
        "partner_id": 41,
        "date_order": "2011-08-08 09:15:00",
        "order_line": [
            {"product_id": "7", "qty": "2"},
            {"product_id": "8", "qty": "1"},
            {"qty": "1"},
        ],
    }


def test_every_missing_id_is_named_at_once_except_optional_ones() -> None:
    rendered = compile_from_canonical(RULES).render(CONTENT, {A: "7"}.get)
    assert rendered.missing == [CUSTOMER, B]


def test_a_record_that_does_not_apply_is_known_as_such() -> None:
    mapping = compile_from_canonical(RULES)
    assert mapping.applies(CONTENT)
    assert not mapping.applies({**CONTENT, "order_state": "draft"})


def test_an_id_is_not_guessed_when_the_part_is_unknown() -> None:
    content = {**CONTENT, "lines": [{"product": {"entity": "product", "record": "p1"}}]}
    with pytest.raises(MappingError) as caught:
        compile_from_canonical(RULES).render(content, lambda asked: "1")
    assert [(p.path, p.code) for p in caught.value.problems] == [
        ("order_line[0].product_id", "missing-required")
    ]


def test_rules_are_checked_without_a_record() -> None:
    assert validate_rules(RULES) == []
    assert [p.path for p in validate_rules({"fields": {"a": {"ref": "order", "key": {}}}})] == [
        "resource",
        "a",
    ]
    assert validate_rules([]) != []
