"""Where doorbells are carried. Nothing is lost when the broker loses them, so it doesn't retry:
the schedule is in the rows (engine.md section 7)."""

from __future__ import annotations

import dramatiq
from django.conf import settings
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Callbacks, ShutdownNotifications, TimeLimit

from kernel.telemetry import metrics
from tenants.context import PartnerMiddleware


class ExposeMetrics(dramatiq.Middleware):
    """Each worker process tells its own figures, once it has forked."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        metrics.serve_if_asked()


def broker_for(url: str) -> RedisBroker:
    """``heartbeat_timeout``: a killed worker's messages are found again after 15 s; the sweep
    rings long before that. Age limit: a ring older than a minute has been rung again."""
    return RedisBroker(
        url=url,
        namespace="dramatiq",
        heartbeat_timeout=15_000,
        maintenance_chance=10_000,
        middleware=[
            AgeLimit(max_age=60_000),
            TimeLimit(),
            ShutdownNotifications(),
            Callbacks(),
            ExposeMetrics(),
            PartnerMiddleware(),
        ],
    )


broker = broker_for(settings.REDIS_URL or "redis://127.0.0.1:1")
dramatiq.set_broker(broker)
