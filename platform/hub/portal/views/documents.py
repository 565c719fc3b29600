"""Find anything by any id."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from hub.portal.export import LIMIT, csv_file
from hub.portal.page import show
from hub.portal.paging import page
from hub.portal.place import Place, placed, sees_people, signed_in
from hub.portal.selectors import documents as read
from hub.portal.selectors.days import BusinessDay, day_of
from hub.portal.systems import systems_of
from hub.portal.views.journey import NAMELESS
from hub.portal.words import ENTITIES, entity_word
from tenants.merchants.scope import Scope

KEYS = ("-changed_at", "pk")
ACROSS = 50


@require_safe
@placed
def documents(request: HttpRequest, place: Place) -> HttpResponseBase:
    """The list; a text that exactly one document is called by opens it."""
    wanted = _wanted(request, place)
    environments = [place.environment.pk]
    if wanted == read.Wanted(wanted.text) and wanted.text:
        only = read.exact_match(environments, wanted.text)
        if only is not None:
            return redirect(place.url("journey", record=only.pk))
    rows = read.documents(environments, wanted)
    found = page(rows, KEYS, request.GET.get("from", ""))
    context: dict[str, Any] = {
        "page": found,
        "wanted": wanted,
        "entities": list(ENTITIES),
        "systems": systems_of(place.environment),
    }
    return show(request, place, "portal/documents.html", context, current="documents")


@require_safe
@placed
def export(request: HttpRequest, place: Place) -> HttpResponseBase:
    """The same list as a file."""
    titles: dict[Any, str] = {one.id: one.title for one in systems_of(place.environment)}
    rows = read.documents([place.environment.pk], _wanted(request, place)).order_by(*KEYS)[:LIMIT]
    head = ["Kind", "Number", "Title", "State", "From", "Happened", "Changed", "Id"]
    lines = (
        (
            entity_word(row.entity),
            row.number,
            row.title if place.sees_people or row.entity in NAMELESS else "",
            row.state,
            titles.get(row.origin_id, ""),
            row.occurred_at,
            row.changed_at,
            row.pk,
        )
        for row in rows.iterator(chunk_size=1000)
    )
    return csv_file(f"documents-{place.merchant.slug}", head, lines)


@require_safe
@signed_in
def search(request: HttpRequest, scope: Scope) -> HttpResponseBase:
    """The same search over every merchant the person may see."""
    wanted = read.Wanted(text=request.GET.get("q", "").strip())
    environments = {row.pk: row for row in scope.environments()}
    found: list[Any] = []
    if wanted.text:
        rows = read.documents(list(environments), wanted).order_by(*KEYS)[:ACROSS]
        found = [(environments[row.environment_id], row) for row in rows]
    context = {
        "found": found,
        "wanted": wanted,
        "full": len(found) == ACROSS,
        "hide_people": not sees_people(scope),
    }
    return show(request, scope, "portal/search.html", context, current="search")


def _wanted(request: HttpRequest, place: Place) -> read.Wanted:
    return read.Wanted(
        request.GET.get("q", "").strip(),
        request.GET.get("entity", ""),
        request.GET.get("state", ""),
        request.GET.get("system", ""),
        request.GET.get("to", ""),
        _day(request.GET.get("day", ""), place),
    )


def _day(text: str, place: Place) -> BusinessDay | None:
    """The merchant's day a URL names, or none if it isn't a date."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day_of(day, ZoneInfo(place.merchant.time_zone), timezone.now())
