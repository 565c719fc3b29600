"""A page inside the frame: navigation, where one is, who one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from hub.portal.place import Place, zone_of
from hub.portal.selectors.frame import badges
from hub.portal.words import Words, words_for
from tenants.merchants.scope import Scope


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of the navigation. ``key``: the letter after ``g`` that goes there."""

    name: str
    label: str
    url: str
    icon: str
    key: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """What base.html draws around the page. ``current``: name of the page's navigation item."""

    scope: Scope
    words: Words
    zone: str
    items: tuple[Item, ...]
    current: str
    place: Place | None = None

    @property
    def search_url(self) -> str:
        return self.place.url("documents") if self.place else reverse("search")


def show(
    request: HttpRequest,
    where: Place | Scope,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    current: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page ``template`` in the frame of a merchant's environment or of the whole partner."""
    place = where if isinstance(where, Place) else None
    scope = where.scope if isinstance(where, Place) else where
    words = words_for(scope.role)
    frame = Frame(scope, words, _zone_label(request, place), _items(place, words), current, place)
    everything = {"frame": frame, "place": place, "scope": scope, "words": words, **(context or {})}
    return render(request, template, everything, status=status)


def _zone_label(request: HttpRequest, place: Place | None) -> str:
    return (place.zone if place else zone_of(request)).key


def _items(place: Place | None, words: Words) -> tuple[Item, ...]:
    home = Item("home", words.home, reverse("home"), "layout-grid", "h")
    if place is None:
        return (home,)
    open_exceptions, dead = badges(place.environment)
    return (
        home,
        Item("overview", words.overview, place.url("overview"), "activity", "o"),
        Item("documents", words.documents, place.url("documents"), "file-search", "d"),
        Item(
            "exceptions",
            words.exceptions,
            place.url("exceptions"),
            "circle-alert",
            "e",
            open_exceptions,
        ),
        Item("dead_letters", words.dead_letters, place.url("dead_letters"), "mailbox", "l", dead),
        Item("connections", words.connections, place.url("connections"), "plug", "c"),
    )
