"""Whatever breaks between a step's effect and our knowing of it, Odoo ends with one of each.

A write is broken off after each of its calls (the process dies: the effect is there, the step is
not recorded) and at each of its calls (the connection is dropped after the effect). Then the hub
does what it does: it looks up, and writes again with what it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.odoo.client import READS
from connectors.odoo.tests.shop_world import World, item, resumed, world, write
from connectors.sdk.errors import OutcomeUnknown
from connectors.sdk.records import WriteItem

Prepare = Callable[[World], WriteItem]


def an_order(shop: World) -> WriteItem:
    return item("xd-o1", shop.order_body())


def a_payment(shop: World) -> WriteItem:
    body = {"order_id": shop.order(), "amount": "35.50", "tender": "card"}
    return item("xd-p1", body)


def a_refund(shop: World) -> WriteItem:
    order = shop.order()
    body = {"order_id": order, "amount": "35.50", "tender": "card"}
    write(shop.odoo, "payment", item("xd-p1", body))
    line = shop.line("22423", 1, "10.62", "2.13")
    return item("xd-f1", {"order_id": order, "amount": "12.75", "lines": [line]})


def a_return(shop: World) -> WriteItem:
    order = shop.order()
    shop.sim.control("ship", {"count": 1})
    lines = [{"product_id": str(shop.ids["22423"]), "qty": "1"}]
    return item("xd-r1", {"order_id": order, "number": "R1", "lines": lines})


def a_sale(shop: World) -> WriteItem:
    return item("xd-s1", shop.receipt_body())


def a_till_return(shop: World) -> WriteItem:
    sale = write(shop.odoo, "pos_sale", item("xd-s1", shop.receipt_body()))
    return item("xd-t1", shop.receipt_body("S01-1-8", original_id=sale.external_id))


def a_movement(shop: World) -> WriteItem:
    body = {"product_id": str(shop.ids["22423"]), "from": "S01", "qty": "2", "reason": "damage"}
    return item("xd-m1", {**body, "number": "W1"})


def a_customer(shop: World) -> WriteItem:
    return item("xd-c1", {"name": "Ann", "email": "ann@example.com"})


CASES: dict[str, Prepare] = {
    "order": an_order,
    "payment": a_payment,
    "refund": a_refund,
    "return": a_return,
    "pos_sale": a_sale,
    "pos_return": a_till_return,
    "stock_movement": a_movement,
    "customer": a_customer,
}


def state_of(shop: World) -> Any:
    """Everything that counts, without ids, names and times."""
    moves = shop.rows("account.move")
    tills = shop.rows("pos.order")
    return {
        "customers": len(shop.rows("res.partner")),
        "orders": [(o["state"], o["amount_total"]) for o in shop.rows("sale.order")],
        "moves": [(m["move_type"], m["state"], m["amount_total"], m["payment_state"])
                  for m in moves],
        "payments": [(p["payment_type"], p["amount"]) for p in shop.rows("account.payment")],
        "pickings": [(p["state"], p["picking_type_code"]) for p in shop.rows("stock.picking")],
        "tills": [(t["amount_total"], t["is_refund"]) for t in tills],
        "sessions": [s["state"] for s in shop.rows("pos.session")],
        "stock": {
            (q["product_id"][0], q["location_id"][0]): (q["quantity"], q["reserved_quantity"])
            for q in shop.rows("stock.quant")
        },
    }  # fmt: skip


def effects_of(resource: str) -> tuple[int, Any]:
    """How many writing calls the write makes, and what it leaves when nothing goes wrong."""
    with world() as shop:
        wanted = CASES[resource](shop)
        shop.http.calls.clear()
        write(shop.odoo, resource, wanted)
        calls = [path for _, path in shop.http.calls if path.rsplit("/", 1)[1] not in READS]
        return len(calls), state_of(shop)


def finish(shop: World, resource: str, wanted: WriteItem, steps: dict[str, str]) -> None:
    """What the hub does about an unknown outcome, with a new connector as in a new process."""
    shop.odoo = shop.connector()
    found = shop.odoo.look_up(resource, wanted)
    if found is not None:
        steps = {**steps, **found.steps}
    if found is None or not found.complete:
        write(shop.odoo, resource, resumed(wanted, steps))


@pytest.mark.slow
@pytest.mark.parametrize("resource", CASES)
def test_a_connection_dropped_after_any_effect_doubles_nothing(resource: str) -> None:
    calls, right = effects_of(resource)
    assert calls >= 1
    for nth in range(calls):
        with world() as shop:
            wanted = CASES[resource](shop)
            steps = _write_until_drop(shop, resource, wanted, nth)
            finish(shop, resource, wanted, steps)
            assert state_of(shop) == right, f"dropped after writing call {nth + 1} of {calls}"


def _write_until_drop(shop: World, resource: str, wanted: WriteItem, nth: int) -> dict[str, str]:
    """Write until the answer to the nth writing call is lost; the steps known by then."""
    request, seen = shop.http.request, [0]

    def dropping(method: str, url: str, **more: Any) -> Any:
        answer = request(method, url, **more)
        if url.rsplit("/", 1)[1] not in READS:
            seen[0] += 1
            if seen[0] == nth + 1:
                raise OutcomeUnknown("dropped")
        return answer

    shop.http.request = dropping  # type: ignore[method-assign]
    steps: dict[str, str] = {}
    with pytest.raises(OutcomeUnknown):
        for step in shop.odoo.write(resource, wanted):
            steps[step.role] = step.external_id
    shop.http.request = request  # type: ignore[method-assign]
    return steps


@pytest.mark.parametrize("resource", ["order", "payment", "refund", "return", "stock_movement"])
def test_a_process_killed_before_recording_a_step_repeats_nothing(resource: str) -> None:
    _, right = effects_of(resource)
    with world() as shop:
        count = sum(1 for _ in shop.odoo.write(resource, CASES[resource](shop)))
    assert count >= 2
    for nth in range(count):
        with world() as shop:
            wanted = CASES[resource](shop)
            steps: dict[str, str] = {}
            for index, step in enumerate(shop.odoo.write(resource, wanted)):
                if index == nth:
                    break
                steps[step.role] = step.external_id
            shop.odoo = shop.connector()
            write(shop.odoo, resource, resumed(wanted, steps))
            assert state_of(shop) == right, f"killed before recording step {nth + 1} of {count}"


def test_the_wire_itself_drops_a_receipt_and_it_is_there_once(shop: World) -> None:
    wanted = a_sale(shop)
    shop.arm("drop_after_effect", match="sync_from_ui", count=1)
    with pytest.raises(OutcomeUnknown):
        write(shop.odoo, "pos_sale", wanted)
    assert shop.sim.control("faults", method="GET")["bitten"] == {"drop_after_effect": 1}
    # A key is honoured: the same bytes again give the order that is there.
    first = shop.rows("pos.order")[0]["id"]
    assert write(shop.odoo, "pos_sale", resumed(wanted, {})).external_id == str(first)
    assert len(shop.rows("pos.order")) == 1


@pytest.mark.parametrize("uncertain", [True, False])
@pytest.mark.parametrize("resource", ["pos_sale", "pos_return"])
def test_a_key_is_honoured_without_any_look_up(shop: World, resource: str, uncertain: bool) -> None:
    wanted = replace(CASES[resource](shop), uncertain=uncertain)
    first = write(shop.odoo, resource, wanted).external_id
    before = state_of(shop)
    shop.odoo = shop.connector()
    assert write(shop.odoo, resource, wanted).external_id == first
    assert state_of(shop) == before


def test_two_records_with_our_reference_are_never_chosen_between(shop: World) -> None:
    order = shop.order()
    twin = shop.rows("sale.order")[0]
    vals = {"partner_id": twin["partner_id"][0], "client_order_ref": "xd-o1"}
    shop.api("sale.order", "create", vals_list=[vals])
    with pytest.raises(Exception, match="two records") as refused:
        shop.odoo.look_up("order", item("xd-o1", {}))
    assert refused.value.code == "duplicate-exact"  # type: ignore[attr-defined]
    assert order in str(refused.value)
