"""The merchant's question: did everything that sold reach the books?"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from hub.sync.models import Record
from tenants.context import partner_context
from tenants.partners.models import Partner
from tests.screens.seed import Seeded, seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(partner: Partner) -> Seeded:
    with partner_context(partner):
        return seed(orders=22)


def _heading(client: Client, made: Seeded) -> tuple[str, list[str]]:
    """(the first sentence, the addresses behind its numbers in order)"""
    page = client.get(f"/m/{made.merchant.slug}/production/").content.decode()
    found = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert found
    links = [unescape(one) for one in re.findall(r'href="([^"]+)"', found[1])]
    return re.sub(r"<[^>]+>", "", found[1]), links


def test_the_sentence_counts_what_sold_and_each_number_opens_its_rows(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(partner)
    sentence, links = _heading(client, made)
    assert sentence == (
        "16 of 22 orders and 21 of 22 sales of 19 August 2011 are in Back office ERP; 4 need you"
    )
    shown = [len(client.get(link).context["page"].rows) for link in links[:4]]
    assert shown == [16, 22, 21, 22]
    assert client.get(links[4]).context["open"] == 4


def test_a_shipment_of_today_does_not_make_today_the_day(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    with partner_context(partner):
        shipped = made.orders[0]
        Record.objects.filter(pk=made.customers[0].pk).update(
            entity="fulfilment", root_id=shipped.pk, occurred_at=timezone.now()
        )
    assert "of 19 August 2011" in _heading(sign_in(partner), made)[0]
    with partner_context(partner):
        Record.objects.filter(pk=shipped.pk).update(
            occurred_at=timezone.now() - timedelta(seconds=1)
        )
    assert "of today" in _heading(sign_in(partner, "admin"), made)[0]


def test_the_table_counts_a_record_once_however_many_resources_it_becomes(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    """An order that is also invoiced by a flow of its own is there when both have arrived."""
    with partner_context(partner):
        row = made.orders[0].deliveries.get()
        row.pk, row.resource, row.delivered = made.orders[0].pk, "invoice", 0
        row.save(force_insert=True)
    assert _heading(sign_in(partner), made)[0].startswith("15 of 22 orders")


def test_a_day_nobody_can_read_is_no_filter(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    address = f"/m/{made.merchant.slug}/production/documents/"
    client = sign_in(partner)
    assert client.get(address, {"entity": "sale", "day": "x"}).context["wanted"].day is None
    assert not client.get(address, {"entity": "sale", "day": "2011-08-18"}).context["page"].rows
