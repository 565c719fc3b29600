"""The shop posts its key to a real port, and the browser comes back: the whole round, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from connectors.sdk.errors import AccessRefused
from hub.sync import attention
from kernel.audit.acts import readable
from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tenants.partners.models import Partner
from tests.consent.conftest import PLACE, Portal, asked_with, post_key

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("live_server", "front_door"),
]

Browser = Callable[..., Client]


def test_one_click_and_the_shop_is_connected(portal: Portal, browser: Browser) -> None:
    """Also a connection that had stopped for want of a key goes on by itself."""
    owner = browser()
    with partner_context(portal.partner):
        refused = AccessRefused("The shop is not connected yet.", code="revoked")
        attention.access_refused(portal.row(), refused)
    assert "Connect your shop" in owner.get(f"{PLACE}/").content.decode()
    assert "Connect your shop" in owner.get(f"{PLACE}/connect/").content.decode()

    address = portal.asked(owner)
    question = portal.shop.call("GET", address.removeprefix(portal.shop.url))
    assert b"read and write" in question.body
    home = portal.approve(address)
    arrived = owner.get(home, follow=True)

    page = arrived.content.decode()
    assert arrived.redirect_chain == [(f"{PLACE}/connect/", 302)]
    assert "The key may write" in page
    assert "Corner online tells us by itself" in page
    assert "Not so" not in page
    secrets = portal.secrets()
    assert secrets["consumer_key"].startswith("ck_")
    assert secrets["consumer_secret"] not in page
    row = portal.row()
    assert (row.state, bool(row.account), bool(row.subscribed_at)) == ("active", True, True)
    told = portal.shop.control("counts", method="GET")
    assert told["webhooks"]["order.updated"] == "active"
    assert set(_acts(portal)) >= {
        "went to Corner online to agree that it is connected",
        "agreed at Corner online, which handed over its credentials",
        "stored the secret consumer_key of Corner online",
        "resumed Corner online",
        "had Corner online push to us",
    }


def test_a_link_is_good_once(portal: Portal, browser: Browser) -> None:
    """Whoever learns the address afterwards can't put a key of their own into the vault."""
    owner = browser()
    address = portal.asked(owner)
    home = portal.approve(address)
    kept = portal.secrets()["consumer_key"]
    late = post_key(portal, asked_with(address)["callback_url"], "ck_of_somebody_else")
    assert (late.status_code, portal.secrets()["consumer_key"]) == (410, kept)
    assert owner.get(home).status_code == 302
    again = owner.get(home)
    assert again.status_code == 410
    assert "used already" in again.content.decode()


def test_a_shop_that_asks_twice_gets_its_first_key_refused_and_deletes_the_second(
    portal: Portal, browser: Browser
) -> None:
    address = portal.asked(browser())
    portal.approve(address)
    before = portal.shop.control("counts", method="GET")["keys"]
    agreed = address.replace("/authorize?", "/access_granted?") + "&wc_auth_nonce=1"
    assert portal.shop.call("GET", agreed.removeprefix(portal.shop.url)).status == 401
    assert portal.shop.control("counts", method="GET")["keys"] == before


def test_somebody_elses_link_belongs_to_nobody(
    portal: Portal, browser: Browser, second_partner: Partner
) -> None:
    """A colleague at the same partner, and the owner of another partner."""
    home = portal.approve(portal.asked(browser()))
    colleague = browser("admin")
    stranger = browser(partner=second_partner)
    for other in (colleague, stranger):
        answer = other.get(home)
        assert answer.status_code == 404
        assert "Corner" not in answer.content.decode()
    assert portal.row().subscribed_at is None, "nobody's return finished it"
    path = home.partition("?")[2]
    assert stranger.post(f"/connect/keys/?{path}", b"{}", "application/json").status_code == 404


def _acts(portal: Portal) -> list[str]:
    with partner_context(portal.partner):
        rows = AuditEntry.objects.order_by("seq")
        return [readable(r.act, "", r.subject, r.detail).strip() for r in rows]
