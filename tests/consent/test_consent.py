"""A shop's owner agrees in the shop; nobody copies a key. And everything that isn't quite that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from connectors.registry import connectors
from connectors.sdk.connector import Connector
from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import AccessRefused, Owner
from connectors.sdk.manifest import Field, Manifest
from connectors.sdk.records import CheckLine, Json
from hub.connections.models import Connection, Consent
from tenants.context import partner_context
from tests.consent.conftest import PLACE, Portal, asked_with, back, post_key

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]


def test_saying_no_in_the_shop_changes_nothing(portal: Portal, browser: Browser) -> None:
    owner = browser()
    asked = asked_with(portal.asked(owner))
    no = back(f"{asked['return_url']}&success=0&user_id={asked['user_id']}")
    answer = owner.get(no)
    assert answer.status_code == 200
    assert "somebody said no" in answer.content.decode()
    assert f'href="{PLACE}/connect/"' in answer.content.decode()
    assert "consumer_key" not in portal.secrets()
    assert owner.get(no).status_code == 410  # and it stays no


def test_a_yes_whose_key_never_came_says_why(portal: Portal, browser: Browser) -> None:
    owner = browser()
    asked = asked_with(portal.asked(owner))
    answer = owner.get(back(f"{asked['return_url']}&success=1"))
    assert "its key never reached us" in answer.content.decode()


def test_an_old_link_is_worth_nothing(portal: Portal, browser: Browser) -> None:
    owner = browser()
    asked = asked_with(portal.asked(owner))
    with partner_context(portal.partner):
        Consent.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert post_key(portal, asked["callback_url"]).status_code == 410
    answer = owner.get(back(f"{asked['return_url']}&success=1"))
    assert answer.status_code == 410
    assert "This link has run out" in answer.content.decode()
    assert "consumer_key" not in portal.secrets()


def test_a_newer_link_ends_the_older_one(portal: Portal, browser: Browser) -> None:
    owner = browser()
    older = asked_with(portal.asked(owner))
    newer = asked_with(portal.asked(owner))
    assert post_key(portal, older["callback_url"]).status_code == 410
    assert post_key(portal, newer["callback_url"]).status_code == 200


def test_only_those_who_may_administer_connect(portal: Portal, browser: Browser) -> None:
    for role in ("operator", "finance"):
        one = browser(role)
        assert one.get(f"{PLACE}/connect/").status_code == 403
        assert one.post(f"{PLACE}/connect/").status_code == 403
    anyone = Client(headers={"host": portal.host})
    assert anyone.post(f"{PLACE}/connect/")["Location"].startswith("/account/login/")
    with partner_context(portal.partner):
        assert not Consent.objects.exists()


NO_KEYS = (
    b"", b"[]", b"{", b'{"consumer_key": "ck_1"}', b"x" * 70_000,
    b'{"consumer_key":"ck_1","consumer_secret":"cs_1","key_permissions":"read"}',
    b'{"consumer_key":"admin","consumer_secret":"pw","key_permissions":"read_write"}',
)  # fmt: skip


def test_what_is_no_key_is_not_kept(portal: Portal, browser: Browser) -> None:
    owner = browser()
    shop = Client(headers={"host": portal.host}, enforce_csrf_checks=True)
    for body in NO_KEYS:
        callback = back(asked_with(portal.asked(owner))["callback_url"])
        assert shop.post(callback, body, "application/json").status_code in (400, 413), body
    assert "consumer_key" not in portal.secrets()


def test_nothing_without_a_state(portal: Portal, browser: Browser) -> None:
    anyone = Client(headers={"host": portal.host})
    for path in ("/connect/keys/", "/connect/keys/?state=guess"):
        assert anyone.post(path, b"{}", "application/json").status_code == 404
        assert anyone.get(path).status_code == 405
    assert browser().get("/connect/back/?state=guess").status_code == 404
    assert anyone.get("/connect/back/")["Location"].startswith("/account/login/")


def test_the_state_is_kept_as_a_hash_only(portal: Portal, browser: Browser) -> None:
    asked = asked_with(portal.asked(browser()))
    with partner_context(portal.partner):
        row = Consent.objects.get()
    assert len(asked["user_id"]) >= 43
    assert asked["user_id"] not in str(vars(row))


def test_a_real_shop_refuses_a_callback_that_is_not_https(portal: Portal, browser: Browser) -> None:
    address = portal.asked(browser()).removeprefix(portal.shop.url)
    elsewhere = address.replace("northwind.localhost", "hub.example.com")
    refused = portal.shop.call("GET", elsewhere)
    assert refused.status == 401
    assert b"needs to be over SSL" in refused.body


# ------------------------------------------------ the other shape: a code comes back


class CodeSystem(Connector):
    """A system whose browser comes back with a code, which is exchanged for a token."""

    manifest = Manifest("codesystem", "Code system", "pos", "Tills that sign in by code.",
                        fields=[Field("token", "Token", "secret", required=False)])  # fmt: skip

    @classmethod
    def consent(cls, config: Json, secrets: Mapping[str, str], ask: ConsentAsk) -> str | None:
        return f"https://tills.example/authorize?state={ask.state}&redirect_uri={ask.return_to}"

    def consented(self, answer: ConsentAnswer) -> Mapping[str, str]:
        if answer.query.get("code") != "right":
            raise AccessRefused("The code did not hold: connect again.", owner=Owner.MERCHANT)
        return {"token": f"token for {answer.return_to}"}

    def check(self) -> list[CheckLine]:
        return [CheckLine("The token holds", "token" in self.secrets)]

    def account(self) -> str:
        return "tills"


@pytest.fixture
def code_system(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connectors(), "codesystem", CodeSystem)
    with partner_context(portal.partner):
        Connection.objects.update(connector="codesystem", config={}, changed_at=timezone.now())


@pytest.mark.usefixtures("code_system")
def test_a_code_in_the_browsers_return_is_exchanged_once(portal: Portal, browser: Browser) -> None:
    owner = browser()
    asked = asked_with(portal.asked(owner))
    assert asked["redirect_uri"].endswith("/connect/back/"), "one address, to be registered once"
    home = f"/connect/back/?state={asked['state']}&code=right"
    assert "The token holds" in owner.get(home, follow=True).content.decode()
    assert portal.secrets()["token"] == f"token for {asked['redirect_uri']}"
    assert owner.get(home).status_code == 410


@pytest.mark.usefixtures("code_system")
def test_a_code_that_does_not_hold_is_told_in_the_systems_words(
    portal: Portal, browser: Browser
) -> None:
    owner = browser()
    state = asked_with(portal.asked(owner))["state"]
    answer = owner.get(f"/connect/back/?state={state}&code=wrong")
    assert "The code did not hold" in answer.content.decode()
    assert "token" not in portal.secrets()
