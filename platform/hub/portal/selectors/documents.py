"""Where is order 10432? Records found by any id, number, e-mail or SKU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from hub.canonical.values import normalised_key
from hub.portal.place import id_or_none
from hub.portal.selectors.days import BusinessDay
from hub.sync.models import Binding, Delivery, Record, RecordKey

MATCHES = 200
"""Records one id may lead to; an id that names more is no id."""
PROBLEMS = [
    Delivery.Problem.BLOCKED,
    Delivery.Problem.HELD,
    Delivery.Problem.UNKNOWN,
    Delivery.Problem.DEAD,
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list was asked for. ``state``: "", arrived, problem or a record's state;
    ``target``: only what is wanted at that connection, and its state there; ``day``: in the
    merchant's zone."""

    text: str = ""
    entity: str = ""
    state: str = ""
    origin: str = ""
    target: str = ""
    day: BusinessDay | None = None


def documents(environments: list[Any], wanted: Wanted) -> QuerySet[Record]:
    """Records of the environments that match, each with ``problems`` (what holds it up),
    ``moving`` (a target lacks its newest version) and ``wanted_somewhere``.

    An empty search lists everything, newest first (the caller orders and pages).
    """
    rows = (
        Record.objects.filter(environment_id__in=environments)
        .exclude(state=Record.State.MERGED)
        .defer("content", "content_hash")
        .annotate(
            problems=_problems(),
            moving=Exists(_owed()),
            wanted_somewhere=Exists(_deliveries()),
        )
    )
    if wanted.text:
        rows = rows.filter(_found(environments, wanted.text))
    if wanted.entity:
        rows = rows.filter(entity=wanted.entity)
    if origin := id_or_none(wanted.origin):
        rows = rows.filter(origin_id=origin)
    if wanted.day:
        rows = rows.filter(occurred_at__gte=wanted.day.start, occurred_at__lt=wanted.day.end)
    return _standing(rows, wanted)


def _standing(rows: QuerySet[Record], wanted: Wanted) -> QuerySet[Record]:
    """Those that stand as asked, at the target asked for or anywhere."""
    target = id_or_none(wanted.target)
    place = {"connection_id": target} if target else {}
    if target or wanted.state == "arrived":
        rows = rows.filter(Exists(_deliveries().filter(**place)), state=Record.State.LIVE)
    if wanted.state == "problem":
        return rows.filter(Exists(_troubled().filter(**place)))
    if wanted.state == "arrived":
        missing = _deliveries().filter(**place).exclude(
            problem=Delivery.Problem.NONE, delivered__gt=0
        )  # fmt: skip
        return rows.filter(~Exists(missing))
    return rows.filter(state=wanted.state) if wanted.state else rows


def exact_match(environments: list[Any], text: str) -> Record | None:
    """The one record that is called exactly so somewhere; None if none or several are. One query.

    An order's own number wins over its payments, whose numbers begin with it.
    """
    found = list(Record.objects.filter(
        _called(environments, text), environment_id__in=environments
    ).exclude(state=Record.State.MERGED).only("pk")[:2])  # fmt: skip
    return found[0] if len(found) == 1 else None


def _found(environments: list[Any], text: str) -> Q:
    """Exact names, and what begins with or contains the text."""
    found = _called(environments, text) | Q(number__istartswith=_bare(text))
    if len(text) > 2 and id_or_none(text) is None:
        found |= Q(title__icontains=text)
    return found


def _called(environments: list[Any], text: str) -> Q:
    """Every exact name a person may give a record. All of them are index look-ups."""
    text = _bare(text)
    keys = RecordKey.objects.filter(
        environment_id__in=environments,
        value__in={text, text.casefold(), normalised_key("gtin", text)},
    ).values("record_id")[:MATCHES]
    bound = Binding.objects.filter(environment_id__in=environments, external_id=text).values(
        "record_id"
    )[:MATCHES]
    called = Q(number=text) | Q(number=f"#{text}") | Q(pk__in=keys) | Q(pk__in=bound)
    record = id_or_none(text)
    return called | Q(pk=record) if record else called


def _bare(text: str) -> str:
    return text.strip().lstrip("#")


def _deliveries() -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(record_id=OuterRef("pk"))
    return rows.exclude(problem=Delivery.Problem.RETIRED)


def _owed() -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        record_id=OuterRef("pk"), problem=Delivery.Problem.NONE, delivered__lt=F("wanted")
    )


def _troubled() -> QuerySet[Delivery]:
    return Delivery.objects.filter(record_id=OuterRef("pk"), problem__in=PROBLEMS)


def _problems() -> ArraySubquery:
    return ArraySubquery(_troubled().order_by("problem").values("problem").distinct())
