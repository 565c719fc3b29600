"""What people do with business exceptions. Each act is audited in the transaction that does it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hub.sync.models import BusinessException
from kernel.audit.record import record
from tenants.people.models import User

State = BusinessException.State


class NotOpen(ValueError):
    """The exception was closed meanwhile, by a person or because its cause went away."""


def assign(exception: BusinessException, *, to: User | None, by: User) -> BusinessException:
    """Make it a person's; None gives it back to all."""
    return _change(exception, by, "exception.assigned",
                   {"to": str(to.id) if to else "nobody"},
                   assignee_id=to.id if to else None)  # fmt: skip


def snooze(exception: BusinessException, *, until: datetime, by: User) -> BusinessException:
    """Out of sight until then; the rows it holds up stay where they are.

    Raises ValueError for a moment that has passed.
    """
    if until <= timezone.now():
        raise ValueError("Choose a moment in the future: until then it stays out of the list.")
    return _change(exception, by, "exception.snoozed", {"until": until.isoformat()},
                   state=State.SNOOZED, snoozed_until=until)  # fmt: skip


def resolve(exception: BusinessException, *, note: str, by: User) -> BusinessException:
    """A person has mended it. Rows that still fail open it anew."""
    return _change(exception, by, "exception.resolved", {"note": note[:500]},
                   state=State.RESOLVED, resolution="person", note=note,
                   closed_at=timezone.now())  # fmt: skip


def ignore(exception: BusinessException, *, reason: str, by: User) -> BusinessException:
    """It needs no mending; the reason says why. Raises ValueError without one."""
    if not reason.strip():
        raise ValueError("Say why it can be ignored: the next person will ask.")
    return _change(exception, by, "exception.ignored", {"reason": reason[:500]},
                   state=State.IGNORED, resolution="ignored", note=reason,
                   closed_at=timezone.now())  # fmt: skip


def _change(
    exception: BusinessException, by: User, act: str, detail: dict[str, str], **fields: object
) -> BusinessException:
    with transaction.atomic():
        row = BusinessException.objects.select_for_update().get(pk=exception.pk)
        if row.state not in (State.OPEN, State.SNOOZED):
            raise NotOpen(f"This exception is {row.get_state_display().lower()} already.")
        for name, value in fields.items():
            setattr(row, name, value)
        row.changed_at = timezone.now()
        row.save(update_fields=[*fields, "changed_at"])
        record(f"user:{by.id}", act, f"exception:{row.pk}", {"code": row.code, **detail})
    return row
