"""What a person sees when something breaks: the partner's own page and the move to make."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from hub.portal.views import home
from tenants.partners.models import Partner

pytestmark = pytest.mark.django_db


def test_a_fault_of_ours_shows_the_brand_and_no_detail(
    partner: Partner, sign_in: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    client = sign_in(partner)
    client.raise_request_exception = False
    monkeypatch.setattr(home, "merchants_health", broken)
    answer = client.get("/")
    assert answer.status_code == 500
    assert b"Something broke on our side" in answer.content
    assert b"/brand/colours.css" in answer.content and b"Northwind" in answer.content
    assert b"secret detail" not in answer.content


def test_a_form_from_a_page_left_open_says_what_to_do(
    partner: Partner, sign_in: Callable[..., Client]
) -> None:
    known = sign_in(partner)
    strict = Client(enforce_csrf_checks=True, SERVER_NAME=f"{partner.slug}.localhost")
    strict.cookies = known.cookies
    answer = strict.post("/you/zone/", {"zone": "Europe/Berlin"})
    assert answer.status_code == 403
    assert b"open for too long: go back, reload it" in answer.content
    assert b"/brand/colours.css" in answer.content
