"""The systems of a merchant: how each is doing, pausing and resuming."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from connectors.sdk.errors import Unavailable
from hub.connections import consent, lifecycle
from hub.connections.models import Connection
from hub.connections.session import webhook_address
from hub.portal.forms import PauseForm
from hub.portal.page import show
from hub.portal.place import Place, acting, placed
from hub.portal.selectors.connections import Card, cards


@require_safe
@placed
def connections(request: HttpRequest, place: Place) -> HttpResponse:
    """Every system of the environment."""
    found = cards(place.environment)
    context = {
        "cards": found,
        "troubled": sum(card.traffic.state.tone in {"bad", "warn"} for card in found),
    }
    return show(request, place, "portal/connections.html", context, current="connections")


@require_safe
@placed
def connection(request: HttpRequest, place: Place, connection: str) -> HttpResponse:
    """One system: checkpoints, webhook address, what it gets."""
    return _detail(request, place, cards(place.environment, connection)[0], PauseForm())


@require_POST
@acting
def pause(request: HttpRequest, place: Place, connection: str) -> HttpResponseBase:
    """POST ``reason``: stop processing. What arrives meanwhile is kept."""
    card = cards(place.environment, connection)[0]
    form = PauseForm(request.POST)
    if not form.is_valid():
        return _detail(request, place, card, form, status=422)
    if card.system.row.state != Connection.State.PAUSED:
        lifecycle.pause(
            card.system.row,
            reason=form.cleaned_data["reason"],
            actor=f"user:{place.user.pk}",
            owner="partner",
        )
    messages.success(request, f"{card.system.title} is paused. What it tells us is kept.")
    return redirect(place.url("connection", connection=connection))


@require_POST
@acting
def resume(request: HttpRequest, place: Place, connection: str) -> HttpResponseBase:
    """POST: go on, starting with what waited."""
    card = cards(place.environment, connection)[0]
    if card.system.row.state != Connection.State.ACTIVE:
        lifecycle.resume(card.system.row, actor=f"user:{place.user.pk}")
    messages.success(request, f"{card.system.title} is working again, oldest first.")
    return redirect(place.url("connection", connection=connection))


def _detail(
    request: HttpRequest, place: Place, card: Card, form: PauseForm, status: int = 200
) -> HttpResponse:
    context = {
        "card": card,
        "row": card.system.row,
        "form": form,
        "webhook": _address(card) if place.scope.may_administer else "",
        "administers": place.scope.may_administer,
        "consents": place.scope.may_administer and consent.offered(card.system.row),
    }
    return show(
        request, place, "portal/connection.html", context, current="connections", status=status
    )


def _address(card: Card) -> str:
    """Where the system pushes to; "" while there is no such address."""
    if not card.system.pushes:
        return ""
    try:
        return webhook_address(card.system.row)
    except Unavailable:
        return ""
