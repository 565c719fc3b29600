"""Inside one partner: who sees which merchants?"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import RequestFactory

from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tenants.merchants import lifecycle
from tenants.merchants.models import Environment
from tenants.merchants.scope import request_scope, scope_of
from tenants.people import lifecycle as people
from tenants.people.models import Membership

pytestmark = pytest.mark.django_db


@pytest.fixture
def shops(partner):
    return [
        lifecycle.create_merchant(s, s.title(), actor="system:tests") for s in ("north", "south")
    ]


def member(partner, role, merchant_ids=None) -> Membership:
    return people.add_member(
        partner, f"{role}@x.example", role, actor="system:tests", merchant_ids=merchant_ids
    )


def test_a_partners_person_sees_every_merchant(partner, shops) -> None:
    scope = scope_of(member(partner, "viewer"))
    assert [m.slug for m in scope.merchants()] == ["north", "south"]
    assert scope.get_merchant("south") == shops[1]
    assert scope.environments().count() == 2


def test_a_merchants_person_sees_only_theirs_and_learns_of_no_other(partner, shops) -> None:
    scope = scope_of(member(partner, "merchant", [shops[0].pk]))
    assert [m.slug for m in scope.merchants()] == ["north"]
    assert scope.get_environment("north").merchant == shops[0]
    for other in ("south", "never-existed"):
        with pytest.raises(Http404):
            scope.get_merchant(other)
        with pytest.raises(Http404):
            scope.get_environment(other)
    with pytest.raises(Http404):
        scope.get_environment("north", Environment.Kind.SANDBOX)


def test_ids_of_another_partners_merchants_open_nothing(partner, shops, second_partner) -> None:
    with partner_context(second_partner):
        foreign = lifecycle.create_merchant("north", "North", actor="system:tests")
    scope = scope_of(member(partner, "merchant", [foreign.pk]))
    assert not scope.merchants().exists()
    with pytest.raises(Http404):
        scope.get_merchant("north")


def test_an_empty_restriction_is_no_merchant_and_not_all(partner, shops) -> None:
    membership = member(partner, "viewer")
    membership.merchant_ids = []
    assert not scope_of(membership).merchants().exists()


@pytest.mark.parametrize("ids", [None, []])
def test_a_merchants_role_needs_a_merchant(partner, ids) -> None:
    with pytest.raises(people.NotPossible, match="at least one merchant"):
        member(partner, "merchant", ids)
    user = member(partner, "viewer").user
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(user=user).update(role="merchant", merchant_ids=None)


@pytest.mark.parametrize(
    ("role", "operate", "administer", "money"),
    [
        ("owner", True, True, True),
        ("admin", True, True, True),
        ("operator", True, False, False),
        ("finance", False, False, True),
        ("viewer", False, False, False),
        ("merchant", False, False, False),
    ],
)
def test_what_each_role_may_do(partner, role, operate, administer, money) -> None:
    scope = scope_of(member(partner, role, [uuid4()] if role == "merchant" else None))
    assert (scope.may_operate, scope.may_administer, scope.may_see_money) == (
        operate,
        administer,
        money,
    )


def test_nobody_has_no_scope() -> None:
    with pytest.raises(Http404):
        request_scope(RequestFactory().get("/"))


def test_every_change_of_a_merchant_is_in_the_partners_audit(partner, shops) -> None:
    environment = shops[0].environments.get()
    lifecycle.pause(environment, actor="user:1")
    lifecycle.pause(environment, actor="user:1")
    lifecycle.resume(environment, actor="user:2")
    environment.refresh_from_db()
    assert environment.paused is False
    acts = list(AuditEntry.objects.values_list("act", "actor"))
    assert acts.count(("merchant.created", "system:tests")) == 2
    assert acts.count(("environment.paused", "user:1")) == 1
    assert acts[-1] == ("environment.resumed", "user:2")


def test_a_merchant_has_one_environment_of_a_kind(partner, shops) -> None:
    lifecycle.create_environment(shops[0], Environment.Kind.SANDBOX, actor="user:1")
    with pytest.raises(IntegrityError), transaction.atomic():
        lifecycle.create_environment(shops[0], Environment.Kind.SANDBOX, actor="user:1")


def test_a_changed_role_is_audited_with_both_values(partner) -> None:
    member(partner, "viewer")
    people.add_member(partner, "viewer@x.example", "admin", actor="user:1")
    people.add_member(partner, "viewer@x.example", "admin", actor="user:1")
    changes = AuditEntry.objects.filter(act="member.role-changed")
    assert [entry.detail for entry in changes] == [{"old": "viewer", "new": "admin"}]
