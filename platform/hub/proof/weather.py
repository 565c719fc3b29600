"""What goes wrong while the story runs, when, and how one sees that it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.proof.outside import Outside

OUTAGE = 20.0


class Hands(Protocol):
    """What reaches into the installation from outside; each returns its evidence."""

    def kill_worker(self) -> dict[str, Any]: ...

    def flush_redis(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Mishap:
    """``when``: share of the story played. ``what``: for the screen."""

    when: float
    what: str
    strike: Callable[[], Any]


@dataclass
class Weather:
    """Strikes each mishap once, when its time has come, and keeps what the strikers reported.

    ``sent_again``: the receipt that a till sends a second time with another content.
    """

    shop: Outside
    erp: Outside
    tills: Outside
    hands: Hands
    sent_again: dict[str, Any] | None = None
    reported: dict[str, Any] = field(default_factory=dict)

    def mishaps(self) -> list[Mishap]:
        return [
            Mishap(0.0, "webhooks arrive twice and out of order", self._webhooks),
            Mishap(0.12, "the ERP hangs up after doing what it was asked", self._hang_up),
            Mishap(0.30, f"the ERP is down for {OUTAGE:.0f} s", self._outage),
            Mishap(0.55, "a worker is killed with -9", self._kill),
            Mishap(0.65, "Redis is flushed", self._flush),
            Mishap(0.75, "the ERP hangs up again", self._hang_up),
        ]

    def _webhooks(self) -> None:
        self.shop.post("/_sim/webhook-weather", {"duplicate": 0.3, "shuffle": True, "seed": 7})

    def _hang_up(self) -> None:
        for match, count in (
            ("/sale.order/create", 2),
            ("/sale.order/action_confirm", 1),
            ("/pos.order/sync_from_ui", 2),
            ("/account.payment.register", 1),
        ):
            fault = {"kind": "drop_after_effect", "match": match, "count": count}
            self.erp.post("/_sim/faults", fault)

    def _outage(self) -> None:
        self.erp.post("/_sim/faults", {"kind": "down", "match": "/json/", "seconds": OUTAGE})

    def _kill(self) -> None:
        self.reported["worker_killed"] = self.hands.kill_worker()

    def _flush(self) -> None:
        self.reported["redis_flushed"] = self.hands.flush_redis()

    def resend(self) -> bool:
        """A till sends a receipt again, with another amount; False if it has done so before."""
        if self.sent_again is None:
            return False
        self.tills.post("/_sim/receipts", {"receipts": [self.sent_again]})
        self.sent_again = None
        return True

    def evidence(self) -> dict[str, Any]:
        """What the outside systems say happened to them."""
        bitten = self.erp.get("/_sim/faults")["bitten"]
        tills = self.tills.get("/_sim/counts")["bitten"]
        sent = self.shop.get("/_sim/counts")["sent"]
        return {
            "erp_refused_while_down": bitten.get("down", 0),
            "erp_hung_up_after_effect": bitten.get("drop_after_effect", 0),
            "webhooks": sent,
            "files_half_written": tills.get("half_written", 0),
            "files_dropped_twice": tills.get("drop_twice", 0),
            "receipts_sent_again": tills.get("sent_again", 0),
            **self.reported,
        }
