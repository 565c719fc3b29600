"""A shop's order as it arrives becomes canonical records, exactly and with every problem named."""

from __future__ import annotations

from typing import Any

import pytest

from hub.mappings.rules import MappingError, PendingRef, compile_to_canonical

ORDER: dict[str, Any] = {
    "id": 727,
    "number": "727",
    "status": "processing",
    "currency": "GBP",
    "date_created_gmt": "2011-08-08T09:15:00",
    "date_paid_gmt": None,
    "customer_id": 0,
    "billing": {"first_name": "Ada", "email": "ada@example.com", "phone": ""},
    "line_items": [
        {"id": 1, "sku": "85123A", "quantity": 6, "price": 2.55, "total": "15.30"},
        {"id": 2, "sku": "22423", "quantity": 1, "price": 0.1, "total": "0.10"},
    ],
    "shipping_lines": [{"id": 9, "method_title": "Courier", "total": "4.95"}],
    "refunds": [{"id": 31, "total": "-2.55"}, {"id": 32, "total": "-1.00"}],
    "meta_data": [{"key": "_gift", "value": "yes"}],
}


def one(fields: dict[str, Any], body: dict[str, Any] = ORDER, **rules: Any) -> dict[str, Any]:
    """The content of an order made by ``fields`` from ``body``."""
    rules = {"entity": "order", "external_id": {"path": "id", "fn": "text"}, **rules}
    (made,) = compile_to_canonical({**rules, "fields": fields}).run(body)
    return made.content


def problems(fields: dict[str, Any], **rules: Any) -> list[tuple[str, str]]:
    with pytest.raises(MappingError) as caught:
        one(fields, **rules)
    return [(p.path, p.code) for p in caught.value.problems]


def test_an_order_tells_who_it_is_and_how_it_is_matched() -> None:
    (made,) = compile_to_canonical(
        {
            "entity": "order",
            "object": "shop-order",
            "external_id": {"path": "id", "fn": "text"},
            "version": "date_created_gmt",
            "keys": {"sku": "line_items[*].sku", "email": "billing.phone"},
            "fields": {"number": "number"},
        }
    ).run(ORDER)
    assert (made.entity, made.object, made.external_id) == ("order", "shop-order", "727")
    assert made.version == "2011-08-08T09:15:00"
    assert made.keys == {"sku": ["85123A", "22423"]}, "an empty phone is no key"
    assert made.content == {"number": "727"}


def test_lines_of_several_kinds_become_one_list() -> None:
    line = {
        "id": {"template": "item-{id}"},
        "seq": "$index",
        "qty": {"path": "quantity", "fn": "text", "default": "1"},
        "net": {"money": "total", "currency": "$.currency"},
    }
    content = one(
        {
            "lines": {
                "concat": [
                    {"each": "line_items", "when": {"path": "sku", "exists": True}, "fields": line},
                    {"each": "shipping_lines", "fields": {**line, "notes": "^.number"}},
                ]
            }
        }
    )
    assert [x["id"] for x in content["lines"]] == ["item-1", "item-2", "item-9"]
    assert [x["seq"] for x in content["lines"]] == [0, 1, 0]
    assert content["lines"][0]["net"] == {"amount": "15.30", "currency": "GBP"}
    assert content["lines"][2]["qty"] == "1"
    assert content["lines"][2]["notes"] == "727"


def test_null_and_missing_leave_a_field_out_and_only_a_constant_clears() -> None:
    content = one(
        {
            "business_date": "date_paid_gmt",
            "notes": "customer_note",
            "payment_method": {"const": None},
            "bill_to": {"fields": {"name": "shipping.first_name"}},
        }
    )
    assert content == {"payment_method": None}


def test_each_refund_is_a_record_of_its_own_under_its_order() -> None:
    rules = {
        "entity": "refund",
        "each": "refunds",
        "external_id": {"path": "id", "fn": "text"},
        "root": {
            "ref": "order", "object": "order", "external_id": {"path": "$.id", "fn": "text"},
        },
        "fields": {
            "order": {"ref": "order", "external_id": {"path": "$.id", "fn": "text"}},
            "amount": {"money": {"path": "total", "fn": "neg"}, "currency": "$.currency"},
        },
    }  # fmt: skip
    first, second = compile_to_canonical(rules).run(ORDER)
    assert first.root == PendingRef("order", "order", "727")
    assert [r.external_id for r in (first, second)] == ["31", "32"]
    assert second.content["amount"] == {"amount": "1.00", "currency": "GBP"}
    assert first.refs == [PendingRef("order", "order", "727")]
    bound = first.bind(lambda ref: f"uuid-of-{ref.object}-{ref.external_id}")
    assert bound["order"] == {"entity": "order", "record": "uuid-of-order-727"}
    assert "record" not in second.content["order"], "each record binds its own"


def test_references_by_key_are_collected_once_and_bound_everywhere() -> None:
    body = {**ORDER, "line_items": [{"sku": "A"}, {"sku": "B"}, {"sku": "A"}, {"sku": ""}]}
    product = {"ref": "product", "key": {"sku": "sku"}, "expect": False}
    rules = {
        "entity": "order",
        "external_id": "number",
        "fields": {"lines": {"each": "line_items", "fields": {"product": product}}},
    }
    (made,) = compile_to_canonical(rules).run(body)
    assert made.refs == [
        PendingRef("product", key={"sku": "A"}, expect=False),
        PendingRef("product", key={"sku": "B"}, expect=False),
    ]
    content = made.bind({PendingRef("product", key={"sku": "A"}, expect=False): "r1"}.get)
    assert content["lines"] == [
        {"product": {"entity": "product", "key": {"sku": "A"}, "record": "r1"}},
        {"product": {"entity": "product", "key": {"sku": "B"}}},
        {"product": {"entity": "product", "key": {"sku": "A"}, "record": "r1"}},
        {},
    ]


def test_a_record_out_of_scope_makes_nothing_and_a_deleted_one_makes_a_tombstone() -> None:
    rules = {
        "entity": "order",
        "external_id": {"path": "id", "fn": "text"},
        "when": {"path": "status", "not_in": ["checkout-draft"]},
        "deleted": {"path": "status", "is": "trash"},
        "fields": {"number": {"path": "number", "fn": "int"}},
    }
    mapping = compile_to_canonical(rules)
    assert mapping.run({"id": 1, "status": "checkout-draft"}) == []
    (trashed,) = mapping.run({"id": 1, "status": "trash", "number": "not even a number"})
    assert trashed.deleted and trashed.content == {}
    (gone,) = mapping.run({"id": 1, "status": "completed"}, deleted=True)
    assert gone.deleted and gone.external_id == "1"


def test_every_problem_of_a_record_is_named_with_its_place() -> None:
    assert problems(
        {
            "order_state": {"path": "status", "lookup": "status"},
            "lines": {
                "each": "line_items",
                "fields": {"qty": {"path": "sku", "fn": "decimal"}, "id": {"path": "id"}},
            },
            "tax_summary": {"each": "number", "fields": {}},
            "totals": {"fields": {"net": {"money": "line_items[0].total", "currency": "nowhere"}}},
        },
        lookups={"status": {"completed": "completed"}},
    ) == [
        ("order_state", "lookup-missing"),
        ("lines[0].qty", "type-mismatch"),
        ("tax_summary", "type-mismatch"),
        ("totals.net", "missing-required"),
    ], "22423 is a number by chance, 85123A is not"


def test_problems_inside_each_name_the_item_they_are_in() -> None:
    rules = {
        "entity": "refund",
        "each": "refunds",
        "external_id": {"path": "id", "fn": "text"},
        "fields": {"lines": {"each": "lines", "fields": {"qty": {"path": "q", "fn": "int"}}}},
    }
    body = {"refunds": [{"id": 1}, {"id": 2, "lines": [{"q": "1"}, {"q": "x"}]}]}
    with pytest.raises(MappingError) as caught:
        compile_to_canonical(rules).run(body)
    assert [p.path for p in caught.value.problems] == ["lines[1].qty"]


def test_a_record_without_an_id_is_refused() -> None:
    assert problems({}, external_id="nowhere") == [("external_id", "missing-required")]


def test_lookups_take_the_connections_word_then_the_shipped_then_the_star() -> None:
    rules = {
        "entity": "payment",
        "external_id": {"const": "1"},
        "lookups": {"tender": {"bacs": "bank_transfer", "cod": "cod", "*": "other"}},
        "fields": {"tender": {"path": "method", "lookup": "tender"}},
    }
    mapping = compile_to_canonical(rules, {"tender": {"cod": "cash"}})
    found = [mapping.run({"method": m})[0].content["tender"] for m in ("bacs", "cod", "paypal")]
    assert found == ["bank_transfer", "cash", "other"]


def test_a_default_stands_in_for_a_value_in_no_lookup() -> None:
    content = one({"source_status": {"path": "status", "lookup": "none", "default": "unknown"}})
    assert content == {"source_status": "unknown"}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"first": ["customer_note", "billing.phone", "billing.email"]}, "ada@example.com"),
        ({"if": {"path": "customer_id", "is": 0}, "then": {"const": "guest"}}, "guest"),
        ({"if": {"path": "customer_id", "is": False}, "then": {"const": "x"}}, None),
        ({"if": {"path": "status", "in": ["a"]}, "then": "a", "else": "number"}, "727"),
        ({"template": "{number} / {billing.first_name}"}, "727 / Ada"),
        ({"template": "{number} / {nowhere}"}, None),
        ({"path": "line_items[-1].sku"}, "22423"),
        ({"path": "line_items[7].sku"}, None),
        ({"path": "number.sub"}, None),
        ({"call": "sum", "args": ["line_items[*].total", "shipping_lines[*].total"]}, "20.35"),
        ({"call": "mul", "args": ["line_items[0].price", "line_items[0].quantity"]}, "15.30"),
        ({"call": "sub", "args": ["line_items[0].total", "nowhere"]}, None),
        ({"path": "line_items[1].price", "fn": "float_text"}, "0.1"),
        ({"path": "number", "fn": ["neg", "text"]}, "-727"),
        ({"call": "join", "args": ["line_items[*].sku", {"const": "+"}]}, "85123A+22423"),
        ({"expr": "meta_data[key='_gift'].value & '/' & $top.number"}, "yes/727"),
        ({"expr": "nowhere"}, None),
    ],
)
def test_expressions(rule: dict[str, Any], value: Any) -> None:
    assert one({"notes": rule}).get("notes") == value


def test_the_same_record_maps_the_same_every_time() -> None:
    fields = {"lines": {"each": "line_items", "fields": {"qty": "quantity", "net": "price"}}}
    assert one(fields) == one(fields)


def test_everything_wrong_with_rules_is_said_at_once() -> None:
    with pytest.raises(MappingError) as caught:
        compile_to_canonical(
            {
                "entity": "order",
                "external_id": "id",
                "colour": 1,
                "when": {"path": "status", "equals": "x"},
                "fields": {
                    "nummer": "number",
                    "number": {"path": "a..b"},
                    "notes": {"path": "x", "fn": "shout"},
                    "channel": {"const": "web", "deflaut": 1},
                    "lines": {"each": "line_items", "fields": {"qty": 4}},
                    "payment_method": {"external": "customer"},
                    "business_date": {"call": "add", "args": ["x"]},
                    "currency": {"expr": "$eval('1')"},
                    "source_status": {"expr": "a +"},
                    "placed_at": {"expr": "$now()"},
                },
            }
        )
    assert {p.path for p in caught.value.problems} == {
        "colour", "when", "nummer", "number", "notes", "channel", "lines[*].qty",
        "payment_method", "business_date", "currency", "source_status", "placed_at",
    }  # fmt: skip
    assert {p.code for p in caught.value.problems} == {"bad-rule"}


@pytest.mark.parametrize(
    "attack",
    [
        "($f := function($n){$f($n+1)}; $f(0))",
        "[1..100000000]",
        '$reduce([1..9000], function($a,$b){$a & $a & "x"}, "x")',
        "($f := function($n){$n < 0 ? 0 : $f($n-1) + $f($n-1)}; $f(60))",
    ],
)
def test_an_expression_that_never_ends_is_stopped_and_named(attack: str) -> None:
    assert problems({"notes": {"expr": attack}}) == [("notes", "type-mismatch")]
