"""Figures about the path, for the demo, the board and the operator's console."""

from __future__ import annotations

from hub.sync.sql import rows


def exceptions_by_cause() -> dict[str, dict[str, int]]:
    """Of the active partner, per exception code: how many are ``open``, ``healed`` and closed by
    a person, and how many rows the open ones hold ``parked``."""
    found: dict[str, dict[str, int]] = {}
    for code, open_, healed, closed in rows(
        "SELECT code, count(*) FILTER (WHERE state IN ('open', 'snoozed')),"
        " count(*) FILTER (WHERE resolution = 'healed'),"
        " count(*) FILTER (WHERE resolution IN ('person', 'ignored'))"
        " FROM sync_businessexception GROUP BY code ORDER BY code"
    ):
        found[code] = {"open": open_, "healed": healed, "closed": closed, "parked": 0}
    for code, parked in rows(
        "SELECT x.code, count(*) FROM sync_inboxevent e"
        " JOIN sync_businessexception x ON x.id = e.exception_id WHERE e.state = 'parked'"
        " GROUP BY x.code"
    ):
        found[code]["parked"] = parked
    return found


def owed() -> dict[str, int]:
    """Of the active partner: events not yet read, work due or waiting, deliveries set aside."""
    (events,) = rows("SELECT count(*) FROM sync_inboxevent WHERE state = 'pending'")[0]
    due, waiting = rows(
        "SELECT count(*) FILTER (WHERE next_at <= now()),"
        " count(*) FILTER (WHERE next_at > now() AND next_at < 'infinity') FROM sync_work"
    )[0]
    problems: dict[str, int] = dict(
        rows("SELECT problem, count(*) FROM sync_delivery WHERE problem <> 'none' GROUP BY problem")
    )
    return {"events": events, "due": due, "waiting": waiting, **problems}
