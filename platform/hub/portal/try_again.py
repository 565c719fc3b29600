"""After a cause was mended: have everything it held up tried again."""

from __future__ import annotations

from hub.sync import desk, replay
from hub.sync.models import BusinessException, Delivery, InboxEvent
from tenants.people.models import User

LIMIT = 5_000
"""Rows tried again in one act; the rest keep waiting and are listed as dead letters."""


def resolve_and_try_again(exception: BusinessException, *, note: str, by: User) -> int:
    """Close it, send what it held up again, read what it set aside again; returns how many.

    A row whose cause is still there opens it anew. Raises `desk.NotOpen`.
    """
    held = list(
        Delivery.objects.filter(exception_id=exception.pk)
        .exclude(problem=Delivery.Problem.NONE)
        .order_by("created_at")[:LIMIT]
    )
    events = list(InboxEvent.objects.filter(exception_id=exception.pk)[:LIMIT])
    # Each step commits by itself: the doorbells of the later ones must ring after their commit,
    # and a row that fails again must open the cause anew, not join the one being closed.
    desk.resolve(exception, note=note, by=by)
    number = replay.resend(held, by=by)
    for event in events:
        replay.renormalise(event, by=by)
    return number + len(events)
