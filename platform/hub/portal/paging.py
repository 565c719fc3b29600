"""Keyset paging: a page costs the same however deep it lies, and rows that arrive don't shift it.

A cursor is the sort values of the last row seen, written into the URL.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Model, Q, QuerySet
from django.http import Http404

SIZE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """``rows`` in order; ``next`` and ``previous`` are cursors, empty where there is no more."""

    rows: list[Any] = field(default_factory=list)
    next: str = ""
    previous: str = ""


def page(rows: QuerySet[Any], keys: Sequence[str], cursor: str, size: int = SIZE) -> Page:
    """One page of ``rows`` sorted by ``keys`` ("-" = falling; the last key must be unique and no
    key null). Raises Http404 for a cursor that isn't one of ours."""
    values, backwards = read_cursor(cursor, len(keys))
    order = [_turned(key) for key in keys] if backwards else list(keys)
    wanted = rows.order_by(*order)
    if values:
        wanted = wanted.filter(_beyond(order, values))
    found = list(wanted[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_next = more if not backwards else bool(found)
    has_previous = bool(values) if not backwards else more
    return Page(
        found,
        write_cursor(found[-1], keys, backwards=False) if found and has_next else "",
        write_cursor(found[0], keys, backwards=True) if found and has_previous else "",
    )


def write_cursor(row: Model, keys: Sequence[str], *, backwards: bool) -> str:
    """The row's sort values as URL text."""
    values = [getattr(row, key.lstrip("-")) for key in keys]
    raw = msgspec.json.encode(["<" if backwards else ">", *values])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(text: str, length: int) -> tuple[list[Any], bool]:
    """(sort values, whether it looks backwards); no values for an empty text. Raises Http404."""
    if not text:
        return [], False
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        direction, *values = msgspec.json.decode(raw, type=list[Any])
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise Http404 from error
    if len(values) != length or direction not in {"<", ">"}:
        raise Http404
    return [_typed(value) for value in values], direction == "<"


def _typed(value: Any) -> Any:
    """Times and ids come back as text; anything else that isn't plain is refused."""
    if isinstance(value, str):
        for parse in (datetime.fromisoformat, UUID):
            try:
                return parse(value)
            except ValueError:
                continue
    if isinstance(value, dict | list) or value is None:
        raise Http404
    return value


def _turned(key: str) -> str:
    return key[1:] if key.startswith("-") else f"-{key}"


def _beyond(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows after ``values`` in ``order``: (a > x) or (a = x and b > y) or …"""
    beyond, equal = Q(), Q()
    for key, value in zip(order, values, strict=True):
        name = key.lstrip("-")
        beyond |= equal & Q(**{f"{name}__{'lt' if key.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    return beyond
