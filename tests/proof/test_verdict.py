"""The demo's verdict: which figures make it fail, and that a fault that never bit does, too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.proof import demo
from hub.proof.board import figures
from hub.proof.stage import HERE
from hub.proof.verdict import reasons

RULE = json.loads((HERE / "data" / "expected.json").read_text())
BITTEN: dict[str, Any] = {
    "erp_refused_while_down": 40,
    "erp_hung_up_after_effect": 6,
    "webhooks": {"duplicated": 50, "shuffled": 9},
    "files_half_written": 3,
    "files_dropped_twice": 2,
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


def test_live_figures_open_the_erps_own_lists() -> None:
    counts = {"erp": {"orders": {"expected": 412, "found": 412, "right": 412}}}
    assert figures({"counts": counts}) == [
        ("erp?view=orders", "412 of 412 orders of the shop are in the ERP", True)
    ]
