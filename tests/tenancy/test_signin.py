"""Signing in happens on the partner's host, and counts there only."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client, override_settings

from tenants.context import partner_context
from tenants.people import lifecycle as people
from tenants.people.membership import SESSION_PARTNER
from tenants.people.models import Invitation, Membership, User
from tests.conftest import PASSWORD, browser_at

pytestmark = pytest.mark.django_db
WHOAMI = "/account/password/change/"
"""A page that only a signed-in person gets; others are sent to the sign-in page."""


def sign_in_by_form(client: Client, email: str, password: str = PASSWORD) -> bool:
    answer = client.post("/account/login/", {"login": email, "password": password})
    assert answer.status_code in (200, 302)
    return answer.status_code == 302


def is_signed_in(client: Client) -> bool:
    return client.get(WHOAMI).status_code == 200


def test_a_member_signs_in_and_out(make_partner, add_person) -> None:
    partner = make_partner("northwind")
    add_person(partner, "ada@northwind.example")
    client = browser_at(partner)
    assert not is_signed_in(client)
    assert sign_in_by_form(client, "Ada@Northwind.example")
    assert is_signed_in(client)
    client.post("/account/logout/")
    assert not is_signed_in(client)


def test_a_stranger_gets_the_same_answer_as_a_wrong_password(make_partner, add_person) -> None:
    first, second = make_partner("northwind"), make_partner("southwind")
    add_person(first, "ada@northwind.example")
    add_person(second, "eve@southwind.example")

    def errors(email: str, password: str) -> list[str]:
        page = browser_at(first).post("/account/login/", {"login": email, "password": password})
        assert page.status_code == 200
        return page.context["form"].non_field_errors()

    assert errors("eve@southwind.example", PASSWORD) == errors("ada@northwind.example", "wrong")
    assert errors("nobody@nowhere.example", "x") == errors("ada@northwind.example", "wrong")


def test_a_cookie_carried_to_another_host_is_anonymous(make_partner, sign_in, add_person) -> None:
    first, second = make_partner("northwind"), make_partner("southwind")
    client = sign_in(first)
    user = User.objects.get()
    people.add_member(second, user.email, "owner", actor="system:tests")
    assert is_signed_in(client)
    stolen = client.cookies["session"].value
    elsewhere = browser_at(second)
    elsewhere.cookies["session"] = stolen
    assert not is_signed_in(elsewhere)
    bare = Client(SERVER_NAME="localhost")
    bare.cookies["session"] = stolen
    assert bare.get(WHOAMI).status_code == 404


def test_the_session_cookie_is_host_only(make_partner, add_person) -> None:
    partner = make_partner("northwind")
    add_person(partner, "ada@northwind.example")
    client = browser_at(partner)
    sign_in_by_form(client, "ada@northwind.example")
    cookie = client.cookies["session"]
    assert cookie["domain"] == ""
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_ending_a_membership_ends_open_sessions(make_partner, sign_in) -> None:
    partner = make_partner("northwind")
    client = sign_in(partner)
    assert is_signed_in(client)
    people.remove_member(Membership.objects.get(), actor="system:tests")
    assert not is_signed_in(client)


def test_a_session_that_names_no_partner_is_anonymous(make_partner, sign_in) -> None:
    client = sign_in(make_partner("northwind"))
    session = client.session
    del session[SESSION_PARTNER]
    session.save()
    assert not is_signed_in(client)


def test_nobody_signs_up_by_themselves(make_partner) -> None:
    partner = make_partner("northwind")
    form = {"email": "eve@evil.example", "password1": PASSWORD, "password2": PASSWORD}
    page = browser_at(partner).post("/account/signup/", form)
    assert page.status_code == 200
    assert not User.objects.exists()


@pytest.mark.parametrize(("member", "mails"), [(True, 1), (False, 0)])
def test_a_forgotten_password_is_mailed_to_members_only(
    make_partner, add_person, member, mails
) -> None:
    first, second = make_partner("northwind"), make_partner("southwind")
    add_person(first if member else second, "ada@northwind.example")
    page = browser_at(first).post("/account/password/reset/", {"email": "ada@northwind.example"})
    assert page.status_code == 302
    assert (
        len([m for m in mail.outbox if "password" in m.body.lower() and "http" in m.body]) == mails
    )


def test_an_invitation_is_used_once_by_whom_it_was_sent_to(make_partner) -> None:
    partner, other = make_partner("northwind"), make_partner("southwind")
    _, token = people.invite(partner, "New@Person.example", "operator", actor="system:tests")
    assert token.encode() not in bytes(Invitation.objects.get().token_hash)
    with pytest.raises(people.NotPossible):
        people.accept(other, token, PASSWORD)
    membership = people.accept(partner, token, PASSWORD)
    assert (membership.user.email, membership.role) == ("new@person.example", "operator")
    assert sign_in_by_form(browser_at(partner), "new@person.example")
    with pytest.raises(people.NotPossible, match="ask the person"):
        people.accept(partner, token, PASSWORD)


def test_an_old_invitation_has_expired(make_partner) -> None:
    partner = make_partner("northwind")
    invitation, token = people.invite(partner, "a@b.example", "viewer", actor="system:tests")
    Invitation.objects.update(expires_at=invitation.created_at)
    with pytest.raises(people.NotPossible, match="expired"):
        people.accept(partner, token, PASSWORD)


def test_an_existing_persons_password_is_not_changed_by_another_partner(make_partner) -> None:
    first, second = make_partner("northwind"), make_partner("southwind")
    people.add_member(first, "ada@x.example", "owner", actor="system:tests", password=PASSWORD)
    people.add_member(second, "ada@x.example", "viewer", actor="system:tests", password="other one")
    assert User.objects.get().check_password(PASSWORD)
    with partner_context(second):
        assert sign_in_by_form(browser_at(second), "ada@x.example")


def test_every_page_forbids_foreign_scripts_and_frames(make_partner) -> None:
    page = browser_at(make_partner("northwind")).get("/account/login/")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@override_settings(SECURE_SSL_REDIRECT=True)
def test_the_probe_answers_over_http_even_when_pages_do_not() -> None:
    assert Client(SERVER_NAME="localhost").get("/healthz").status_code == 200
    assert Client(SERVER_NAME="localhost").get("/").status_code == 301
