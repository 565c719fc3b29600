"""A declared shop, checked and asked to push, against the shop's simulator over real HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from connectors.registry import connectors
from connectors.sdk.testing.receiver import Receiver, receiving
from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.simulator.routes import build
from connectors.woocommerce.simulator.shop import DEMO_KEY, DEMO_SECRET
from hub.connections import session
from hub.connections.models import Connection
from tenants.context import partner_context
from tenants.partners import selectors as partners

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, declaration: Path) -> Iterator[Running]:
    with running(build) as up:
        monkeypatch.setenv("SHOP_URL", up.url)
        monkeypatch.setenv("SHOP_KEY", DEMO_KEY)
        monkeypatch.setenv("SHOP_SECRET", DEMO_SECRET)
        yield up


@pytest.fixture
def front_door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as door:
        monkeypatch.setenv("CROSSDOCK_INGRESS_URL", door.url)
        yield door


def test_the_shop_pushes_to_its_connections_own_address_signed_with_its_own_secret(
    shop: Running, front_door: Receiver, declaration: Path
) -> None:
    call_command("apply", str(declaration), "--subscribe", stdout=io.StringIO())
    with partner_context(partners.partner_by_slug("northwind")):
        connection = Connection.objects.get(slug="shop")
        assert connection.subscribed_at is not None
        assert all(line.ok for line in session.check(connection))
        assert connection.account, "who answered is remembered"
        secrets = session.webhook_secrets(connection)
    keys = f"consumer_key={DEMO_KEY}&consumer_secret={DEMO_SECRET}"
    lantern = {"name": "Lantern", "sku": "22423", "regular_price": "12.75"}
    assert shop.call("POST", f"/wp-json/wc/v3/products?{keys}", lantern).status == 201
    shop.control("checkout", {
        "lines": [{"sku": "22423", "qty": 1, "unit_price": "12.75"}], "paid": True,
        "customer": {"email": "ada@example.com", "first_name": "Ada", "last_name": "B"},
    })  # fmt: skip
    judge = connectors()["woocommerce"].webhook
    heard = []
    for count in range(1, 12):
        request = front_door.wait(count)[-1]
        heard += judge(request, secrets).heard
        if heard:
            break
    assert heard and heard[0].stream == "orders"
    assert set(front_door.paths) == {f"/hooks/{connection.webhook_token}"}


def test_a_shop_that_refuses_the_key_is_named_and_the_rest_is_applied(
    shop: Running,
    front_door: Receiver,
    declaration: Path,
    monkeypatch: pytest.MonkeyPatch,
    apply: Callable[..., dict[str, object]],
) -> None:
    monkeypatch.setenv("SHOP_KEY", "ck_of_somebody_else")
    with pytest.raises(CommandError, match="Online shop could not be asked to push"):
        call_command("apply", str(declaration), "--subscribe", stdout=io.StringIO())
    with partner_context(partners.partner_by_slug("northwind")):
        connection = Connection.objects.get(slug="shop")
        assert connection.subscribed_at is None
        assert not all(line.ok for line in session.check(connection))
    assert apply()["nothing_to_change"]
