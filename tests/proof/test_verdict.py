"""The demo's verdict: which figures make it fail, and that a fault that never bit does, too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.proof import board_page, cut, demo
from hub.proof.stage import HERE
from hub.proof.verdict import reasons

RULE = json.loads((HERE / "data" / "expected.json").read_text())
BITTEN: dict[str, Any] = {
    "erp_refused_while_down": 40,
    "erp_hung_up_after_effect": 6,
    "webhooks": {"duplicated": 50, "shuffled": 9},
    "files_half_written": 3,
    "files_dropped_twice": 2,
    "receipts_sent_again": 1,
    "worker_killed": {"pid": 10, "next_pid": 11},
    "redis_flushed": {"flushed": True},
}


def result(**changes: Any) -> dict[str, Any]:
    exceptions = {
        code: {"open": 0, "healed": 0, "closed": 0, "parked": 0} | counts
        for code, counts in RULE["expected"].items()
    }
    return {
        "counted": {"good": True},
        "exceptions": exceptions,
        "neighbour": {"good": True},
        "neighbour_exceptions": {},
        "evidence": BITTEN,
        **changes,
    }


def test_a_good_story_has_no_reasons_against_it() -> None:
    assert reasons(result(), RULE, played=True) == []


@pytest.mark.parametrize("fault", ["lost", "doubled", "cents_off", "stock_wrong", "unpaid"])
def test_one_fault_is_enough(fault: str) -> None:
    wrong = reasons(result(counted={"good": False, fault: 1}), RULE, played=True)
    assert wrong == [f"1 {fault.replace('_', ' ')}"]


@pytest.mark.parametrize("code", sorted(RULE["expected"]))
def test_a_missing_exception_is_as_bad_as_another(code: str) -> None:
    fewer = result()["exceptions"]
    del fewer[code]
    assert reasons(result(exceptions=fewer), RULE, played=True)


def test_an_unexpected_exception_fails_even_when_healed() -> None:
    more = result()["exceptions"] | {"duplicate-exact": {"open": 0, "healed": 1}}
    assert "duplicate-exact" in reasons(result(exceptions=more), RULE, played=True)[0]


def test_an_outage_may_be_reported_but_must_heal() -> None:
    healed = result()["exceptions"] | {"unavailable": {"open": 0, "healed": 1}}
    still = result()["exceptions"] | {"unavailable": {"open": 1, "healed": 0}}
    assert reasons(result(exceptions=healed), RULE, played=True) == []
    assert reasons(result(exceptions=still), RULE, played=True)


@pytest.mark.parametrize("name", sorted(BITTEN))
def test_a_fault_that_never_bit_proves_nothing(name: str) -> None:
    toothless = {key: value for key, value in BITTEN.items() if key != name}
    assert reasons(result(evidence=toothless), RULE, played=True)
    assert reasons(result(evidence=toothless), RULE, played=False) == []


def test_the_neighbour_must_be_left_alone() -> None:
    assert reasons(result(neighbour={"good": False}), RULE, played=True)
    assert reasons(result(neighbour_exceptions={"sku-missing": {"open": 1}}), RULE, played=True)


def test_a_prospects_brand_is_put_on_the_first_partner_only(tmp_path: Any) -> None:
    text = demo.DECLARATION.read_text()
    branded = demo._replaced(text, "product_name", '"Acme \\\\ Link"')
    assert branded.count('product_name = "Acme \\\\ Link"') == 1
    assert 'product_name = "Linden Flow"' in branded


def counted(**changes: Any) -> dict[str, Any]:
    """What the counter says of systems that agree."""
    orders = {"expected": 412, "found": 412, "right": 412}
    faults = {"lost": 0, "doubled": 0, "cents_off": 0}
    return {"counts": {"erp": {"orders": orders}}, "at": "10:00:00", **faults, **changes}


def test_live_figures_are_words_and_open_both_systems_own_lists() -> None:
    addresses = {"ERP": "http://erp", "shop": "http://shop", "tills": "http://tills"}
    html = board_page.live(counted(), addresses, trouble="", wish=None, happened=[])
    assert "412 of 412 orders in the ERP, 0 lost, 0 doubled, 0 off by a cent." in html
    assert "href='http://erp/?view=orders'" in html
    assert "href='http://shop/" in html


def test_what_is_missing_while_systems_work_is_on_its_way_and_what_is_doubled_is_wrong() -> None:
    assert board_page.verdict(counted(lost=3))[1] == "wait"
    assert "3 on their way" in board_page.verdict(counted(lost=3))[0]
    assert board_page.verdict(counted(doubled=1))[1] == "bad"
    assert board_page.verdict(counted(cents_off=1))[1] == "bad"


def test_while_a_system_is_down_the_board_says_that_first_and_what_was_counted_before() -> None:
    addresses = {"ERP": "", "shop": "", "tills": ""}
    html = board_page.live(
        counted(), addresses, trouble="A system is down.", wish=None, happened=[]
    )
    assert "<b>A system is down.</b>" in html
    assert "Before that: 412 of 412 orders in the ERP" in html


def test_a_story_without_a_receipt_sent_again_expects_no_conflict() -> None:
    rule = demo.expectation(cut.Plan(), whole=False)
    assert "replay-conflict" not in rule["expected"]
    assert RULE["expected"]["replay-conflict"] == {"open": 1, "parked": 1}


def test_what_is_said_on_the_board_is_text_and_never_markup() -> None:
    addresses = {"ERP": "", "shop": "", "tills": ""}
    wish = ("<b>create</b>", "http://erp/?title='><script>")
    html = board_page.live({}, addresses, trouble="<i>", wish=wish, happened=[("10:00", "<u>")])
    assert not any(tag in html for tag in ("<script>", "<i>", "<u>", "<b>create"))


def test_receipts_damaged_by_hand_are_expected_to_be_set_aside() -> None:
    told = {"good": True, "by_hand": {"damaged": 2}}
    more = result()["exceptions"]
    assert reasons(result(counted=told, exceptions=more), RULE, played=True)
    more["unreadable-line"]["parked"] += 2
    assert reasons(result(counted=told, exceptions=more), RULE, played=True) == []
