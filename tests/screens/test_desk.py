"""The desk without a browser: who may act, what is refused, how many queries a page costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hub.sync.models import BusinessException, Delivery
from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tenants.partners.models import Partner
from tests.screens.seed import Seeded, seed

pytestmark = pytest.mark.django_db

QUERIES = 15


@pytest.fixture
def made(partner: Partner) -> Seeded:
    with partner_context(partner):
        return seed(orders=22)


def _place(made: Seeded) -> str:
    return f"/m/{made.merchant.slug}/production"


def test_ignoring_needs_a_reason_and_keeps_it(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    client, row = sign_in(partner, "operator"), made.exceptions[0]
    address = f"{_place(made)}/exceptions/{row.pk}/ignore/"
    refused = client.post(address, {"reason": "  "})
    assert refused.status_code == 422
    assert b"Give the reason" in refused.content
    assert client.post(address, {"reason": "A test order."}).status_code == 302
    with partner_context(partner):
        stored = BusinessException.objects.get(pk=row.pk)
        assert (stored.state, stored.note) == ("ignored", "A test order.")
        assert AuditEntry.objects.filter(act="exception.ignored").count() == 1


def test_resolving_tries_again_what_was_held_up(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    client, row = sign_in(partner), made.exceptions[1]
    answer = client.post(
        f"{_place(made)}/exceptions/{row.pk}/resolve/", {"note": "Opened.", "again": "on"}
    )
    assert answer.status_code == 302
    with partner_context(partner):
        rows = Delivery.objects.filter(pk__in=[one.pk for one in made.dead])
        assert {one.problem for one in rows} == {"none"}
        assert all(one.work.next_at for one in rows)


@pytest.mark.parametrize("role", ["viewer", "finance", "merchant"])
def test_readers_read_and_are_told_whom_to_ask(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client], role: str
) -> None:
    only = [made.merchant.pk] if role == "merchant" else None
    client, row = sign_in(partner, role, only), made.exceptions[0]
    assert client.get(f"{_place(made)}/exceptions/{row.pk}/").status_code == 200
    refused = client.post(f"{_place(made)}/exceptions/{row.pk}/resolve/", {"note": "x"})
    assert refused.status_code == 403
    assert b"ask an owner or operator" in refused.content
    assert client.get(f"{_place(made)}/dead-letters/resend/").status_code == 403


def test_readers_do_not_see_whose_order_it_is(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    order = made.orders[0]
    pages = [
        f"{_place(made)}/documents/{order.pk}/",
        f"{_place(made)}/documents/{order.pk}/versions/1/",
        f"{_place(made)}/documents/{order.pk}/heard/{made.first_event}/",
        f"{_place(made)}/documents/?entity=order",
    ]
    name = order.title.encode()
    operator, viewer = sign_in(partner, "operator"), sign_in(partner, "viewer")
    assert all(name in operator.get(page).content for page in pages)
    assert not any(name in viewer.get(page).content for page in pages)
    exported = viewer.get(f"{_place(made)}/documents.csv")
    assert name not in b"".join(exported.streaming_content)


def test_a_number_leads_straight_to_its_order(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    order, client = made.orders[4], sign_in(partner)
    for text in (
        order.number,
        f"#{order.number}",
        str(order.pk),
        f"S{int(order.number) - 10000:05}",
    ):
        answer = client.get(f"{_place(made)}/documents/", {"q": text})
        assert answer.headers.get("Location", "").endswith(f"/documents/{order.pk}/"), text


def test_every_page_costs_few_queries(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    client, place = sign_in(partner), _place(made)
    costs = {}
    for page in (
        "/", f"{place}/", f"{place}/live/", f"{place}/documents/", f"{place}/documents/?q=1040",
        f"{place}/documents/{made.orders[3].pk}/", f"{place}/documents/{made.orders[17].pk}/",
        f"{place}/exceptions/", f"{place}/exceptions/?code=sku-missing",
        f"{place}/exceptions/{made.exceptions[1].pk}/", f"{place}/dead-letters/",
        f"{place}/dead-letters/{made.dead[0].pk}/",
        f"{place}/dead-letters/resend/?delivery={made.dead[0].pk}",
        f"{place}/connections/", f"{place}/connections/erp/",
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as seen:
            assert client.get(page).status_code == 200, page
        asked = [one for one in seen.captured_queries if "SET search_path" not in one["sql"]]
        costs[page] = len(asked)
    assert not {page: cost for page, cost in costs.items() if cost > QUERIES}


def test_paging_reaches_every_row_once(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    """Forward through all pages and back again to the first."""
    client, seen, cursor, steps = sign_in(partner), [], "", 0
    while True:
        page = client.get(f"{_place(made)}/documents/", {"from": cursor}).context["page"]
        seen += [row.pk for row in page.rows]
        steps += 1
        if not page.next:
            break
        cursor = page.next
    assert steps > 1 and len(seen) == len(set(seen))
    for _ in range(steps - 1):
        page = client.get(f"{_place(made)}/documents/", {"from": page.previous}).context["page"]
    assert [row.pk for row in page.rows] == seen[: len(page.rows)]
    assert not page.previous
