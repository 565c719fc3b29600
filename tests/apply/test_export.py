"""What was declared is written back; applied elsewhere it makes the same partner again."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from PIL import Image

from hub.connections.models import Connection
from hub.flows.declaration.export import export
from hub.flows.lifecycle import deactivate
from hub.flows.models import Flow
from tenants.context import partner_context
from tenants.partners import lifecycle
from tenants.partners import selectors as partners
from tests.apply.conftest import OUTSIDE, Apply

pytestmark = pytest.mark.django_db

#: What the export names, and what the example's author had put there.
SECRETS = {
    "NORTHWIND_HARTLEY_SHOP_CONSUMER_KEY": OUTSIDE["SHOP_KEY"],
    "NORTHWIND_HARTLEY_SHOP_CONSUMER_SECRET": OUTSIDE["SHOP_SECRET"],
    "NORTHWIND_HARTLEY_ERP_API_KEY": OUTSIDE["ERP_KEY"],
}


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def exported(to: Path) -> str:
    call_command("export", "northwind", "--out", str(to), stdout=io.StringIO())
    return to.read_text(encoding="utf-8")


def applied(path: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("apply", str(path), *options, stdout=out)
    return out.getvalue()


class _BackToFresh(Exception):
    pass


def test_a_partner_moves_to_a_fresh_installation_and_is_the_same_there(
    apply: Apply, edit, tmp_path: Path
) -> None:
    Image.new("RGB", (40, 10), "#0b5fff").save(tmp_path / "logo.png")
    edit("# logo = {", "logo = {")
    first = tmp_path / "first" / "northwind.toml"
    with pytest.raises(_BackToFresh), transaction.atomic():
        apply()
        text = exported(first)
        raise _BackToFresh
    assert "+ partner northwind" in applied(first), "nothing is there before"
    second = tmp_path / "second" / "northwind.toml"
    assert exported(second) == text
    logos = [path.with_name("northwind-logo.png").read_bytes() for path in (first, second)]
    assert logos[0] == logos[1]
    with partner_context(partners.partner_by_slug("northwind")):
        assert Flow.objects.get(slug="orders-to-erp").condition == {
            "path": "order_state", "in": ["confirmed", "completed"]
        }  # fmt: skip


def test_applied_to_the_partner_it_was_taken_from_it_changes_nothing(
    apply: Apply, tmp_path: Path
) -> None:
    apply()
    exported(tmp_path / "out.toml")
    said = applied(tmp_path / "out.toml", "--prune")
    assert "There is nothing to change." in said
    assert not re.search(r"^[-+~?]", said, re.MULTILINE), said


def test_no_secret_is_in_the_file_and_every_variable_it_needs_is_told(
    apply: Apply, tmp_path: Path
) -> None:
    apply()
    text = exported(tmp_path / "out.toml")
    for secret in (*SECRETS.values(), OUTSIDE["NORTHWIND_PASSWORD"]):
        assert secret not in text
    told = re.findall(r"^#   (\w+)$", text, re.MULTILINE)
    assert sorted(told) == sorted(SECRETS)
    with partner_context(partners.partner_by_slug("northwind")):
        tokens = Connection.objects.values_list("webhook_token", flat=True)
        assert not any(token in text for token in tokens)


def test_on_the_same_installation_secrets_need_not_be_given_again(
    apply: Apply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply()
    path = tmp_path / "out.toml"
    text = exported(path)
    for name in SECRETS:
        monkeypatch.delenv(name)
    with pytest.raises(CommandError, match="NORTHWIND_HARTLEY_ERP_API_KEY is not set"):
        applied(path)
    path.write_text(text.replace('title = "Online shop"', 'title = "Web shop"'), encoding="utf-8")
    said = applied(path, "--keep-secrets")
    assert "~ connection hartley/shop: title: Online shop → Web shop" in said
    renamed = text.replace('slug = "erp"', 'slug = "new"').replace('"erp"', '"new"')
    path.write_text(renamed, encoding="utf-8")
    with pytest.raises(CommandError, match="connection new is new: The environment variable"):
        applied(path, "--keep-secrets")


@pytest.mark.parametrize("asked", ["#ffee00", "#001122", "#0b5fff"])
def test_a_colour_that_had_to_be_corrected_comes_out_as_it_was_asked_for(
    apply: Apply, tmp_path: Path, asked: str
) -> None:
    apply()
    partner = partners.partner_by_slug("northwind")
    lifecycle.dress(partner, lifecycle.Look("Northwind Link", primary=asked), actor="system:tests")
    assert f'primary = "{asked}"' in export(partners.partner_by_slug("northwind")).text


def test_what_toml_has_no_word_for_goes_beside_it_or_is_refused_by_name(
    apply: Apply, edit, tmp_path: Path
) -> None:
    rules = '{"resource": "price", "fields": {"sku": "sku", "price": {"const": null}}}'
    (tmp_path / "rules.json").write_text(rules, encoding="utf-8")
    edit(
        '[partners.merchants.mappings.rules]\nresource = "price"\n'
        '[partners.merchants.mappings.rules.fields]\nsku = "sku"\nprice = "price.amount"\n'
        'currency = "price.currency"\n',
        'file = "rules.json"\n',
    )
    apply()
    with pytest.raises(CommandError, match="--out FILE"):
        call_command("export", "northwind", stdout=io.StringIO())
    out = tmp_path / "beside" / "out.toml"
    exported(out)
    assert "There is nothing to change." in applied(out)
    with partner_context(partners.partner_by_slug("northwind")):
        flow = Flow.objects.get(slug="prices-to-tills")
        Flow.objects.filter(pk=flow.pk).update(condition={"path": "price", "is": None})
    with pytest.raises(CommandError, match="flow prices-to-tills of hartley holds a null"):
        exported(out)


def test_an_inactive_flow_stays_one(apply: Apply, tmp_path: Path) -> None:
    apply()
    with partner_context(partners.partner_by_slug("northwind")):
        deactivate(Flow.objects.get(slug="prices-to-tills"), actor="system:tests")
    exported(tmp_path / "out.toml")
    assert "There is nothing to change." in applied(tmp_path / "out.toml")


def test_a_partner_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="no partner 'nobody'"):
        call_command("export", "nobody")
