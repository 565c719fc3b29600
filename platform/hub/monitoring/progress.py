"""Is the path moving? Readiness asks for progress, not for a process that exists."""

from __future__ import annotations

from time import time
from typing import Any

from django.core.cache import cache
from django.db import connection
from psycopg import sql

from tenants.partners.selectors import open_partners

SWEPT = "progress:swept"
#: The scheduler sweeps every second; after this it is told to be missing.
LATE_SECONDS = 30
SLICE = 50

OLDEST = (
    "SELECT extract(epoch FROM now() - min(next_at)) AS age FROM {schema}.sync_work"
    " WHERE next_at <= now()"
)


def swept(at: float) -> None:
    """The scheduler swept at ``at`` (seconds since the epoch)."""
    cache.set(SWEPT, at, timeout=3600)


def progress() -> dict[str, Any]:
    """``oldest_due_s``: age of the oldest due work over all partners, 0 if none is due.
    ``last_sweep_s``: seconds since the last sweep, None if none is known. ``well``: both low."""
    at = cache.get(SWEPT)
    last = None if at is None else round(time() - at, 1)
    oldest = round(_oldest_due(), 1)
    return {
        "oldest_due_s": oldest,
        "last_sweep_s": last,
        "well": last is not None and last < LATE_SECONDS,
    }


def _oldest_due() -> float:
    """In slices: one statement over hundreds of schemas would plan for longer than it runs."""
    schemas = [p.schema_name for p in open_partners()]
    ages = [_oldest_in(schemas[i : i + SLICE]) for i in range(0, len(schemas), SLICE)]
    return max(ages, default=0.0)


def _oldest_in(schemas: list[str]) -> float:
    parts = [sql.SQL(OLDEST).format(schema=sql.Identifier(s)) for s in schemas]
    with connection.cursor() as cursor:
        text = sql.SQL(" UNION ALL ").join(parts).as_string(cursor.connection)
        cursor.execute(f"SELECT max(age) FROM ({text}) AS some_partners")  # noqa: S608
        (age,) = cursor.fetchone() or (None,)
    return float(age or 0.0)
