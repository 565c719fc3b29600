"""What a killed process held is free as soon as its successor starts, not when its leases run out.

Only the supervisor can know that a process has ended: it reaped the process and all it had started,
and tells the successor the mark that the dead one's fences begin with. A lease that is cut short
here counts as lost, as one that ran out does: what was in flight is an unknown outcome (rule 3.4).
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError, close_old_connections

from hub.sync.identity import fences_of_the_life_before
from hub.sync.sql import execute
from tenants.context import each_partner

log = structlog.get_logger(__name__)

FREE = (
    "UPDATE {table} SET lease_until = now() - interval '1 microsecond'"
    " WHERE lease_until > now() AND fence BETWEEN %s AND %s"
)


def inherit() -> int:
    """End the leases of the life before, in every partner's schema; how many there were.

    Never fails its caller: where it can't, the leases run out by themselves.
    """
    fences = fences_of_the_life_before()
    if fences is None:
        return 0
    freed = 0
    try:
        for _ in each_partner():
            for table in ("sync_work", "sync_inboxevent"):
                freed += execute(FREE.format(table=table), list(fences))
    except DatabaseError as error:
        log.warning("inherit.failed", error=type(error).__name__)
    finally:
        close_old_connections()
    if freed:
        log.info("inherit.freed", rows=freed)
    return freed
