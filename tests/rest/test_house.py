"""A house-made shop and an office, both only declared: what one sells is in the other, once."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hub.connections import lifecycle
from tests.rest.conftest import House

pytestmark = pytest.mark.slow


def test_an_order_that_is_pushed_becomes_one_document(house: House) -> None:
    house.push_to_us()
    placed = house.order()
    house.until(lambda: len(house.documents()) == 1)
    house.order(id=placed["id"], status="cancelled")
    house.until(lambda: [d["status"] for d in house.documents()] == ["cancelled"])
    (document,) = house.documents()
    assert document["number"] == placed["number"]
    assert document["reference"].startswith("xd-")
    assert document["total"] == 5 and document["lines"][0]["price"] == 5
    assert house.open_exceptions() == {}


def test_pushed_and_polled_and_an_answer_lost_it_is_there_once(house: House) -> None:
    house.push_to_us()
    house.fault("drop_after_effect", "/documents", count=1, method="POST")
    numbers = {house.order()["number"] for _ in range(3)}
    house.poll()
    house.until(lambda: len(house.documents()) >= 3 and not house.owed())
    assert {d["number"] for d in house.documents()} == numbers
    assert house.counts()["twice"] == {}
    assert house.counts()["tokens"] == 1, "one renewal for every thread that found none"
    assert house.system.control("faults", method="GET")["bitten"] == {"drop_after_effect": 1}
    assert house.open_exceptions() == {}


def test_what_the_source_suffers_from_is_told_and_nothing_is_lost(house: House) -> None:
    numbers = {house.order()["number"] for _ in range(3)}
    for fault, words in (("html", "web page instead of data"), ("down", "unwell")):
        house.fault(fault, "/orders", count=1)
        house.poll()
        assert words in house.problem()
    house.fault("unauthorised", "/orders", count=1)
    house.poll()
    assert house.connection("house").state == "attention"
    assert "enter working ones" in house.open_exceptions()["revoked"]
    lifecycle.resume(house.connection("house"), actor="system:tests")
    house.poll()
    house.until(lambda: len(house.documents()) == 3)
    assert {d["number"] for d in house.documents()} == numbers
    assert house.problem() == ""


def test_a_refusal_means_what_the_partner_declared(house: House) -> None:
    house.system.control("quirks", {"unknown_skus": ["MUG"]})
    house.order()
    house.poll()
    house.until(lambda: bool(house.open_exceptions()))
    ((code, title),) = house.open_exceptions().items()
    assert code == "sku-missing" and "create it there and resend" in title


def test_declared_again_changes_nothing_and_a_mistake_has_its_place(house: House) -> None:
    def apply() -> dict[str, Any]:
        out = io.StringIO()
        with contextlib.suppress(CommandError):
            call_command("apply", str(house.declaration), "--json", stdout=out)
        found: dict[str, Any] = json.loads(out.getvalue())
        return found

    assert apply()["nothing_to_change"] is True
    text = house.declaration.read_text(encoding="utf-8")
    wrong = text.replace('style = "page"', 'style = "pages"')
    house.declaration.write_text(wrong, encoding="utf-8")
    (problem,) = apply()["problems"]
    assert "paging.style: There is no style 'pages'" in problem and "keyset" in problem
    for mapping, name in (("house", "orders.order"), ("office", "order.document")):
        begin = text.index(f'[[partners.merchants.mappings]]\nconnection = "{mapping}"')
        end = text.find("\n[[", begin + 1)
        house.declaration.write_text(text[:begin] + (text[end:] if end > 0 else ""), "utf-8")
        (problem,) = apply()["problems"]
        assert f"There is no mapping {name!r} of {mapping!r}" in problem


def test_an_office_that_only_promises_is_asked_until_it_has_kept_its_word(house: House) -> None:
    text = house.declaration.read_text(encoding="utf-8")
    promise = 'accepted = { state = "state", done = ["done"], failed = ["failed"], id = "document"'
    later = text.replace('create = { address = "/documents", method = "POST" }',
                         'create = { address = "/later/documents" }\n'
                         + promise + ', problem = "reason", every = 0.1 }')  # fmt: skip
    assert later != text
    house.declaration.write_text(later, encoding="utf-8")
    call_command("apply", str(house.declaration), stdout=io.StringIO())
    house.system.control("quirks", {"job_asks": 3})
    house.fault("drop_after_effect", "/jobs", count=1)
    placed = house.order()
    house.poll()
    house.until(lambda: len(house.documents()) == 1 and not house.owed())
    house.order(id=placed["id"], status="cancelled")
    house.poll()
    house.until(lambda: [d["status"] for d in house.documents()] == ["cancelled"])
    assert house.counts()["twice"] == {} and house.open_exceptions() == {}
