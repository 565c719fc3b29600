"""Directed pressure: moments that chance finds too seldom, sought out in every run.

The controls need them: a guard that matters only between two statements of one transaction is not
missed until somebody dies, or dawdles, exactly there. Healthy runs go through the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from hub.proof.chaos.field import Field
from hub.proof.chaos.injection import failpoints
from hub.proof.chaos.injection.failpoints import Act
from hub.proof.chaos.world import TENANTS

#: Seconds to wait for somebody to come by.
PATIENCE = 25.0
#: Seconds a worker stands with its locks in hand; another one meets them meanwhile.
STANDS = 1.5
CROWD = 120


def cut_between_delivered_and_counted(field: Field) -> None:
    """A worker dies within its settle, after the delivery is marked and before it is counted; and
    whoever comes next: of some deliveries others will be counted later, and nothing would show."""
    for _ in range(3):
        _kill_at(field, "settle.delivered")


def cut_with_the_answer_in_hand(field: Field) -> None:
    """A worker dies after its call had its effect; for a minute things change behind its lease."""
    _kill_at(field, "call.answered")


def stand_on_a_sum(field: Field) -> None:
    """A worker stands still after adding up stock, while others hear of the other place."""
    tenant = field.luck.choice(TENANTS)
    since = len(failpoints.struck(field.world.home.path))
    with field.ledger.fault(19, "a worker stands on a sum in a burst") as fault:
        try:
            field.world.shop.post("/_burst", {"tenant": tenant, "count": CROWD})
            pid = _struck_at(field, "normalise.derived", "stop")
            if pid:
                field.world.shop.post("/_burst", {"tenant": tenant, "count": CROWD})
                time.sleep(STANDS)
                fault.evidence = {"pid": pid, "tenant": tenant}
        finally:
            _wake(field, since)


PRESSURES: tuple[tuple[int, Callable[[Field], None]], ...] = (
    (1, cut_between_delivered_and_counted),
    (1, cut_with_the_answer_in_hand),
    (19, stand_on_a_sum),
)


def _kill_at(field: Field, name: str) -> None:
    with field.ledger.fault(1, f"failpoint {name}") as fault:
        pid = _struck_at(field, name, "kill")
        fault.over = time.time()
        if pid:
            fault.evidence = {"killed": 1, "pid": pid}


def _struck_at(field: Field, name: str, act: Act) -> int:
    """Wait until the point strikes; the pid, or 0 if nobody came by. Armed again and again: other
    hands disarm everything when they are done."""
    home = field.world.home.path
    before = len(failpoints.struck(home))
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end and not field.over.is_set():
            failpoints.arm(home, name, 1, act)
            time.sleep(0.1)
            for one in failpoints.struck(home)[before:]:
                if (one["point"], one["act"]) == (name, act):
                    return int(one["pid"])
        return 0
    finally:
        failpoints.arm(home, name, 0, act)


def _wake(field: Field, since: int) -> None:
    """Nobody is left standing, whoever was struck."""
    time.sleep(0.1)
    for one in failpoints.struck(field.world.home.path)[since:]:
        if one["act"] == "stop":
            with contextlib.suppress(ProcessLookupError):
                os.kill(one["pid"], signal.SIGCONT)
