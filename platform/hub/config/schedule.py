"""The scheduler process: ``python -m hub.config.schedule``. Sweeps every second, mends hourly.

It is not elected and needn't be: every firing is a conditional update in the database, so two of
them only ask twice.
"""

from __future__ import annotations

import os
import signal
import threading
from time import monotonic, time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.config.settings")
django.setup()

import structlog  # noqa: E402 - models load only after setup
from django.db import DatabaseError, close_old_connections  # noqa: E402

from hub.monitoring import progress  # noqa: E402
from hub.sync.actors import ring  # noqa: E402
from hub.sync.sweep import sweep  # noqa: E402
from kernel.telemetry import metrics  # noqa: E402
from tenants.partners import departure  # noqa: E402
from tenants.partners.selectors import open_partners  # noqa: E402

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 3.0
DROP_SECONDS = 3600.0
"""Deleted partners are dropped days after they left: the hour doesn't matter."""


def run(stop: threading.Event) -> None:
    """Sweep until asked to stop; a database that is away is waited for."""
    turn, housekept, dropped = 0, 0.0, monotonic()
    while not stop.wait(SWEEP_SECONDS):
        try:
            schemas = [p.schema_name for p in open_partners()]
            sweep(schemas, turn)
            metrics.SWEEPS.inc()
            progress.swept(time())
            if monotonic() - housekept > HOUSEKEEPING_SECONDS:
                housekept = monotonic()
                metrics.OLDEST_DUE.set(progress.progress()["oldest_due_s"])
                for schema in schemas:
                    ring("housekeeping", "sweep", schema=schema)
            if monotonic() - dropped > DROP_SECONDS:
                dropped = monotonic()
                departure.drop_due(actor="system:scheduler")
        except DatabaseError as error:
            log.warning("schedule.database_away", error=type(error).__name__)
            close_old_connections()
        turn += 1


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics.serve_if_asked()
    run(stop)


if __name__ == "__main__":
    main()
