"""Is it up, and does work get done? `/healthz`, `/readyz`, `/metrics`.

Health is cheap and touches nothing. Readiness asks the services and reports *progress*: how long
the oldest due work has waited and when the last sweep ran, because a process can be alive and
stuck (dramatiq #376: a group without a worker exits 0).
"""

from __future__ import annotations

import hmac
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from hub.monitoring.progress import progress
from kernel.telemetry import metrics as registry

LOOPBACK = {"127.0.0.1", "::1"}
STALE_SWEEP = 120.0
"""Seconds after which a missing sweep means that nobody rings for due work."""
REDIS_PATIENCE = 1.0


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database answers and sweeps go on, else 503; the body says what and since when.

    Redis down is reported but doesn't make the process unready: it only slows work down.
    """
    report: dict[str, Any] = {"database": _database(), "redis": _redis(), **_progress()}
    swept = report["last_sweep_s"]
    stuck = swept is not None and swept > STALE_SWEEP
    report["ready"] = report["database"] and not stuck
    return JsonResponse(report, status=200 if report["ready"] else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text of this process, for the machine itself or a holder of the token."""
    if not may_read_metrics(request.META.get("REMOTE_ADDR", ""), request.headers):
        return HttpResponse(status=404)
    body, content_type = registry.exposition()
    return HttpResponse(body, content_type=content_type)


def may_read_metrics(remote: str, headers: Any) -> bool:
    """Token if one is set and given; else only straight from this machine, not through a proxy."""
    given = str(headers.get("Authorization", "")).removeprefix("Bearer ")
    if settings.METRICS_TOKEN and hmac.compare_digest(
        given.encode(), settings.METRICS_TOKEN.encode()
    ):
        return True
    return remote in LOOPBACK and "X-Forwarded-For" not in headers


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis() -> bool | None:
    if not settings.REDIS_URL:
        return None
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_PATIENCE)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _progress() -> dict[str, Any]:
    """Of `hub.monitoring.progress`; unknown, as null, while the database or Redis is away."""
    try:
        return progress()
    except (DatabaseError, redis.RedisError):
        return {"oldest_due_s": None, "last_sweep_s": None, "well": None}
