"""Business exceptions as the desk sees them: by cause, with what they hold up and its worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, IntegerField, Min, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import Coalesce, RowNumber
from django.http import Http404

from hub.sync.models import BusinessException, Delivery, InboxEvent
from tenants.merchants.models import Environment
from tenants.people.models import User

SHOWN = 5
"""Exceptions shown under one code before "show all"."""
State = BusinessException.State

WORTH = """
SELECT d.exception_id, money.amount ->> 'currency', sum((money.amount ->> 'amount')::numeric)
  FROM sync_delivery d
  JOIN sync_record r ON r.id = d.record_id,
       LATERAL (SELECT convert_from(r.content, 'UTF8')::jsonb AS body) content,
       LATERAL (SELECT coalesce(content.body #> '{totals,grand_total}',
                                content.body -> 'amount') AS amount) money
 WHERE d.exception_id = ANY(%(ids)s)
   AND r.entity IN ('order', 'sale', 'return', 'refund', 'payment')
   AND r.content IS NOT NULL AND jsonb_typeof(money.amount) = 'object'
 GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the desk was asked for. ``state``: open, snoozed, closed or all."""

    state: str = "open"
    code: str = ""
    owner: str = ""
    assignee: str = ""
    text: str = ""


@dataclass(slots=True)
class Group:
    """Exceptions of one code. ``more``: how many are not in ``rows``."""

    code: str
    total: int
    oldest: datetime
    rows: list[BusinessException] = field(default_factory=list)

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


def exceptions(environment: Environment, wanted: Wanted, me: User) -> QuerySet[Any]:
    """Those that match, each with ``held``: rows that wait for it."""
    rows = BusinessException.objects.filter(environment_id=environment.pk)
    states = {
        "open": [State.OPEN],
        "snoozed": [State.SNOOZED],
        "closed": [State.RESOLVED, State.IGNORED],
    }.get(wanted.state)
    if states:
        rows = rows.filter(state__in=states)
    if wanted.code:
        rows = rows.filter(code=wanted.code)
    if wanted.owner:
        rows = rows.filter(owner=wanted.owner)
    if wanted.assignee == "me":
        rows = rows.filter(assignee_id=me.pk)
    elif wanted.assignee == "nobody":
        rows = rows.filter(assignee_id=None)
    if wanted.text:
        rows = rows.filter(Q(title__icontains=wanted.text) | Q(cause__icontains=wanted.text))
    return rows.annotate(held=_held())


def groups(rows: QuerySet[BusinessException]) -> list[Group]:
    """By code, most first, each with its oldest few. Two queries."""
    found = {
        row["code"]: Group(row["code"], row["number"], row["oldest"])
        for row in rows.values("code")
        .annotate(number=Count("pk"), oldest=Min("opened_at"))
        .order_by("-number", "code")
    }
    ranked = rows.annotate(
        place=Window(RowNumber(), partition_by=F("code"), order_by=[F("opened_at").asc(), F("pk")])
    ).filter(place__lte=SHOWN)
    for row in ranked.order_by("opened_at", "pk"):
        if row.code in found:
            found[row.code].rows.append(row)
    return list(found.values())


def worth(ids: Iterable[UUID]) -> dict[UUID, list[tuple[Decimal, str]]]:
    """Money of the documents each exception holds up, by currency. One query."""
    found: dict[UUID, list[tuple[Decimal, str]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(WORTH, {"ids": list(ids)})
        for key, currency, amount in cursor.fetchall():
            found[key].append((amount, currency))
    return found


def one(environment: Environment, key: UUID) -> BusinessException:
    """Raises Http404 for one of another environment."""
    row = (
        BusinessException.objects.filter(environment_id=environment.pk, pk=key)
        .annotate(held=_held())
        .first()
    )
    if row is None:
        raise Http404
    return row


def held_deliveries(exception: BusinessException, limit: int) -> list[Delivery]:
    """Deliveries that wait for it, with their record."""
    rows = Delivery.objects.filter(exception_id=exception.pk).select_related("record")
    return list(rows.order_by("created_at", "pk")[:limit])


def held_events(exception: BusinessException, limit: int) -> list[InboxEvent]:
    """What was heard and set aside because of it."""
    rows = InboxEvent.objects.filter(exception_id=exception.pk)
    return list(rows.defer("headers").order_by("pk")[:limit])


def facets(environment: Environment) -> tuple[list[str], list[tuple[str, int]]]:
    """(codes ever seen, open exceptions by owner) for the filter bar. Two queries."""
    rows = BusinessException.objects.filter(environment_id=environment.pk)
    codes = list(rows.values_list("code", flat=True).distinct().order_by("code"))
    owners = rows.filter(state=State.OPEN).values("owner").annotate(number=Count("pk"))
    return codes, [(row["owner"], row["number"]) for row in owners.order_by("owner")]


def people(ids: Iterable[Any]) -> dict[Any, str]:
    """Names of users by id. One query, none without ids."""
    wanted = {key for key in ids if key}
    if not wanted:
        return {}
    return {user.pk: str(user) for user in User.objects.filter(pk__in=wanted)}


def assignable(environment: Environment, partner_id: Any) -> list[User]:
    """Who may be given an exception: members who may act and see this merchant."""
    restriction = Q(memberships__merchant_ids__isnull=True) | Q(
        memberships__merchant_ids__contains=[environment.merchant_id]
    )
    rows = User.objects.filter(
        restriction,
        memberships__partner_id=partner_id,
        memberships__role__in=["owner", "admin", "operator"],
        is_active=True,
    )
    return list(rows.order_by("full_name", "email"))


def _held() -> Any:
    """Rows that point to the exception: deliveries and events."""
    return Coalesce(_count(Delivery), 0) + Coalesce(_count(InboxEvent), 0)


def _count(model: type[Delivery] | type[InboxEvent]) -> Subquery:
    rows = model._default_manager.filter(exception_id=OuterRef("pk")).order_by()
    return Subquery(
        rows.values("exception_id").annotate(number=Count("pk")).values("number"),
        output_field=IntegerField(),
    )
