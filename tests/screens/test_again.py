"""Doing it again and saying what happened, through the front door and down to the engine's rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from hub.sync.models import Binding, BusinessException, Delivery, InboxEvent, Work
from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tenants.partners.models import Partner
from tests.screens.seed import Seeded, seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(partner: Partner) -> Seeded:
    with partner_context(partner):
        return seed(orders=22)


@pytest.fixture
def operator(partner: Partner, sign_in: Callable[..., Client]) -> Client:
    return sign_in(partner, "operator")


def _place(made: Seeded) -> str:
    return f"/m/{made.merchant.slug}/production"


def _journey(made: Seeded, number: int) -> str:
    return f"{_place(made)}/documents/{made.orders[number].pk}/"


def _acts(partner: Partner, subject: str) -> list[str]:
    with partner_context(partner):
        return list(AuditEntry.objects.filter(subject=subject).values_list("act", flat=True))


def test_what_a_target_lost_is_created_anew(
    partner: Partner, made: Seeded, operator: Client
) -> None:
    """The effect first; nothing without having looked; then the old name is forgotten."""
    with partner_context(partner):
        row = made.orders[0].deliveries.get()
    address = f"{_place(made)}/deliveries/{row.pk}/recreate/"
    assert address.encode() in operator.get(_journey(made, 0)).content
    told = operator.get(address).content.decode()
    assert "S00400" in told and "there may be two of it" in told
    unlooked = operator.post(address)
    assert unlooked.status_code == 422 and b"Look there first" in unlooked.content
    assert not _acts(partner, f"delivery:{row.pk}")
    done = operator.post(address, {"gone": "on"}, follow=True)
    assert done.redirect_chain == [(_journey(made, 0), 302)]
    assert b"is being created anew at Back office ERP" in done.content
    with partner_context(partner):
        names = Binding.objects.filter(record=made.orders[0], connection_id=row.connection_id)
        assert not names.exists()
        assert Work.objects.filter(delivery=row).exists()
    assert _acts(partner, f"delivery:{row.pk}") == ["delivery.recreated", "delivery.resent"]


def test_a_source_cannot_be_made_to_lose_its_own(
    partner: Partner, made: Seeded, operator: Client
) -> None:
    """Creating anew where the order lives would forget what the order is: there is no such page."""
    order = made.orders[1]
    with partner_context(partner):
        row = order.deliveries.get()
        row.pk, row.connection_id, row.resource = order.pk, order.origin_id, "order_status"
        row.save(force_insert=True)
    address = f"{_place(made)}/deliveries/{row.pk}/recreate/"
    assert address.encode() not in operator.get(_journey(made, 1)).content
    assert operator.get(address).status_code == 404
    assert operator.post(address, {"gone": "on"}).status_code == 404


def test_what_was_heard_is_read_again(partner: Partner, made: Seeded, operator: Client) -> None:
    with partner_context(partner):
        event = made.first_event
    address = f"{_journey(made, 0)}heard/{event}/read-again/"
    assert address.encode() in operator.get(_journey(made, 0)).content
    assert b"old news never replaces new" in operator.get(address).content
    assert operator.post(address).headers["Location"] == _journey(made, 0)
    with partner_context(partner):
        assert InboxEvent.objects.get(pk=event).state == "pending"
    assert _acts(partner, f"event:{event}") == ["event.renormalised"]


def test_it_arrived_and_is_called_so_there(
    partner: Partner, made: Seeded, operator: Client
) -> None:
    """From the exception to a settled delivery that others can refer to."""
    row = made.unknown[0]
    address = f"{_place(made)}/deliveries/{row.pk}/declare/"
    with partner_context(partner):
        raised = BusinessException.objects.get(pk=row.exception_id)
    for page in (
        f"{_place(made)}/exceptions/{raised.pk}/",
        f"{_place(made)}/dead-letters/{row.pk}/",
        f"{_place(made)}/dead-letters/resend/?delivery={row.pk}",
        _journey(made, 15),
    ):
        assert address.encode() in operator.get(page).content, page
    assert f"ref-{made.orders[15].number}" in operator.get(address).content.decode()
    nameless = operator.post(address, {"verdict": "arrived"})
    assert nameless.status_code == 422 and b"Give the id it has there" in nameless.content
    assert operator.post(address, {}).status_code == 422
    told = operator.post(address, {"verdict": "arrived", "external_id": "S00415"}, follow=True)
    assert b"counts as arrived at Back office ERP" in told.content
    with partner_context(partner):
        settled = Delivery.objects.get(pk=row.pk)
        assert (settled.problem, settled.delivered, settled.uncertain) == ("none", 2, False)
        there = Binding.objects.get(record=made.orders[15], connection_id=row.connection_id)
        assert (there.object, there.external_id) == ("order", "S00415")
    assert _acts(partner, f"delivery:{row.pk}") == ["delivery.declared"]
    again = operator.post(address, {"verdict": "missing"}, follow=True)
    assert b"no longer uncertain" in again.content


def test_another_orders_id_is_refused(partner: Partner, made: Seeded, operator: Client) -> None:
    row = made.unknown[0]
    address = f"{_place(made)}/deliveries/{row.pk}/declare/"
    answer = operator.post(address, {"verdict": "arrived", "external_id": "S00400"})
    assert answer.status_code == 422
    assert f"That is Order {made.orders[0].number} there" in answer.content.decode()
    with partner_context(partner):
        assert Delivery.objects.get(pk=row.pk).problem == "unknown"


def test_it_did_not_arrive_and_is_sent(partner: Partner, made: Seeded, operator: Client) -> None:
    row = made.unknown[0]
    told = operator.post(
        f"{_place(made)}/deliveries/{row.pk}/declare/", {"verdict": "missing"}, follow=True
    )
    assert b"did not arrive and is being sent" in told.content
    with partner_context(partner):
        assert Delivery.objects.get(pk=row.pk).problem == "none"
        assert Work.objects.filter(delivery=row).exists()
    assert _acts(partner, f"delivery:{row.pk}") == ["delivery.declared", "delivery.resent"]


def test_one_sent_again_leads_back_to_its_journey(made: Seeded, operator: Client) -> None:
    row = made.dead[0]
    answer = operator.post(f"{_place(made)}/dead-letters/resend/", {"delivery": str(row.pk)})
    assert answer.headers["Location"] == f"{_place(made)}/documents/{row.record_id}/"


def test_readers_are_offered_nothing_to_do_again(
    partner: Partner, made: Seeded, sign_in: Callable[..., Client]
) -> None:
    viewer = sign_in(partner, "viewer")
    with partner_context(partner):
        delivered, event = made.orders[0].deliveries.get(), made.first_event
    addresses = [
        f"{_place(made)}/deliveries/{delivered.pk}/recreate/",
        f"{_place(made)}/deliveries/{made.unknown[0].pk}/declare/",
        f"{_journey(made, 0)}heard/{event}/read-again/",
    ]
    shown = viewer.get(_journey(made, 0)).content + viewer.get(_journey(made, 15)).content
    assert not [one for one in addresses if one.encode() in shown]
    assert {viewer.get(one).status_code for one in addresses} == {403}
    assert {viewer.post(one, {"gone": "on"}).status_code for one in addresses} == {403}
