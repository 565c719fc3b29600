"""The one place where it is decided what to do about a failure. Pure: no clock, no database.

A table of cases is its test. Sources: backoff with full jitter as in the peers' practice (Svix,
Stripe); "unknown is not failed" and "never resend blind" are engine rules 3.5 and 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    MissingReference,
    NotYet,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from connectors.sdk.manifest import Resource

#: Seconds before the next try of a row that failed on its own, by attempts made.
SCHEDULE = (2, 5, 15, 60, 300, 900, 3600)
#: Own failures after which a row is dead. Outages of the whole target don't count.
MAX_ATTEMPTS = 8
#: How long a row waits when the target isn't ready for it (goods not shipped yet).
NOT_YET_SECONDS = 10
#: Seconds a breaker stays open, by failures in a row; short first, so that recovery is quick.
OPEN_SECONDS = (1, 2, 3, 5, 5, 5, 10, 15, 30)

Act = Literal["retry", "look_up", "block", "dead", "ask", "pause"]


@dataclass(frozen=True, slots=True)
class Decision:
    """``act``: *retry* at ``at`` · *look_up* at ``at`` before anything else · *block* on what is
    missing · *dead* · *ask* a person because nothing can prove the outcome · *pause* the
    connection. ``counts``: the attempt is the row's own. ``trips``: the breaker counts it.
    """

    act: Act
    at: datetime
    counts: bool = True
    trips: bool = False


def decide(
    error: ConnectorError,
    *,
    attempts: int,
    resource: Resource,
    repeatable: bool,
    now: datetime,
    jitter: float,
) -> Decision:
    """What follows from ``error`` after ``attempts`` own attempts.

    ``repeatable``: sending twice is harmless, it only sets a value. ``jitter``: 0..1.
    """
    if isinstance(error, AccessRefused):
        return Decision("pause", now, counts=False)
    if isinstance(error, Unavailable):
        wait = error.retry_after or _spread(SCHEDULE[min(attempts, 1)], jitter)
        return Decision("retry", _after(now, wait), counts=False, trips=True)
    if isinstance(error, OutcomeUnknown):
        return _after_unknown(resource, repeatable, now, jitter, attempts)
    if isinstance(error, MissingReference):
        return Decision("block", now, counts=False)
    if isinstance(error, NotYet):
        wait = error.retry_after or NOT_YET_SECONDS
        return Decision("retry", _after(now, _spread(wait, jitter)), counts=False)
    return Decision("dead", now)


def decide_bug(*, attempts: int, now: datetime, jitter: float) -> Decision:
    """An error nobody foresaw is ours: a few tries, then dead with the platform as owner."""
    if attempts >= MAX_ATTEMPTS:
        return Decision("dead", now)
    wait = SCHEDULE[min(attempts, len(SCHEDULE) - 1)]
    return Decision("retry", _after(now, _spread(wait, jitter)))


def breaker_wait(failures: int, error: ConnectorError | None = None) -> timedelta:
    """How long nothing is sent after ``failures`` outages in a row."""
    if isinstance(error, RateLimited) and error.retry_after:
        return timedelta(seconds=error.retry_after)
    return timedelta(seconds=OPEN_SECONDS[min(max(failures, 1), len(OPEN_SECONDS)) - 1])


def _after_unknown(
    resource: Resource, repeatable: bool, now: datetime, jitter: float, attempts: int
) -> Decision:
    if repeatable or resource.proof == "key":
        # Resending is harmless: the last value wins, or the target knows our key.
        wait = _spread(SCHEDULE[min(attempts, 2)], jitter)
        return Decision("retry", _after(now, wait), counts=False, trips=True)
    if resource.proof == "lookup":
        # Absence counts only after the target has had time to finish what it may be doing.
        return Decision("look_up", _after(now, resource.lookup_settles_after), counts=False)
    return Decision("ask", now)


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def _spread(seconds: float, jitter: float) -> float:
    return seconds * (0.5 + jitter / 2)
