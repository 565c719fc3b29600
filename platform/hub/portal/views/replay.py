"""Doing one thing again, or saying what happened: each page tells the effect before it is done."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from hub.portal.forms import DeclareForm, RecreateForm
from hub.portal.page import show
from hub.portal.place import Place, acting
from hub.portal.selectors import dead_letters, journey
from hub.portal.selectors import replay as read
from hub.portal.systems import System, systems_of
from hub.portal.words import entity_word
from hub.sync import replay
from hub.sync.models import Delivery, InboxEvent, Record

VERBS = ["GET", "HEAD", "POST"]


@require_http_methods(VERBS)
@acting
def recreate(request: HttpRequest, place: Place, delivery: UUID) -> HttpResponseBase:
    """GET: what would be forgotten and written. POST ``gone``: do it. 404 where it can't be."""
    row, system = _found(place, delivery)
    names = read.names_there(row, system)
    if not read.can_recreate(row, row.record, names):
        raise Http404
    form = RecreateForm(_sent(request))
    if request.method == "POST" and form.is_valid():
        replay.recreate(row, by=place.user)
        messages.success(request, f"{_called(row.record)} is being created anew at {system.title}.")
        return redirect(place.url("journey", record=row.record_id))
    context = {
        "names": names,
        "steps": sum(one.role != "primary" for one in names),
        "form": form,
    }
    return _page(request, place, "recreate", row, system, context)


@require_http_methods(VERBS)
@acting
def declare(request: HttpRequest, place: Place, delivery: UUID) -> HttpResponseBase:
    """GET: what is known of an uncertain delivery. POST ``arrived`` and its id there: settle it."""
    row, system = _found(place, delivery)
    names = [one for one in read.names_there(row, system) if one.role == "primary"]
    form = DeclareForm(_sent(request), title=system.title, named=bool(names))
    if request.method == "POST" and form.is_valid():
        _refuse_taken(form, row, system)
        if form.is_valid():
            return _declared(request, place, row, system, form)
    context = {
        "names": names,
        "form": form,
        "attempts": dead_letters.attempts([row.pk]),
        "uncertain": row.problem == Delivery.Problem.UNKNOWN,
    }
    return _page(request, place, "declare", row, system, context)


@require_http_methods(VERBS)
@acting
def read_again(request: HttpRequest, place: Place, record: UUID, number: int) -> HttpResponseBase:
    """GET: what reading the same bytes again would do. POST: do it."""
    event: InboxEvent = journey.event_of(place.environment, record, number)
    about = journey.record_of(place.environment, record)
    if request.method == "POST":
        replay.renormalise(event, by=place.user)
        messages.success(
            request, "It is being read again. What changed by it shows here as a new version."
        )
        return redirect(place.url("journey", record=record))
    systems = {one.id: one for one in systems_of(place.environment)}
    context = {"event": event, "record": about, "system": systems.get(event.connection_id)}
    return show(request, place, "portal/read_again.html", context, current="documents")


def _sent(request: HttpRequest) -> QueryDict | None:
    """What the form was sent with, even if that is nothing; None where it is only looked at."""
    return request.POST if request.method == "POST" else None


def _found(place: Place, delivery: UUID) -> tuple[Delivery, System]:
    row = dead_letters.delivery(place.environment, delivery)
    systems = {one.id: one for one in systems_of(place.environment)}
    return row, systems[row.connection_id]


def _declared(
    request: HttpRequest, place: Place, row: Delivery, system: System, form: DeclareForm
) -> HttpResponse:
    arrived = form.arrived
    try:
        replay.declare(
            row, arrived=arrived, external_id=form.cleaned_data["external_id"], by=place.user
        )
    except ValueError as settled_already:
        messages.warning(request, str(settled_already))
    else:
        said = "counts as arrived" if arrived else "did not arrive and is being sent"
        messages.success(request, f"{_called(row.record)} {said} at {system.title}.")
    return redirect(place.url("journey", record=row.record_id))


def _refuse_taken(form: DeclareForm, row: Delivery, system: System) -> None:
    """An id that is another record's there would tie two records to one thing."""
    other = form.arrived and read.taken_by(row, system, form.cleaned_data["external_id"])
    if other:
        form.add_error(
            "external_id",
            f"That is {_called(other.record)} there: look for the id of {_called(row.record)}.",
        )


def _called(record: Record) -> str:
    """E.g. ``Order 515``; nothing that names a person."""
    return f"{entity_word(record.entity)} {record.number}".strip()


def _page(
    request: HttpRequest,
    place: Place,
    name: str,
    row: Delivery,
    system: System,
    context: dict[str, object],
) -> HttpResponse:
    form = context["form"]
    refused = isinstance(form, forms.Form) and form.is_bound
    return show(
        request,
        place,
        f"portal/{name}.html",
        {"row": row, "record": row.record, "system": system, **context},
        current="documents",
        status=422 if refused else 200,
    )
