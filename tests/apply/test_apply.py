"""One file declares an installation; applying it twice changes nothing; mistakes change nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from hub.connections.lifecycle import WEBHOOK_SECRET
from hub.connections.models import Connection
from hub.connections.session import secrets_of, webhook_secrets
from hub.flows.models import Availability, Flow, Ownership
from hub.mappings.selectors import mapping_for
from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tenants.merchants.models import Environment
from tenants.partners import selectors as partners
from tenants.partners.models import Partner
from tests.apply.conftest import OUTSIDE, Apply

pytestmark = pytest.mark.django_db

Edit = Callable[[str, str], None]


def signs(found: dict[str, Any]) -> dict[str, str]:
    return {change["what"]: change["sign"] for change in found["changes"]}


def details(found: dict[str, Any], what: str) -> list[str]:
    (change,) = [c for c in found["changes"] if c["what"] == what]
    return list(change["details"])


def connection(slug: str) -> Connection:
    return Connection.objects.get(slug=slug)


def test_the_manuals_example_makes_everything_it_declares(apply: Apply) -> None:
    found = apply()
    assert found.get("problems") == []
    assert signs(found)["partner northwind"] == "+"
    assert signs(found)["flow hartley/orders-to-erp"] == "+"
    with partner_context(partners.partner_by_slug("northwind")):
        shop, erp, tills = connection("shop"), connection("erp"), connection("tills")
        assert shop.config == {"url": OUTSIDE["SHOP_URL"]}
        assert secrets_of(shop)["consumer_key"] == OUTSIDE["SHOP_KEY"]
        assert len(secrets_of(shop)[WEBHOOK_SECRET]) >= 40, "pushes are signed from the start"
        assert tills.lookups == {"tender": {"VOUCHER": "voucher"}}
        assert len({c.webhook_token for c in (shop, erp, tills)}) == 3
        owners = {(o.entity, o.group): o.connection.slug for o in Ownership.objects.all()}
        assert owners == {("product", "core"): "erp", ("product", "marketing"): "shop"}
        available = Availability.objects.get()
        assert (available.locations, available.buffer) == (["CEN"], Decimal(2))
        flow = Flow.objects.get(slug="orders-to-erp")
        assert flow.sources == [str(shop.id)] and flow.behaviour.void == "skip"
        mapped = mapping_for(tills, "price.price").render(
            {"sku": "22423", "price": {"amount": "12.75", "currency": "GBP"}}, lambda asked: None
        )
        assert mapped.body == {"sku": "22423", "price": "12.75", "currency": "GBP"}


def test_its_people_sign_in_and_a_merchants_user_is_held_to_its_merchant(apply: Apply) -> None:
    apply()
    people = {m.user.email: m for m in partners.partner_by_slug("northwind").memberships.all()}
    owner, clerk = people["owner@northwind.example"], people["shop@hartley.example"]
    assert owner.user.check_password(OUTSIDE["NORTHWIND_PASSWORD"])
    assert owner.merchant_ids is None
    with partner_context(partners.partner_by_slug("northwind")):
        hartley = Environment.objects.get().merchant_id
    assert clerk.merchant_ids == [hartley]


def test_a_second_run_has_nothing_to_change(apply: Apply, declaration: Path) -> None:
    apply()
    with partner_context(partners.partner_by_slug("northwind")):
        acts = AuditEntry.objects.count()
        releases = list(Environment.objects.values_list("release"))
    found = apply()
    assert found["nothing_to_change"] and set(signs(found).values()) == {"="}
    with partner_context(partners.partner_by_slug("northwind")):
        assert AuditEntry.objects.count() == acts
        assert list(Environment.objects.values_list("release")) == releases
    out = io.StringIO()
    call_command("apply", str(declaration), stdout=out)
    assert "There is nothing to change." in out.getvalue()


def test_a_change_is_shown_old_to_new_and_takes_effect(apply: Apply, edit: Edit) -> None:
    apply()
    with partner_context(partners.partner_by_slug("northwind")):
        before = Environment.objects.get().release
        stale = connection("tills")
        old_mapping = mapping_for(stale, "price.price")
    edit('VOUCHER = "voucher"', 'VOUCHER = "gift_card"')
    edit('title = "Online shop"', 'title = "Web shop"')
    edit('price = "price.amount"', 'amount = "price.amount"')
    edit("buffer = 2", "buffer = 3")
    edit('target = "tills"', 'target = "tills"\nactive = false')
    found = apply()
    assert details(found, "connection hartley/shop") == ["title: Online shop → Web shop"]
    (lookups,) = details(found, "connection hartley/tills")
    assert "voucher" in lookups and "gift_card" in lookups
    assert details(found, "mapping price.price of hartley/tills") == ["version: 1 → 2"]
    assert details(found, "flow hartley/prices-to-tills") == ["active: True → False"]
    assert signs(found)["connection hartley/erp"] == "="
    with partner_context(partners.partner_by_slug("northwind")):
        assert Environment.objects.get().release > before, "plans read before are stale"
        assert not Flow.objects.get(slug="prices-to-tills").active
        new_mapping = mapping_for(connection("tills"), "price.price")
        assert new_mapping is not old_mapping
        body = new_mapping.render({"price": {"amount": "1.00"}}, lambda asked: None).body
        assert body == {"amount": "1.00"}


def test_secrets_are_rotated_without_being_shown(
    apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = apply()
    monkeypatch.setenv("SHOP_SECRET", "cs_another_secret")
    second = apply()
    assert details(second, "connection hartley/shop") == ["consumer_secret: changed"]
    assert "consumer_secret: set" in details(first, "connection hartley/shop")
    for shown in (str(first), str(second)):
        assert OUTSIDE["SHOP_SECRET"] not in shown and "cs_another_secret" not in shown
        assert OUTSIDE["NORTHWIND_PASSWORD"] not in shown
    with partner_context(partners.partner_by_slug("northwind")):
        shop = connection("shop")
        assert secrets_of(shop)["consumer_secret"] == "cs_another_secret"
        accepted = [secrets["consumer_secret"] for secrets in webhook_secrets(shop)]
        assert accepted == ["cs_another_secret", OUTSIDE["SHOP_SECRET"]], "while it changes over"
        assert "cs_another_secret" not in str(list(AuditEntry.objects.values_list("detail")))


def test_a_dry_run_shows_the_plan_and_changes_nothing(apply: Apply, edit: Edit) -> None:
    planned = apply(dry_run=True)
    assert signs(planned)["connection hartley/shop"] == "+"
    assert not Partner.objects.filter(slug="northwind").exists()
    assert planned["changes"] == apply()["changes"], "the plan is the act"
    edit('title = "Online shop"', 'title = "Web shop"')
    assert signs(apply(dry_run=True))["connection hartley/shop"] == "~"
    with partner_context(partners.partner_by_slug("northwind")):
        assert connection("shop").title == "Online shop"


def test_all_mistakes_are_named_at_once_and_nothing_is_changed(
    apply: Apply, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ERP_KEY")
    edit('consumer_key = { env = "SHOP_KEY" }', 'consumer_key = "ck_in_the_file"')
    edit("buffer = 2", 'buffer = "two"')
    edit('primary = "#0b5fff"', 'primary = "blue"')
    edit('merchants = ["hartley"]', 'merchants = ["hartly"]')
    edit('entity = "order"', 'entity = "ordre"')
    edit('target = "tills"', 'target = "til"')
    edit('sku = "sku"', 'sku = { path = "sku", fn = "shout" }')
    edit('time_zone = "Europe/London"', 'time_zone = "London"')
    edit('condition = { path = "order_state", in', 'condition = { path = "order_state", among')
    found = apply()["problems"]
    text = "\n".join(found)
    for place, mend in [
        ('connections "shop"] secrets.consumer_key:', "never stands in the file"),
        ('connections "erp"] secrets.api_key:', "ERP_KEY is not set"),
        ('availability "available"] buffer:', "Write a number"),
        ("brand.primary:", "blue"),
        ('people "shop@hartley.example"] merchants:', "no merchant 'hartly'"),
        ('flows "orders-to-erp"] entity:', "no entity 'ordre'"),
        ('flows "prices-to-tills"] target:', "there are: shop, erp, tills"),
        ('mappings "price.price"] rules.sku:', "no function 'shout'"),
        ('merchants "hartley"] time_zone:', "IANA"),
        ('flows "orders-to-erp"] condition:', "one of is, is_not, in"),
    ]:
        assert any(place in line and mend in line for line in found), (place, mend, text)
    assert all(line.split(":")[0].endswith("example.toml") for line in found)
    assert "ck_in_the_file" not in text
    assert not Partner.objects.filter(slug="northwind").exists()


def test_keys_that_do_not_exist_are_not_overlooked(apply: Apply, edit: Edit) -> None:
    edit('slug = "erp"', 'slug = "erp"\ncolor = "red"')
    edit("locations = [", "location = [")
    edit('role = "owner"', 'role = "boss"')
    found = "\n".join(apply()["problems"])
    assert "connections \"erp\"] color: There is no 'color' here" in found
    assert "locations: It must be there" in found and "location: There is no" in found
    assert "role: 'boss' is none of admin" in found


@pytest.mark.parametrize(
    ("content", "said"),
    [("partners = [", "it is no TOML"), ("", "partners: It must be there")],
)
def test_a_file_that_is_no_declaration(
    apply: Apply, declaration: Path, content: str, said: str
) -> None:
    declaration.write_text(content)
    (problem,) = apply()["problems"]
    assert said in problem
    declaration.unlink()
    assert "can't be read" in apply()["problems"][0]


def test_two_flows_never_own_one_slot(apply: Apply, edit: Edit, declaration: Path) -> None:
    again = '\n[[partners.merchants.flows]]\nslug = "again"\nentity = "price"\n'
    again += 'target = "tills"\nresource = "price"\n'
    declaration.write_text(declaration.read_text() + again)
    assert "slot of an active flow" in apply()["problems"][0]
    edit(
        'target = "tills"\nresource = "price"',
        'target = "tills"\nactive = false\nresource = "price"',
    )
    assert apply()["problems"] == []
    edit('slug = "again"', 'slug = "other"')
    (problem,) = apply()["problems"]
    assert "Another active flow already writes price" in problem, "one that the file doesn't name"


def test_a_problem_only_the_database_knows_leaves_the_partner_as_it_was(
    apply: Apply, edit: Edit
) -> None:
    apply()
    edit('title = "Online shop"', 'title = "Web shop"')
    edit('currency = "GBP"', 'currency = "EUR"')
    (problem,) = apply()["problems"]
    assert "currency: GBP → EUR" in problem
    with partner_context(partners.partner_by_slug("northwind")):
        assert connection("shop").title == "Online shop"


def test_two_partners_in_one_file_do_not_meet(apply: Apply, declaration: Path) -> None:
    second = """
[[partners]]
slug = "southwind"
name = "Southwind"
[[partners.merchants]]
slug = "hartley"
name = "Another Hartley"
"""
    declaration.write_text(declaration.read_text() + second)
    assert apply()["problems"] == []
    with partner_context(partners.partner_by_slug("southwind")):
        assert Connection.objects.count() == 0
        assert Environment.objects.get().merchant.name == "Another Hartley"
    with partner_context(partners.partner_by_slug("northwind")):
        assert Connection.objects.count() == 3
