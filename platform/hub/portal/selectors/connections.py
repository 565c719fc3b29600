"""The systems of an environment: state, checkpoints, what waits."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Max
from django.http import Http404

from hub.flows.models import Flow
from hub.portal.selectors.overview import Traffic, traffic
from hub.portal.systems import System, systems_of
from hub.sync.models import Attempt, Checkpoint
from tenants.merchants.models import Environment


@dataclass(frozen=True, slots=True)
class Card:
    """One system with everything its card shows."""

    traffic: Traffic
    last_success: object
    checkpoints: list[Checkpoint]
    flows: list[Flow]

    @property
    def system(self) -> System:
        return self.traffic.system


def cards(environment: Environment, slug: str = "") -> list[Card]:
    """Every system, or the one called ``slug``. Eight queries. Raises Http404 for no such one."""
    systems = [one for one in systems_of(environment) if slug in ("", one.row.slug)]
    if slug and not systems:
        raise Http404
    ids = [one.id for one in systems]
    success = dict(
        Attempt.objects.filter(
            connection_id__in=ids,
            outcome__in=[Attempt.Outcome.DONE, Attempt.Outcome.UNCHANGED, Attempt.Outcome.ADOPTED],
        )
        .values("connection_id")
        .annotate(newest=Max("ended_at"))
        .values_list("connection_id", "newest")
    )
    checkpoints = list(Checkpoint.objects.filter(connection_id__in=ids).order_by("stream"))
    flows = list(Flow.objects.filter(target_id__in=ids, active=True).order_by("title"))
    return [
        Card(
            row,
            success.get(row.system.id),
            [one for one in checkpoints if one.connection_id == row.system.id],
            [one for one in flows if one.target_id == row.system.id],
        )
        for row in traffic(environment, systems)
    ]
