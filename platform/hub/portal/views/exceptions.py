"""The exception desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from hub.portal.export import LIMIT, csv_file
from hub.portal.forms import AssignForm, IgnoreForm, ResolveForm, SnoozeForm
from hub.portal.masking import masked_text
from hub.portal.page import show
from hub.portal.paging import page
from hub.portal.place import Place, acting, placed
from hub.portal.selectors import exceptions as read
from hub.portal.selectors.journey import owed, owed_rows
from hub.portal.states import delivery_state
from hub.portal.systems import systems_of
from hub.portal.try_again import resolve_and_try_again
from hub.portal.views.journey import raw_text
from hub.portal.words import OWNERS
from hub.sync import desk
from hub.sync.models import BusinessException, Delivery

KEYS = ("opened_at", "pk")
STATES = (("open", "Open"), ("snoozed", "Snoozed"), ("closed", "Closed"), ("all", "All"))
CLOSED = {BusinessException.State.RESOLVED, BusinessException.State.IGNORED}
HELD = 50
"""Rows shown of what one exception holds up; the count says how many there are."""


@require_safe
@placed
def exceptions(request: HttpRequest, place: Place) -> HttpResponse:
    """By cause while no code is chosen, else the code's own list, paged."""
    wanted = _wanted(request)
    rows = read.exceptions(place.environment, wanted, place.user)
    cursor = request.GET.get("from", "")
    found = page(rows, KEYS, cursor) if wanted.code or cursor else None
    groups = [] if found else read.groups(rows)
    shown = found.rows if found else [row for group in groups for row in group.rows]
    codes, owners = read.facets(place.environment)
    context = {
        "page": found,
        "groups": groups,
        "wanted": wanted,
        "codes": codes,
        "owners": owners,
        "open": sum(number for _, number in owners),
        "owner_keys": list(OWNERS),
        "states": STATES,
        "worth": read.worth(row.pk for row in shown),
        "names": read.people(row.assignee_id for row in shown),
    }
    return show(request, place, "portal/exceptions.html", context, current="exceptions")


@require_safe
@placed
def export(request: HttpRequest, place: Place) -> HttpResponseBase:
    """The same list as a file."""
    rows = read.exceptions(place.environment, _wanted(request), place.user)
    head = ["Code", "What happened", "Owner", "State", "Held up", "Opened", "Due", "Closed", "Id"]
    lines = (
        (
            row.code, row.title, row.owner, row.state, row.held,
            row.opened_at, row.due_at, row.closed_at, row.pk,
        )
        for row in rows.order_by(*KEYS)[:LIMIT].iterator(chunk_size=1000)
    )  # fmt: skip
    return csv_file(f"exceptions-{place.merchant.slug}", head, lines)


@require_safe
@placed
def exception(request: HttpRequest, place: Place, exception: UUID) -> HttpResponse:
    """What happened, whose move it is, the move, and what it holds up."""
    return _detail(request, place, read.one(place.environment, exception))


def assign(request: HttpRequest, **where: Any) -> HttpResponseBase:
    """POST ``to``: somebody takes it."""
    return _act(request, moving=_assigned, **where)


def snooze(request: HttpRequest, **where: Any) -> HttpResponseBase:
    """POST ``until``: out of sight for a while."""
    return _act(request, moving=_snoozed, **where)


def resolve(request: HttpRequest, **where: Any) -> HttpResponseBase:
    """POST ``note``: mended; what waits is tried again."""
    return _act(request, moving=_resolved, **where)


def ignore(request: HttpRequest, **where: Any) -> HttpResponseBase:
    """POST ``reason``: let it be."""
    return _act(request, moving=_ignored, **where)


Moving = Callable[[HttpRequest, Place, BusinessException], tuple[str, forms.Form, str]]


@require_POST
@acting
def _act(request: HttpRequest, place: Place, exception: UUID, moving: Moving) -> HttpResponseBase:
    """Do it and go back to the exception, or show the form again with what is missing."""
    row = read.one(place.environment, exception)
    try:
        name, form, done = moving(request, place, row)
    except desk.NotOpen as closed_already:
        messages.warning(request, str(closed_already))
        return redirect(place.url("exception", exception=exception))
    if form.errors:
        return _detail(request, place, row, {name: form}, status=422)
    messages.success(request, done)
    if name in {"resolve", "ignore"}:
        return redirect(place.url("exceptions"))
    return redirect(place.url("exception", exception=exception))


def _assigned(
    request: HttpRequest, place: Place, row: BusinessException
) -> tuple[str, forms.Form, str]:
    people = read.assignable(place.environment, place.scope.partner.pk)
    form = AssignForm(request.POST, people=people)
    if not form.is_valid():
        return "assign", form, ""
    desk.assign(row, to=form.person, by=place.user)
    return "assign", form, f"{form.person} has it now."


def _snoozed(
    request: HttpRequest, place: Place, row: BusinessException
) -> tuple[str, forms.Form, str]:
    form = SnoozeForm(request.POST)
    if not form.is_valid():
        return "snooze", form, ""
    desk.snooze(row, until=form.moment, by=place.user)
    until = timezone.localtime(form.moment)
    return "snooze", form, f"It comes back on {until:%d %b, %H:%M}."


def _resolved(
    request: HttpRequest, place: Place, row: BusinessException
) -> tuple[str, forms.Form, str]:
    form = ResolveForm(request.POST)
    if not form.is_valid():
        return "resolve", form, ""
    note = form.cleaned_data["note"]
    if not form.cleaned_data["again"]:
        desk.resolve(row, note=note, by=place.user)
        return "resolve", form, "Resolved."
    number = resolve_and_try_again(row, note=note, by=place.user)
    rows = f"{number} row{'' if number == 1 else 's'}"
    return "resolve", form, f"Resolved. {rows} will be tried again now."


def _ignored(
    request: HttpRequest, place: Place, row: BusinessException
) -> tuple[str, forms.Form, str]:
    form = IgnoreForm(request.POST)
    if not form.is_valid():
        return "ignore", form, ""
    desk.ignore(row, reason=form.cleaned_data["reason"], by=place.user)
    return "ignore", form, "Ignored. The reason is kept with your name."


def _detail(
    request: HttpRequest,
    place: Place,
    row: BusinessException,
    bound: dict[str, forms.Form] | None = None,
    status: int = 200,
) -> HttpResponse:
    people = read.assignable(place.environment, place.scope.partner.pk)
    systems = {one.id: one for one in systems_of(place.environment)}
    blank = {
        "assign": AssignForm(people=people, initial={"to": row.assignee_id or place.user.pk}),
        "snooze": SnoozeForm(initial={"until": "day"}),
        "resolve": ResolveForm(),
        "ignore": IgnoreForm(),
    }
    context = {
        "row": row,
        "rows": _held(row, systems),
        "events": [
            (event, raw_text(bytes(event.body), place)[0]) for event in read.held_events(row, HELD)
        ],
        "closed": row.state in CLOSED,
        "cause": row.cause if place.sees_people else masked_text(row.cause),
        "worth": read.worth([row.pk]).get(row.pk, []),
        "system": systems.get(row.connection_id) if row.connection_id else None,
        "systems": systems,
        "forms": {**blank, **(bound or {})},
        "opened_form": next(iter(bound), "") if bound else "",
        "assignee": read.people([row.assignee_id]).get(row.assignee_id, ""),
    }
    return show(
        request, place, "portal/exception.html", context, current="exceptions", status=status
    )


def _held(row: BusinessException, systems: dict[UUID, Any]) -> list[dict[str, Any]]:
    now = timezone.now()
    rows = owed_rows(Delivery.objects.filter(exception_id=row.pk, connection_id__in=systems))
    found = rows.select_related("record").defer("record__content", "sending_body")
    return [
        {
            "delivery": one,
            "system": systems[one.connection_id],
            "state": delivery_state(one.problem, owed(one), now),
        }
        for one in found.order_by("created_at", "pk")[:HELD]
    ]


def _wanted(request: HttpRequest) -> read.Wanted:
    asked = request.GET
    return read.Wanted(
        asked.get("state", "open"),
        asked.get("code", ""),
        asked.get("owner", ""),
        asked.get("assignee", ""),
        asked.get("q", "").strip(),
    )
