"""Did every expectation hold? Pure: figures in, verdict and reasons out."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
FAULTS = ("lost", "doubled", "cents_off", "stock_wrong", "prices_wrong", "unpaid")


def exceptions_wrong(found: dict[str, dict[str, int]], rule: Json) -> list[str]:
    """Every named cause must have its named counts; others may only have come and gone."""
    wrong = []
    for code, wanted in rule["expected"].items():
        have = found.get(code, {})
        wrong += [
            f"{have.get(name, 0)} {name} exceptions {code} instead of {count}"
            for name, count in wanted.items()
            if have.get(name, 0) != count
        ]
    for code, have in found.items():
        if code in rule["expected"]:
            continue
        if code not in rule["may_come_and_go"]:
            wrong.append(f"unexpected exceptions {code}: {have}")
        elif have.get("open", 0) or have.get("parked", 0):
            wrong.append(f"exceptions {code} have not healed: {have}")
    return wrong


def with_hands(rule: Json, by_hand: Json) -> Json:
    """The rule, when people damaged receipts in the tills' window: each parks a line more."""
    damaged = by_hand.get("damaged", 0)
    if not damaged:
        return rule
    expected = {code: dict(counts) for code, counts in rule["expected"].items()}
    lines = expected.setdefault("unreadable-line", {"parked": 0})
    lines["parked"] = lines.get("parked", 0) + damaged
    return rule | {"expected": expected}


def toothless(evidence: Json) -> list[str]:
    """Faults that were meant to bite and left no mark."""
    webhooks = evidence.get("webhooks", {})
    marks = {
        "the ERP was never down": evidence.get("erp_refused_while_down"),
        "the ERP never hung up after an effect": evidence.get("erp_hung_up_after_effect"),
        "no webhook came twice": webhooks.get("duplicated"),
        "no webhook came out of order": webhooks.get("shuffled"),
        "no file was half written": evidence.get("files_half_written"),
        "no file was dropped twice": evidence.get("files_dropped_twice"),
        "no receipt came again with another amount": evidence.get("receipts_sent_again"),
        "no worker was killed": evidence.get("worker_killed", {}).get("next_pid"),
        "Redis was not flushed": evidence.get("redis_flushed", {}).get("flushed"),
    }
    return [what for what, mark in marks.items() if not mark]


def reasons(result: Json, rule: Json, *, played: bool) -> list[str]:
    """Why it is not good; empty if it is. ``played``: the whole story ran just now, so that its
    faults must have bitten."""
    counted = result["counted"]
    wrong = [f"{counted[name]} {name.replace('_', ' ')}" for name in FAULTS if counted.get(name)]
    if not counted.get("good"):
        wrong = wrong or ["the counter is not content"]
    wrong += exceptions_wrong(result["exceptions"], with_hands(rule, counted.get("by_hand", {})))
    wrong += [f"the second partner has exceptions: {result['neighbour_exceptions']}"] * bool(
        result["neighbour_exceptions"]
    )
    if not result["neighbour"]["good"]:
        wrong.append(f"the second partner's systems differ: {result['neighbour']}")
    return wrong + (toothless(result["evidence"]) if played else [])
