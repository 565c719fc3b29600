"""What state is shown for a thing, and how it looks: a word, a tone and a shape, never colour
alone. Delivery states are derived from the delivery and its work (docs/architecture.md, 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """``tone``: good, busy, warn, bad or quiet. ``icon``: a name of the icon set."""

    key: str
    word: str
    tone: str
    icon: str


DELIVERY = {
    "idle": Shown("idle", "Delivered", "good", "circle-check"),
    "due": Shown("due", "Next in line", "busy", "circle-dot"),
    "waiting": Shown("waiting", "Will try again", "warn", "timer"),
    "sending": Shown("sending", "Being sent", "busy", "loader-circle"),
    "blocked": Shown("blocked", "Waits for another record", "warn", "hourglass"),
    "held": Shown("held", "Held for approval", "warn", "hand"),
    "unknown": Shown("unknown", "Outcome unknown", "warn", "circle-question-mark"),
    "checking": Shown("checking", "Outcome being checked", "busy", "circle-question-mark"),
    "dead": Shown("dead", "Not delivered", "bad", "circle-x"),
    "retired": Shown("retired", "Left out by its flow", "quiet", "circle-slash"),
}
EVENT = {
    "pending": Shown("pending", "Waiting to be read", "busy", "circle-dot"),
    "done": Shown("done", "Understood", "good", "circle-check"),
    "parked": Shown("parked", "Set aside", "bad", "circle-x"),
    "superseded": Shown("superseded", "Replaced by a newer one", "quiet", "circle-slash"),
}
EXCEPTION = {
    "open": Shown("open", "Open", "bad", "circle-alert"),
    "snoozed": Shown("snoozed", "Snoozed", "quiet", "alarm-clock"),
    "resolved": Shown("resolved", "Resolved", "good", "circle-check"),
    "ignored": Shown("ignored", "Ignored", "quiet", "circle-slash"),
}
CONNECTION = {
    "active": Shown("active", "Working", "good", "circle-check"),
    "paused": Shown("paused", "Paused", "warn", "circle-pause"),
    "attention": Shown("attention", "Needs attention", "bad", "circle-alert"),
    "resting": Shown("resting", "Not answering, trying again", "warn", "timer"),
}
ATTEMPT = {
    "done": Shown("done", "Accepted", "good", "circle-check"),
    "unchanged": Shown("unchanged", "Already the same", "good", "equal"),
    "adopted": Shown("adopted", "Found there and linked", "good", "link"),
    "absent": Shown("absent", "Looked, not there", "quiet", "circle-slash"),
    "blocked": Shown("blocked", "Waits for another record", "warn", "hourglass"),
    "retry": Shown("retry", "Did not work, will try again", "warn", "timer"),
    "unknown": Shown("unknown", "No answer, outcome unknown", "warn", "circle-question-mark"),
    "refused": Shown("refused", "Refused", "bad", "circle-x"),
    "late": Shown("late", "Answered too late", "warn", "clock-alert"),
}
RECORD = {
    "live": Shown("live", "Known", "quiet", "circle-check"),
    "settled": Shown("settled", "Everywhere it must be", "good", "circle-check"),
    "moving": Shown("moving", "On its way", "busy", "circle-dot"),
    "expected": Shown("expected", "Expected, not heard yet", "warn", "hourglass"),
    "merged": Shown("merged", "Merged into another", "quiet", "merge"),
    "deleted": Shown("deleted", "Deleted at its source", "quiet", "trash-2"),
}
EFFECT = {
    "new": Shown("new", "New", "busy", "circle-plus"),
    "update": Shown("update", "Update", "warn", "refresh-cw"),
    "unchanged": Shown("unchanged", "No change", "quiet", "equal"),
    "conflict": Shown("conflict", "Conflict", "bad", "circle-alert"),
}


@dataclass(frozen=True, slots=True)
class Owed:
    """A delivery's work row; ``next_at`` is None while it waits for something else."""

    next_at: datetime | None
    lease_until: datetime | None
    attempts: int
    since: datetime


def delivery_state(problem: str, owed: Owed | None, now: datetime) -> Shown:
    """idle · due · waiting · sending · checking · blocked · held · unknown · dead, as a reader sees
    it. *checking* clears by itself; *unknown* waits for a person's word."""
    if problem in {"dead", "held", "blocked", "unknown", "retired"}:
        return DELIVERY[problem]
    if owed is None:
        return DELIVERY["idle"]
    if owed.lease_until is not None:
        return DELIVERY["sending" if owed.lease_until > now else "checking"]
    if owed.next_at is None:
        return DELIVERY["blocked"]
    return DELIVERY["due" if owed.next_at <= now else "waiting"]


def connection_state(state: str, resting_until: datetime | None, now: datetime) -> Shown:
    """A paused or troubled connection says so; an open breaker shows as resting."""
    if state == "active" and resting_until is not None and resting_until > now:
        return CONNECTION["resting"]
    return CONNECTION[state]
