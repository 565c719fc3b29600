"""Deliveries that ended without success, or wait for a decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import Http404

from hub.connections.models import Connection
from hub.portal.place import id_or_none
from hub.sync.models import Attempt, BusinessException, Delivery
from tenants.merchants.models import Environment

STATES = ("dead", "unknown", "held")
LIMIT = 500
"""Deliveries one resend may name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list was asked for. ``state``: one of STATES."""

    state: str = "dead"
    connection: str = ""
    resource: str = ""
    code: str = ""


def dead_letters(environment: Environment, wanted: Wanted) -> QuerySet[Any]:
    """Those that match, each with its record and ``tries``, ``last_message``, ``last_at``."""
    rows = of_environment(environment).filter(
        problem=wanted.state if wanted.state in STATES else "dead"
    )
    if connection := id_or_none(wanted.connection):
        rows = rows.filter(connection_id=connection)
    if wanted.resource:
        rows = rows.filter(resource=wanted.resource)
    if wanted.code:
        rows = rows.filter(problem_code=wanted.code)
    last = Attempt.objects.filter(delivery_id=OuterRef("pk")).order_by("-id")
    return rows.annotate(
        tries=Subquery(last.values("number")[:1]),
        last_message=Subquery(last.values("message")[:1]),
        last_at=Subquery(last.values("ended_at")[:1]),
    )


def of_environment(environment: Environment) -> QuerySet[Delivery]:
    """Every delivery of the environment, with its record (without the content)."""
    connections = Connection.objects.filter(environment=environment).values("pk")
    return (
        Delivery.objects.filter(environment_id=environment.pk, connection_id__in=connections)
        .select_related("record")
        .defer("record__content", "sending_body")
    )


def delivery(environment: Environment, key: UUID) -> Delivery:
    """Raises Http404 for one of another environment."""
    row = of_environment(environment).filter(pk=key).first()
    if row is None:
        raise Http404
    return row


def chosen(environment: Environment, keys: Iterable[str]) -> list[Delivery]:
    """The deliveries a form names; Http404 if one isn't there or isn't theirs, or none is named."""
    asked = set(keys)
    ids = {key for text in asked if (key := id_or_none(text))}
    if not ids or len(ids) != len(asked) or len(ids) > LIMIT:
        raise Http404
    rows = list(of_environment(environment).filter(pk__in=ids).order_by("created_at", "pk"))
    if len(rows) != len(ids):
        raise Http404
    return rows


def attempts(deliveries: Iterable[UUID], limit: int = 200) -> list[Attempt]:
    """What was tried, oldest first; of many tries the newest ``limit``."""
    rows = Attempt.objects.filter(delivery_id__in=list(deliveries)).order_by("-id")[:limit]
    return sorted(rows, key=lambda row: row.pk)


def facets(environment: Environment) -> list[Any]:
    """(connection, resource, code) combinations that occur, for the filter bar. One query."""
    rows = of_environment(environment).filter(problem__in=STATES).select_related(None)
    return list(
        rows.values("connection_id", "resource", code=F("problem_code"))
        .distinct()
        .order_by("resource")
    )


def exception_of(row: Delivery) -> BusinessException | None:
    """The exception the delivery points to, in its own environment."""
    if row.exception_id is None:
        return None
    return BusinessException.objects.filter(
        pk=row.exception_id, environment_id=row.environment_id
    ).first()
