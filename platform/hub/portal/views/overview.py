"""A merchant's overview: one sentence, then the figures, then the picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from hub.portal.page import show
from hub.portal.place import Place, placed
from hub.portal.selectors import overview as read
from hub.portal.selectors.days import newest_day
from hub.portal.systems import BOOKS, System, systems_of
from hub.portal.topology import picture
from hub.portal.words import SOLD, words_for
from tenants.people.models import Role


@dataclass(frozen=True, slots=True)
class Answer:
    """The page's first sentence: of each kind sold that day how many are in ``system``, and how
    many causes wait for the reader."""

    rows: tuple[read.DayRow, ...]
    system: System
    needing: int

    @property
    def single(self) -> bool:
        """Whether the sentence speaks of one thing only."""
        return sum(row.wanted for row in self.rows) == 1


@require_safe
@placed
def overview(request: HttpRequest, place: Place) -> HttpResponse:
    """The whole page."""
    return show(request, place, "portal/overview.html", _figures(place), current="overview")


@require_safe
@placed
def live(request: HttpRequest, place: Place) -> HttpResponse:
    """The part that refreshes itself."""
    context = {
        **_figures(place),
        "place": place,
        "scope": place.scope,
        "words": words_for(place.scope.role),
    }
    return render(request, "portal/overview_live.html", context)


def _figures(place: Place) -> dict[str, Any]:
    environment = place.environment
    systems = systems_of(environment)
    day = newest_day(environment)
    rows = read.day_rows(environment, day, systems)
    traffic = read.traffic(environment, systems)
    causes = read.causes(environment)
    heard = read.heard_on(environment, day)
    return {
        "systems": systems,
        "day": day,
        "rows": rows,
        "sources": _sources(heard, systems),
        "traffic": traffic,
        "causes": causes,
        "answer": answer(rows, _needing(causes, place)),
        "open": sum(cause.count for cause in causes),
        "line": read.total_line(traffic),
        "written_hour": sum(row.written_hour for row in traffic),
        "waiting": sum(row.depth for row in traffic),
        "oldest": _oldest(traffic),
        "heard_at": max((row.heard_at for row in traffic if row.heard_at), default=None),
        "picture": picture(traffic),
        "now": timezone.now(),
    }


def answer(rows: list[read.DayRow], needing: int) -> Answer | None:
    """Did everything that sold reach the books? Where there are none: the system that is to get
    the most of what was sold. None where nothing that was sold is wanted anywhere."""
    sold = [row for row in rows if row.entity in SOLD]
    ranked = sorted(sold, key=lambda row: (row.system.category != BOOKS, -row.wanted))
    if not ranked:
        return None
    first = ranked[0].system
    shown = tuple(row for row in ranked if row.system.id == first.id)
    return Answer(shown, first, needing)


def _needing(causes: list[read.Cause], place: Place) -> int:
    """Open exceptions that wait for this reader's side: a merchant isn't told of others' work."""
    mine = {"merchant"} if place.scope.role == Role.MERCHANT else {cause.owner for cause in causes}
    return sum(cause.count for cause in causes if cause.owner in mine)


def _sources(heard: dict[Any, int], systems: list[Any]) -> list[dict[str, Any]]:
    """Documents of the day by the system they came from."""
    found = []
    for system in systems:
        kinds = {entity: n for (origin, entity), n in heard.items() if origin == system.id}
        if kinds:
            found.append({"system": system, "kinds": kinds, "total": sum(kinds.values())})
    return found


def _oldest(traffic: list[read.Traffic]) -> datetime | None:
    moments = [
        moment for row in traffic for moment in (row.oldest_due, row.oldest_unread) if moment
    ]
    return min(moments, default=None)
