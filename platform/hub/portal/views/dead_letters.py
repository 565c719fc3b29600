"""What could not be delivered, what was tried, and sending it again with the effect known first."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from hub.portal.export import LIMIT, csv_file
from hub.portal.page import show
from hub.portal.paging import page
from hub.portal.place import Place, acting, placed
from hub.portal.selectors import dead_letters as read
from hub.portal.states import DELIVERY
from hub.portal.systems import systems_of
from hub.portal.words import entity_word
from hub.sync import replay

KEYS = ("-created_at", "pk")


@require_safe
@placed
def dead_letters(request: HttpRequest, place: Place) -> HttpResponse:
    """The list, filtered by system, resource and code."""
    wanted = _wanted(request)
    facets = read.facets(place.environment)
    context = {
        "page": page(
            read.dead_letters(place.environment, wanted), KEYS, request.GET.get("from", "")
        ),
        "wanted": wanted,
        "systems": {one.id: one for one in systems_of(place.environment)},
        "resources": sorted({row["resource"] for row in facets}),
        "codes": sorted({row["code"] for row in facets if row["code"]}),
        "states": [DELIVERY[state] for state in read.STATES],
    }
    return show(request, place, "portal/dead_letters.html", context, current="dead_letters")


@require_safe
@placed
def export(request: HttpRequest, place: Place) -> HttpResponseBase:
    """The same list as a file."""
    titles = {one.id: one.title for one in systems_of(place.environment)}
    rows = read.dead_letters(place.environment, _wanted(request)).order_by(*KEYS)[:LIMIT]
    head = ["Kind", "Number", "Target", "Resource", "Code", "Tries", "Last tried", "Message", "Id"]
    lines = (
        (
            entity_word(row.record.entity),
            row.record.number,
            titles.get(row.connection_id, ""),
            row.resource,
            row.problem_code,
            row.tries,
            row.last_at,
            row.last_message,
            row.pk,
        )
        for row in rows.iterator(chunk_size=1000)
    )
    return csv_file(f"dead-letters-{place.merchant.slug}", head, lines)


@require_safe
@placed
def dead_letter(request: HttpRequest, place: Place, delivery: UUID) -> HttpResponse:
    """What was tried, attempt by attempt."""
    row = read.delivery(place.environment, delivery)
    systems = {one.id: one for one in systems_of(place.environment)}
    context = {
        "row": row,
        "state": DELIVERY.get(row.problem, DELIVERY["idle"]),
        "system": systems[row.connection_id],
        "attempts": read.attempts([row.pk]),
        "exception": read.exception_of(row),
    }
    return show(request, place, "portal/dead_letter.html", context, current="dead_letters")


@require_http_methods(["GET", "HEAD", "POST"])
@acting
def resend(request: HttpRequest, place: Place) -> HttpResponseBase:
    """GET ?delivery=…: what sending them again would do. POST: do it."""
    asked = request.POST if request.method == "POST" else request.GET
    keys = asked.getlist("delivery")
    if not keys:
        messages.warning(request, "Nothing was selected: tick the rows to send again first.")
        return redirect(place.url("dead_letters"))
    rows = read.chosen(place.environment, keys)
    if request.method == "POST":
        number = replay.resend(rows, by=place.user)
        left = len(rows) - number
        kept = f" {left} stayed: somebody must decide about them first." if left else ""
        say = messages.success if number else messages.warning
        say(request, f"{number} on the way again.{kept}")
        only = {row.record_id for row in rows}
        if len(only) == 1:
            return redirect(place.url("journey", record=only.pop()))
        return redirect(place.url("dead_letters"))
    effects = replay.preview(rows)
    context = {
        "effects": effects,
        "counts": dict(Counter(effect.effect for effect in effects)),
        "systems": {one.id: one for one in systems_of(place.environment)},
        "now": timezone.now(),
    }
    return show(request, place, "portal/resend.html", context, current="dead_letters")


def _wanted(request: HttpRequest) -> read.Wanted:
    asked = request.GET
    return read.Wanted(
        asked.get("state", "dead"),
        asked.get("system", ""),
        asked.get("resource", ""),
        asked.get("code", ""),
    )
