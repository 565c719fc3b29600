"""Faults on the lines: rows 6, 7 and 8, and their like between the shops and our front door.

Armed a few bites at a time on one line; whether and when they bit, the proxy's own list tells.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from hub.proof.chaos.faults import Fault, Ledger
from hub.proof.chaos.retail import SIMULATORS
from hub.proof.chaos.world import TARGETS
from hub.proof.outside import Outside

Json = dict[str, Any]
WRITES = ["POST", "PUT", "PATCH"]


@dataclass(frozen=True, slots=True)
class Spell:
    """``row`` of the matrix; ``order``: what the proxy is told; ``weight``: its share."""

    row: int
    what: str
    order: Json
    weight: int = 2


SPELLS: tuple[Spell, ...] = (
    Spell(6, "status_500", {"kind": "status", "code": 500}, 3),
    Spell(6, "status_503", {"kind": "status", "code": 503}),
    Spell(6, "status_429", {"kind": "status", "code": 429, "retry_after": 1}, 3),
    Spell(6, "status_500_after_effect", {"kind": "status_after", "code": 500, "methods": WRITES}),
    Spell(6, "down", {"kind": "down", "seconds": 2.0, "count": 40}),
    Spell(7, "latency", {"kind": "latency", "delay": 1.5}, 3),
    Spell(7, "latency_past_deadline", {"kind": "latency", "delay": 7.0, "count": 1}),
    Spell(7, "black_hole", {"kind": "black_hole", "count": 1}, 3),
    Spell(7, "drip", {"kind": "drip", "delay": 0.02}),
    Spell(7, "drip_past_deadline", {"kind": "drip", "delay": 0.5, "count": 1}),
    Spell(7, "half_close", {"kind": "half_close", "methods": WRITES}, 3),
    Spell(7, "truncate", {"kind": "truncate"}, 3),
    Spell(8, "reset_after", {"kind": "reset_after", "methods": WRITES}, 6),
    Spell(8, "reset_before", {"kind": "reset_before", "methods": WRITES}, 3),
)
#: Between the shops and us only what a shop survives by pushing again.
DOOR_KINDS = {"latency", "reset_before", "reset_after", "half_close", "truncate", "drip"}


@dataclass
class Lines:
    """Casts spells and reads afterwards which ones bit."""

    proxy: Outside
    luck: random.Random
    rows: frozenset[int]
    ledger: Ledger
    cast: dict[int, tuple[Spell, str]] = field(default_factory=dict)

    def strike(self) -> None:
        """Arm one fault on one line."""
        spells = [s for s in SPELLS if s.row in self.rows]
        if not spells:
            return
        spell = self.luck.choices(spells, [s.weight for s in spells])[0]
        line = self.luck.choice((*TARGETS, *TARGETS, "shop", "door", *SIMULATORS))
        if line == "door" and spell.order["kind"] not in DOOR_KINDS:
            line = "keyed"
        order = {"count": self.luck.choice((1, 1, 2, 4)), "line": line, **spell.order}
        if line == "shop":
            order.pop("methods", None)
        id_ = self.proxy.post("/arm", order)["id"]
        self.cast[id_] = (spell, line)

    def calm(self) -> None:
        """Nothing bites any more."""
        for id_ in self.cast:
            self.proxy.post("/disarm", {"id": id_})

    def bitten(self) -> set[int]:
        """Rows of which something has bitten so far."""
        arms = {bite["arm"] for bite in self.proxy.get("/bites")["bites"]}
        return {spell.row for id_, (spell, _) in list(self.cast.items()) if id_ in arms}

    def collect(self) -> int:
        """Turn the proxy's bites into faults, one for each spell that bit; how many bites."""
        bites: list[Json] = self.proxy.get("/bites")["bites"]
        by_arm: dict[int, list[Json]] = {}
        for bite in bites:
            by_arm.setdefault(bite["arm"], []).append(bite)
        for id_, found in by_arm.items():
            if id_ not in self.cast:
                continue
            spell, line = self.cast[id_]
            evidence = {"bites": len(found), "methods": sorted({b["method"] for b in found})}
            self.ledger.add(
                Fault(spell.row, f"{spell.what}:{line}", found[0]["at"], found[-1]["at"],
                      (line,) if line in TARGETS else (), evidence=evidence)
            )  # fmt: skip
        return len(bites)
