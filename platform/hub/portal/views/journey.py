"""One record's journey, and the raw things behind its hops."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from hub.portal.differences import differences, leaves
from hub.portal.journey import hops_of, lanes_of
from hub.portal.masking import masked, masked_text
from hub.portal.page import show
from hub.portal.place import Place, placed
from hub.portal.selectors import journey as read
from hub.portal.selectors.replay import can_recreate, names_among

NAMELESS = frozenset({"product", "price", "tax_rate", "location", "stock_level", "stock_movement"})
"""Entities whose titles never name a person; an order's title may be its customer's name."""
SHOWN_BYTES = 200_000
"""Of a raw body as much is shown; all of it stays stored."""


@require_safe
@placed
def journey(request: HttpRequest, place: Place, record: UUID) -> HttpResponse:
    """Every hop of the record in time, and where it stands at each target."""
    now = timezone.now()
    story = read.story(place.environment, record, now)
    lanes = lanes_of(story)
    content = content_of(story.record.content, place)
    context = {
        "story": story,
        "record": story.record,
        "lanes": lanes,
        "hops": hops_of(story, lanes),
        "content": content,
        "money": _money(content),
        "summary": _summary(content),
        "personal": story.record.entity == "customer" and not place.sees_people,
        "show_title": place.sees_people or story.record.entity in NAMELESS,
        "now": now,
        "recreatable": _recreatable(story),
    }
    return show(request, place, "portal/journey.html", context, current="documents")


@require_safe
@placed
def version(request: HttpRequest, place: Place, record: UUID, number: int) -> HttpResponse:
    """What one version changed, before and after."""
    after, before = read.version_pair(place.environment, record, number)
    new = content_of(after.content, place)
    old = content_of(before.content, place) if before else {}
    context = {
        "version": after,
        "before": before,
        "changes": differences(old, new) if before else [],
        "leaves": [] if before else list(leaves(new)),
        "record": read.record_of(place.environment, record),
    }
    return _part(request, place, "version", context)


@require_safe
@placed
def heard(request: HttpRequest, place: Place, record: UUID, number: int) -> HttpResponse:
    """What a source told us, as received; personal data masked for those who only read."""
    event = read.event_of(place.environment, record, number)
    text, is_json = raw_text(bytes(event.body), place)
    context = {
        "event": event,
        "text": text,
        "is_json": is_json,
        "masked": not place.sees_people,
        "size": len(bytes(event.body)),
        "record": read.record_of(place.environment, record),
    }
    return _part(request, place, "heard", context)


def content_of(content: bytes | memoryview | None, place: Place) -> dict[str, Any]:
    """Canonical content as the reader may see it; {} where there is none."""
    if content is None:
        return {}
    value: dict[str, Any] = msgspec.json.decode(bytes(content))
    return value if place.sees_people else masked(value)


def raw_text(body: bytes, place: Place) -> tuple[str, bool]:
    """(readable text of what arrived, whether it is JSON). Bytes that aren't UTF-8 are read as
    Windows-1252, which old tills write."""
    try:
        value = json.loads(body)
    except ValueError:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = body.decode("cp1252", "replace")
        text = text[:SHOWN_BYTES]
        return (text if place.sees_people else masked_text(text)), False
    shown = value if place.sees_people else masked(value)
    return json.dumps(shown, indent=2, ensure_ascii=False)[:SHOWN_BYTES], True


def _recreatable(story: read.Story) -> set[UUID]:
    """Deliveries whose target can have lost the record."""
    return {
        one.delivery.pk
        for one in story.targets
        if can_recreate(
            one.delivery, story.record, names_among(story.bindings, one.delivery, one.system)
        )
    }


def _part(request: HttpRequest, place: Place, name: str, context: dict[str, Any]) -> HttpResponse:
    """Inside the journey for htmx; a page of its own for everyone else."""
    if request.headers.get("HX-Request"):
        return render(request, f"portal/{name}_part.html", {**context, "place": place})
    return show(request, place, f"portal/{name}.html", context, current="documents")


def _money(content: dict[str, Any]) -> dict[str, str] | None:
    """The amount a person asks for first: a total, a price, an amount."""
    for value in (
        content.get("totals", {}).get("grand_total"),
        content.get("amount"),
        content.get("price"),
    ):
        if isinstance(value, dict) and "currency" in value:
            return value
    return None


def _summary(content: dict[str, Any]) -> list[tuple[str, str]]:
    """State words of the content that say where the business stands."""
    names = ("order_state", "payment_state", "fulfilment_state", "source_status", "status")
    return [
        (name.replace("_", " "), str(content[name]).replace("_", " "))
        for name in names
        if content.get(name)
    ]
