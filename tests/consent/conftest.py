"""A portal on a real port, a shop on another, and a person's browser between them.

Pages of the portal are asked for in this process; the shop posts its key over HTTP to the live
server, as it would to the web process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.test import Client

from connectors.sdk.testing.receiver import Receiver, receiving
from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.simulator import build
from hub.connections import lifecycle
from hub.connections.models import Connection
from kernel.security import vault
from tenants.context import partner_context, public_context
from tenants.merchants import lifecycle as merchants
from tenants.partners.models import Partner
from tenants.people.membership import SESSION_PARTNER

PLACE = "/m/corner/production/connections/shop"


@dataclass(slots=True)
class Portal:
    """``shop``: the simulator. ``port``: where the live server listens."""

    partner: Partner
    shop: Running
    port: int
    connection: UUID

    @property
    def host(self) -> str:
        return f"{self.partner.slug}.localhost:{self.port}"

    def row(self) -> Connection:
        with partner_context(self.partner):
            return Connection.objects.get(pk=self.connection)

    def secrets(self) -> dict[str, str]:
        with partner_context(self.partner):
            return vault.get_all(self.connection)

    def asked(self, browser: Client) -> str:
        """Press the button; the address in the shop that the browser is sent to."""
        answer = browser.post(f"{PLACE}/connect/")
        assert answer.status_code == 200, answer.content
        return str(answer["Refresh"]).partition("url=")[2]

    def approve(self, address: str) -> str:
        """The owner agrees in the shop; the path and query the browser comes back to."""
        agreed = address.replace("/authorize?", "/access_granted?") + "&wc_auth_nonce=1"
        answer = self.shop.call("GET", agreed.removeprefix(self.shop.url))
        assert answer.status == 302, answer.body
        return back(answer.headers["location"])


def back(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


def asked_with(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture
def front_door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as door:
        monkeypatch.setenv("CROSSDOCK_INGRESS_URL", door.url)
        yield door


@contextmanager
def opened(port: int, make_partner: Callable[..., Partner]) -> Iterator[Portal]:
    with running(build) as shop:
        with public_context():
            partner = make_partner("northwind")
        with partner_context(partner):
            merchant = merchants.create_merchant(
                "corner", "Corner shop", actor="system:tests", currency="GBP",
                time_zone="Europe/London",
            )  # fmt: skip
            made = lifecycle.connect(
                merchant.environments.get(kind="production"),
                slug="shop", title="Corner online", connector="woocommerce",
                config={"url": shop.url}, actor="system:tests",
            )  # fmt: skip
        yield Portal(partner, shop, port, made.pk)


@pytest.fixture
def portal(
    request: pytest.FixtureRequest, make_partner: Callable[..., Partner]
) -> Iterator[Portal]:
    """On a real port where the test asks for the live server: the shop can post to it then."""
    port = 80
    if "live_server" in request.fixturenames:
        port = int(request.getfixturevalue("live_server").url.rpartition(":")[2])
    with opened(port, make_partner) as made:
        yield made


@pytest.fixture
def browser(portal: Portal, add_person: Callable[..., Any]) -> Callable[..., Client]:
    """``browser(role="owner", email="")``: somebody signed in at the portal, on its real port."""

    def signed_in(role: str = "owner", email: str = "", partner: Partner | None = None) -> Client:
        partner = partner or portal.partner
        with public_context():
            user = add_person(partner, role=role, email=email)
            client = Client(headers={"host": f"{partner.slug}.localhost:{portal.port}"})
            client.force_login(user)
            session = client.session
            session[SESSION_PARTNER] = str(partner.pk)
            session.save()
        return client

    return signed_in


def post_key(portal: Portal, callback: str, key: str = "ck_1") -> Any:
    told = {"consumer_key": key, "consumer_secret": "cs_1", "key_permissions": "read_write"}
    shop = Client(headers={"host": portal.host}, enforce_csrf_checks=True)
    return shop.post(back(callback), told, "application/json")
