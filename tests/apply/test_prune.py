"""What a file no longer mentions is named; with --prune it ends, each thing in its own way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hub.connections.models import Connection
from hub.flows.models import Availability, Flow, Ownership
from hub.mappings.selectors import active_override
from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tenants.merchants.models import Environment
from tenants.partners import selectors as partners
from tenants.people.models import Membership
from tests.apply.conftest import Apply

pytestmark = pytest.mark.django_db

ENDED = {
    "flow hartley/prices-to-tills",
    "mapping price.price of hartley/tills",
    "ownership hartley: product.marketing",
    "availability hartley: available",
    "connection hartley/tills",
    "person shop@hartley.example at northwind",
}


def told(found: dict[str, Any], sign: str) -> set[str]:
    return {change["what"] for change in found["changes"] if change["sign"] == sign}


@pytest.fixture
def shortened(apply: Apply, declaration: Path) -> Path:
    """The example was applied; then its tills, a membership and more were taken out of it."""
    apply()
    text = declaration.read_text(encoding="utf-8")
    blocks = re.split(r"(?m)^(?=\[\[)", text)
    gone = ('slug = "tills"', 'connection = "tills"', 'group = "marketing"', 'code = "available"',
            'slug = "prices-to-tills"', 'email = "shop@hartley.example"')  # fmt: skip
    kept = [block for block in blocks if not any(mark in block for mark in gone)]
    declaration.write_text("".join(kept), encoding="utf-8")
    return declaration


def test_without_prune_what_is_left_over_is_only_named(apply: Apply, shortened: Path) -> None:
    found = apply()
    assert found["nothing_to_change"]
    assert told(found, "?") == ENDED and not told(found, "-")
    with partner_context(partners.partner_by_slug("northwind")):
        assert Flow.objects.get(slug="prices-to-tills").active


def test_with_prune_everything_ends_in_its_own_way(apply: Apply, shortened: Path) -> None:
    planned = apply(dry_run=True, prune=True)
    with partner_context(partners.partner_by_slug("northwind")):
        assert Flow.objects.get(slug="prices-to-tills").active, "a plan changes nothing"
    found = apply(prune=True)
    assert told(found, "-") == ENDED and found["changes"] == planned["changes"]
    partner = partners.partner_by_slug("northwind")
    assert [m.user.email for m in Membership.objects.filter(partner=partner)] == [
        "owner@northwind.example"
    ]
    with partner_context(partner):
        assert not Flow.objects.get(slug="prices-to-tills").active
        tills = Connection.objects.get(slug="tills")
        assert tills.state == "paused" and "no longer names it" in tills.paused_reason
        assert active_override(tills, "price.price") is None
        assert not Ownership.objects.filter(group="marketing").exists()
        assert not Availability.objects.exists()
        acts = set(AuditEntry.objects.values_list("act", flat=True))
        assert {"flow.deactivated", "connection.paused", "mapping.restored", "member.removed",
                "availability.ended"} <= acts  # fmt: skip
    again = apply(prune=True)
    assert again["nothing_to_change"] and not told(again, "-") and not told(again, "?")


def test_what_is_declared_again_comes_back(
    apply: Apply, declaration: Path, shortened: Path
) -> None:
    before = declaration.read_text(encoding="utf-8")
    apply(prune=True)
    blocks = before + (
        '\n[[partners.merchants.connections]]\nslug = "tills"\nconnector = "csvtill"\n'
        'config = { folder = { env = "TILL_FOLDER" } }\n'
    )
    declaration.write_text(blocks, encoding="utf-8")
    found = apply()
    (change,) = [c for c in found["changes"] if c["what"] == "connection hartley/tills"]
    assert change["sign"] == "~" and "state: retired → active" in change["details"]
    with partner_context(partners.partner_by_slug("northwind")):
        assert Connection.objects.get(slug="tills").state == "active"


def test_a_merchant_is_never_dropped_only_paused(apply: Apply, declaration: Path) -> None:
    apply()
    text = declaration.read_text(encoding="utf-8")
    head = text.split("[[partners.merchants]]")[0].split('[[partners.people]]\nemail = "shop@')[0]
    declaration.write_text(head, encoding="utf-8")
    assert "environment hartley/production" in told(apply(), "?")
    assert "environment hartley/production" in told(apply(prune=True), "-")
    with partner_context(partners.partner_by_slug("northwind")):
        assert Environment.objects.get().paused
        assert Connection.objects.count() == 3, "everything it has stays"
    assert apply(prune=True)["nothing_to_change"]


def test_the_last_owner_stays(apply: Apply, declaration: Path) -> None:
    apply()
    text = declaration.read_text(encoding="utf-8")
    people = re.compile(r"\[\[partners\.people\]\].*?(?=\[\[partners\.merchants\]\])", re.DOTALL)
    declaration.write_text(people.sub("", text), encoding="utf-8")
    found = apply(prune=True)
    assert "person owner@northwind.example at northwind" in told(found, "?")
    partner = partners.partner_by_slug("northwind")
    assert [m.role for m in Membership.objects.filter(partner=partner)] == ["owner"]


def test_a_host_is_never_given_up(apply: Apply, edit) -> None:
    edit('domain = "northwind.localhost" ', 'domain = "old.localhost" ')
    apply()
    edit('domain = "old.localhost" ', 'domain = "northwind.localhost" ')
    found = apply(prune=True)
    assert "host old.localhost of northwind" in told(found, "?")
    partner = partners.partner_by_slug("northwind")
    assert sorted(partner.domains.values_list("domain", flat=True)) == [
        "northwind.localhost",
        "old.localhost",
    ]
