"""Believable rows for looking at and testing screens: one merchant's day, dirt included.

Everything a screen shows comes from these models; nothing here runs the engine. ``mark`` is a word
that is put into every text a stranger must never see (the isolation tests look for it).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.utils import timezone

from hub.connections.models import Connection
from hub.flows.models import Flow
from hub.sync.models import (
    Attempt,
    Binding,
    BusinessException,
    Checkpoint,
    Delivery,
    InboxEvent,
    Need,
    Record,
    RecordKey,
    RecordVersion,
    Work,
)
from tenants.merchants import lifecycle as merchants
from tenants.merchants.models import Environment, Merchant

DAY = datetime(2011, 8, 19, 8, 0, tzinfo=UTC)
GOODS = [
    ("85123A", "White hanging heart T-light holder", "2.95"),
    ("22423", "Regency cakestand 3 tier", "12.75"),
    ("47566", "Party bunting", "4.95"),
    ("84879", "Assorted colour bird ornament", "1.69"),
    ("20725", "Lunch bag red retrospot", "1.65"),
]
PEOPLE = [("Ada Winter", "ada.winter"), ("Tom Baker", "tom.baker"), ("Ines Roth", "ines.roth")]


@dataclass(slots=True)
class Seeded:
    """What was made; the first of each kind is the one tests open."""

    merchant: Merchant
    environment: Environment
    connections: dict[str, Connection] = field(default_factory=dict)
    orders: list[Record] = field(default_factory=list)
    customers: list[Record] = field(default_factory=list)
    exceptions: list[BusinessException] = field(default_factory=list)
    dead: list[Delivery] = field(default_factory=list)
    unknown: list[Delivery] = field(default_factory=list)
    events: list[InboxEvent] = field(default_factory=list)

    @property
    def first_event(self) -> int:
        """Number of the event the first order was heard by."""
        version = RecordVersion.objects.get(record_id=self.orders[0].pk, version=1)
        return int(version.events[0])


def seed(
    slug: str = "harbour-pine", name: str = "Harbour & Pine", *, mark: str = "", orders: int = 42
) -> Seeded:
    """A merchant with a day of business. Run it in the partner's context; ``orders`` ≥ 22."""
    label = f"{name} {mark}".strip()
    merchant = merchants.create_merchant(
        slug, label, actor="system:seed", currency="GBP", time_zone="Europe/London"
    )
    merchants.create_environment(merchant, Environment.Kind.SANDBOX, actor="system:seed")
    environment = merchant.environments.get(kind=Environment.Kind.PRODUCTION)
    made = Seeded(merchant, environment)
    _systems(made, mark)
    _goods(made, mark)
    for number in range(orders):
        _order(made, 10400 + number, mark)
    for number in range(orders):
        _sale(made, number, mark)
    _missing_goods(made, mark)
    _closed_period(made, mark)
    _bad_journal(made, mark)
    _handled(made, mark)
    _unanswered(made, mark)
    return made


#: A flag, one that isn't set, and one with parts.
SETTINGS = {"keys_in_address": False, "prices": None, "poll_every": {"orders": 60, "refunds": 300}}


def _systems(made: Seeded, mark: str) -> None:
    for slug, title, connector in (
        ("shop", "Online shop", "woocommerce"),
        ("tills", "Store tills", "csvtill"),
        ("erp", "Back office ERP", "odoo"),
    ):
        made.connections[slug] = Connection.objects.create(
            environment=made.environment, slug=slug, title=f"{title} {mark}".strip(),
            connector=connector, subscribed_at=timezone.now() - timedelta(days=9),
            config=SETTINGS | {"url": f"https://{slug}.harbour-pine.example"}
            if slug != "tills" else {},
        )  # fmt: skip
    erp, shop = made.connections["erp"], made.connections["shop"]
    for entity, target, resource in (
        ("order", erp, "order"),
        ("sale", erp, "pos_sale"),
        ("product", shop, "product"),
    ):
        Flow.objects.create(
            environment=made.environment, slug=f"{entity}-{target.slug}", entity=entity,
            title=f"{entity.capitalize()}s to {target.title}", target=target, resource=resource,
        )  # fmt: skip
    now = timezone.now()
    for slug, stream, problem in (
        ("shop", "orders", ""),
        ("shop", "products", ""),
        ("tills", "journal", ""),
        ("erp", "stock", "The ERP answered 502 for 20 seconds; it is asked again."),
    ):
        Checkpoint.objects.create(
            connection_id=made.connections[slug].pk,
            stream=stream,
            moved_at=now - timedelta(minutes=2),
            polled_at=now - timedelta(seconds=40),
            next_at=now + timedelta(seconds=20),
            heard=1840,
            problem=problem,
            failures=3 if problem else 0,
        )


def _goods(made: Seeded, mark: str) -> None:
    for sku, title, price in GOODS:
        content = {
            "title": title,
            "variants": [{"sku": sku, "cost": _money(price)}],
        }
        record = _record(made, "product", sku, f"{title} {mark}".strip(), content, "erp", DAY)
        RecordKey.objects.create(
            environment_id=made.environment.pk,
            entity="product",
            kind="sku",
            value=sku.lower(),
            record=record,
        )
        _delivered(made, record, "shop", "product", f"{7000 + len(made.orders)}{sku}")


def _order(made: Seeded, number: int, mark: str) -> Record:
    name, mail = PEOPLE[number % len(PEOPLE)]
    sku, title, price = GOODS[number % len(GOODS)]
    quantity = number % 5 + 1
    total = Decimal(price) * quantity
    at = DAY + timedelta(minutes=7 * (number - 10400))
    content = {
        "number": str(number),
        "channel": "web",
        "currency": "GBP",
        "placed_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "bill_to": {"name": f"{name} {mark}", "email": f"{mail}@example.com", "city": "Whitby"},
        "tax_included": True,
        "lines": [
            {"id": "1", "seq": 1, "sku": sku, "description": title, "qty": str(quantity),
             "unit_price": _money(price), "net": _money(total)}
        ],
        "totals": {"net": _money(total), "tax": _money(0), "grand_total": _money(total)},
        "order_state": "confirmed",
        "payment_state": "paid",
        "fulfilment_state": "none",
    }  # fmt: skip
    record = _record(made, "order", str(number), f"{name} {mark}".strip(), content, "shop", at)
    RecordKey.objects.create(
        environment_id=made.environment.pk, entity="order", kind="number", value=str(number),
        record=record,
    )  # fmt: skip
    made.orders.append(record)
    if number - 10400 not in {3, 9, 15, 17, 20, 21}:
        _delivered(made, record, "erp", "order", f"S{number - 10000:05}")
    paid = {"number": f"{number}-1", "tender": "card", "amount": _money(total)}
    _record(made, "payment", f"{number}-1", "", paid, "shop", at, root=record)
    return record


def _sale(made: Seeded, number: int, mark: str) -> None:
    sku, title, price = GOODS[number % len(GOODS)]
    at = DAY + timedelta(minutes=11 * number)
    receipt = f"S{number % 18 + 1:02}-1-{2200 + number}"
    content = {
        "number": receipt, "location": f"S{number % 18 + 1:02}", "register": "1",
        "currency": "GBP", "business_date": "2011-08-19", "tax_included": True,
        "lines": [{"id": "1", "seq": 1, "sku": sku, "description": title, "qty": "1",
                   "unit_price": _money(price), "net": _money(price)}],
        "totals": {"net": _money(price), "tax": _money(0), "grand_total": _money(price)},
        "tenders": [{"tender": "cash", "amount": _money(price)}],
    }  # fmt: skip
    title = f"Receipt of store {number % 18 + 1} {mark}".strip()
    record = _record(made, "sale", receipt, title, content, "tills", at)
    if number % 14 != 13:
        _delivered(made, record, "erp", "pos_sale", f"POS/{2200 + number}")
        return
    row = _delivery(made, record, "erp", "pos_sale")
    Work.objects.create(
        delivery=row, connection_id=row.connection_id, resource=row.resource,
        root_id=record.pk, seq=1, next_at=timezone.now() - timedelta(seconds=14),
    )  # fmt: skip


def _missing_goods(made: Seeded, mark: str) -> None:
    """Two orders wait for a SKU the ERP doesn't know."""
    expected = Record.objects.create(
        id=uuid.uuid4(), environment_id=made.environment.pk, entity="product",
        number="23084", title=f"Rabbit night light {mark}".strip(),
    )  # fmt: skip
    raised = _exception(
        made, "sku-missing", f"sku:23084{mark}", "merchant", hours=5,
        title=f"The ERP does not know the article 23084 {mark}".strip(),
        move="Create the article 23084 in the ERP, or name the article it stands for.",
        record=expected,
    )  # fmt: skip
    for place in (3, 9):
        row = _delivery(
            made, made.orders[place], "erp", "order",
            problem="blocked", problem_code="sku-missing", exception_id=raised.pk,
        )  # fmt: skip
        Need.objects.create(delivery=row, record=expected, object="product")
        _attempt(row, "blocked", "The article 23084 is not in the ERP yet.", "sku-missing")


def _closed_period(made: Seeded, mark: str) -> None:
    """Three orders were refused for good: July is closed."""
    raised = _exception(
        made, "period-closed", f"period:2011-07{mark}", "partner", hours=26,
        title=f"The ERP's books of July 2011 are closed {mark}".strip(),
        move="Open the period in the ERP for an hour, or choose to post late documents to the "
        "first open day. Then resolve this.",
    )  # fmt: skip
    for place in (17, 20, 21):
        row = _delivery(
            made, made.orders[place], "erp", "order",
            problem="dead", problem_code="period-closed", exception_id=raised.pk,
        )  # fmt: skip
        _attempt(row, "retry", "The ERP did not answer in 20 seconds.", "unavailable", 1, 1)
        _attempt(
            row, "refused", f"The period 2011-07 is closed for {made.orders[place].number} {mark}.",
            "period-closed", 2, 40,
        )  # fmt: skip
        made.dead.append(row)


def _bad_journal(made: Seeded, mark: str) -> None:
    """A till's journal holds a line nobody can read."""
    raised = _exception(
        made, "unreadable-line", f"journal:S07{mark}", "merchant", hours=2,
        title=f"A receipt of till S07-2 can't be read {mark}".strip(),
        move="Correct line 14 of the journal at the till and drop the file again.",
    )  # fmt: skip
    made.events.append(
        InboxEvent.objects.create(
            connection_id=made.connections["tills"].pk, stream="journal", state="parked",
            identity=uuid.uuid4().bytes, exception_id=raised.pk,
            body=f"S;S07-2-991;19.08.2011 11:02;{mark}\nI;22423;2;12,75;x?\nE;25,50".encode(),
            outcome="Line 2 ends in a field that is no amount.",
        )
    )  # fmt: skip


def _unanswered(made: Seeded, mark: str) -> None:
    """One order may or may not be in the ERP: its answer never came, and nothing proves it."""
    raised = _exception(
        made, "timeout-ambiguous", f"unknown:{mark}", "partner", hours=1,
        title=f"The ERP may or may not have taken this order: the answer never came {mark}".strip(),
        move="Look there for our reference, then say whether it arrived.", record=made.orders[15],
    )  # fmt: skip
    row = _delivery(
        made, made.orders[15], "erp", "order", problem="unknown", sending_version=2,
        sending_key=f"ref-{made.orders[15].number}", uncertain=True, exception_id=raised.pk,
        problem_code="timeout-ambiguous",
    )  # fmt: skip
    _attempt(row, "unknown", "The ERP hung up before it answered.", "timeout-ambiguous")
    made.unknown.append(row)


def _handled(made: Seeded, mark: str) -> None:
    """One that was dealt with, one out of sight for a while."""
    done = _exception(
        made, "tax-code-missing", f"tax:reduced{mark}", "partner", hours=50,
        title=f"The shop's tax code Reduced has no partner in the ERP {mark}".strip(),
        move="Choose the ERP's tax for it.",
    )  # fmt: skip
    done.state, done.note, done.closed_at = "resolved", "Mapped to VAT 5 %.", timezone.now()
    done.resolution = "person"
    done.save()
    later = _exception(
        made, "customer-ambiguous", f"customer:roth{mark}", "merchant", hours=30,
        title=f"Two customers of the ERP have the same e-mail address {mark}".strip(),
        move="Merge the two customers in the ERP, or say which one is meant.",
    )  # fmt: skip
    later.state, later.snoozed_until = "snoozed", timezone.now() + timedelta(days=1)
    later.save()
    content = {"title": f"Ines Roth {mark}", "emails": ["ines.roth@example.com"]}
    record = _record(made, "customer", "C-118", f"Ines Roth {mark}".strip(), content, "shop", DAY)
    RecordKey.objects.create(
        environment_id=made.environment.pk, entity="customer", kind="email",
        value="ines.roth@example.com", record=record,
    )  # fmt: skip
    made.customers.append(record)


def _record(
    made: Seeded,
    entity: str,
    number: str,
    title: str,
    content: dict[str, Any],
    origin: str,
    at: datetime,
    root: Record | None = None,
) -> Record:
    """A record heard once and understood; orders were changed once since."""
    now = timezone.now() - timedelta(minutes=len(made.orders) % 50 + 1)
    source = made.connections[origin]
    versions = 2 if entity == "order" else 1
    record = Record.objects.create(
        id=uuid.uuid4(), environment_id=made.environment.pk, entity=entity, state="live",
        version=versions, billable_version=versions, content=msgspec.json.encode(content),
        origin_id=source.pk, number=number, title=title, occurred_at=at, changed_at=now,
        created_at=now, root_id=root.pk if root else None,
    )  # fmt: skip
    event = InboxEvent.objects.create(
        connection_id=source.pk, stream=f"{entity}s", identity=uuid.uuid4().bytes,
        body=msgspec.json.encode(content), state="done", current=True, received_at=now,
        copies=1 if entity == "order" else 0,
        records=[str(record.pk)],
    )  # fmt: skip
    for version in range(1, versions + 1):
        older = {**content, "payment_state": "unpaid"} if version < versions else content
        RecordVersion.objects.create(
            record_id=record.pk, version=version, cause="source", release=1,
            content=msgspec.json.encode(older), events=[event.pk],
            created_at=now + timedelta(milliseconds=180 * version),
        )  # fmt: skip
    Binding.objects.create(
        environment_id=made.environment.pk, connection_id=source.pk, record=record,
        object=entity, external_id=f"{uuid.uuid4().int % 10**9}",
        url=f"https://{origin}.harbour-pine.example/{entity}/{number}", seen_event=event.pk,
    )  # fmt: skip
    return record


def _delivery(made: Seeded, record: Record, target: str, resource: str, **fields: Any) -> Delivery:
    flow = Flow.objects.filter(environment=made.environment, resource=resource).first()
    return Delivery.objects.create(
        id=uuid.uuid4(), environment_id=made.environment.pk,
        connection_id=made.connections[target].pk, resource=resource, record=record,
        flow_id=flow.pk if flow else uuid.uuid4(), wanted=record.version,
        created_at=record.created_at + timedelta(milliseconds=420), **fields,
    )  # fmt: skip


def _delivered(made: Seeded, record: Record, target: str, resource: str, external: str) -> None:
    row = _delivery(made, record, target, resource, delivered=record.version)
    _attempt(row, "done", "", external=external, at=row.created_at + timedelta(milliseconds=350))
    Binding.objects.create(
        environment_id=made.environment.pk, connection_id=row.connection_id, record=record,
        object=resource, external_id=external,
        url=f"https://{target}.harbour-pine.example/{resource}/{external}",
    )  # fmt: skip


def _attempt(
    row: Delivery, outcome: str, message: str, code: str = "", number: int = 1,
    seconds: int = 1, external: str = "", at: datetime | None = None,
) -> None:  # fmt: skip
    started = at or row.created_at + timedelta(seconds=seconds)
    Attempt.objects.create(
        delivery_id=row.pk, record_id=row.record_id, connection_id=row.connection_id,
        version=row.wanted, number=number, started_at=started,
        ended_at=started + timedelta(milliseconds=640), outcome=outcome, code=code,
        owner="partner" if code else "", message=message, external_id=external,
        exchange={"status": 422, "answer": {"detail": message}} if code else {},
    )  # fmt: skip


def _exception(
    made: Seeded, code: str, cause: str, owner: str, *, hours: int, title: str, move: str,
    record: Record | None = None,
) -> BusinessException:  # fmt: skip
    row = BusinessException.objects.create(
        id=uuid.uuid4(), environment_id=made.environment.pk, code=code, cause=cause, owner=owner,
        title=title, move=move, connection_id=made.connections["erp"].pk,
        record_id=record.pk if record else None,
        opened_at=timezone.now() - timedelta(hours=hours),
    )  # fmt: skip
    made.exceptions.append(row)
    return row


def _money(amount: Any) -> dict[str, str]:
    return {"amount": f"{Decimal(amount):.2f}", "currency": "GBP"}
