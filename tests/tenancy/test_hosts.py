"""The host decides whose portal answers, and nothing else a client can say does."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from tenants.context import current_schema, partner_context
from tenants.merchants.lifecycle import create_merchant
from tenants.merchants.models import Merchant
from tenants.partners import lifecycle
from tenants.partners.host import HostMiddleware

pytestmark = pytest.mark.django_db


def answer(host: str, **headers: str) -> tuple[int, str]:
    """(status, schema the view ran in) of a request through the middleware."""
    seen = ["none"]

    def view(request: HttpRequest) -> HttpResponse:
        seen[0] = current_schema()
        return HttpResponse("ok")

    request = RequestFactory().get("/", headers={"host": host, **headers})
    return HostMiddleware(view)(request).status_code, seen[0]


@pytest.mark.parametrize(
    "host",
    [
        "northwind.localhost",
        "NORTHWIND.LocalHost",
        "northwind.localhost:8000",
        "northwind.localhost.",
        "northwind.localhost.:8000",
    ],
)
def test_every_way_to_write_a_verified_host_is_that_partner(make_partner, host) -> None:
    partner = make_partner("northwind")
    assert answer(host) == (200, partner.schema_name)


@pytest.mark.parametrize(
    "host",
    [
        "unknown.localhost",
        "www.northwind.localhost",
        "northwind.localhost.evil.example",
        "xnorthwind.localhost",
        "northwind.localhost@evil.example",
        "northwind.localhost/",
        "northwind.localhost northwind.localhost",
        "northwind.localhost,southwind.localhost",
        "northw\u0131nd.localhost",
        "xn--northwnd-q4a.localhost",
        "%6eorthwind.localhost",
        "",
        ":8000",
        "..",
        "'; DROP SCHEMA public;--",
    ],
)
def test_any_other_host_is_not_found(make_partner, host) -> None:
    make_partner("northwind")
    assert answer(host) == (404, "none")


def test_forwarded_hosts_are_ignored(make_partner) -> None:
    first, _second = make_partner("northwind"), make_partner("southwind")
    headers = {"X-Forwarded-Host": "southwind.localhost", "Forwarded": "host=southwind.localhost"}
    assert answer("northwind.localhost", **headers) == (200, first.schema_name)
    assert answer("unknown.localhost", **headers) == (404, "none")


def test_a_host_answers_once_it_is_verified(make_partner) -> None:
    partner = make_partner("northwind")
    domain = lifecycle.add_domain(partner, "Portal.Northwind.example.", actor="system:tests")
    assert answer("portal.northwind.example")[0] == 404
    lifecycle.verify_domain(domain, actor="system:tests")
    assert answer("portal.northwind.example") == (200, partner.schema_name)


def test_two_partners_cannot_claim_one_host(make_partner) -> None:
    make_partner("northwind")
    other = make_partner("southwind")
    with pytest.raises(lifecycle.NotPossible, match="in use already"):
        lifecycle.add_domain(other, "NORTHWIND.localhost", actor="system:tests")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_the_bare_host_shows_the_landing_page_and_no_partner(make_partner, host) -> None:
    make_partner("northwind")
    assert answer(host) == (200, "public")
    page = Client(SERVER_NAME=host.split(":")[0] if "[" not in host else "[::1]").get("/")
    assert page.status_code == 200
    assert b"orthwind" not in page.content
    assert Client(SERVER_NAME="localhost").get("/account/login/").status_code == 404


def test_a_suspended_partner_is_closed_under_its_own_brand(make_partner) -> None:
    partner = make_partner("northwind", name="Northwind Systems")
    look = lifecycle.Look("Windhub", support_email="help@northwind.example")
    lifecycle.dress(partner, look, actor="system:tests")
    lifecycle.suspend(partner, actor="system:tests", reason="unpaid")
    page = Client(SERVER_NAME="northwind.localhost").get("/account/login/")
    assert page.status_code == 503
    assert "Windhub" in page.content.decode()
    assert "help@northwind.example" in page.content.decode()
    assert "rossdock" not in page.content.decode()
    assert "unpaid" not in page.content.decode()
    lifecycle.resume(partner, actor="system:tests")
    assert Client(SERVER_NAME="northwind.localhost").get("/account/login/").status_code == 200


def test_a_streamed_body_is_read_in_the_partners_schema(make_partner) -> None:
    partner = make_partner("northwind")
    with partner_context(partner):
        create_merchant("shop", "The Shop", actor="system:tests")

    def view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(merchant.name for merchant in Merchant.objects.iterator())

    request = RequestFactory().get("/", headers={"host": "northwind.localhost"})
    response = HostMiddleware(view)(request)
    assert current_schema() == "public"
    assert b"".join(response.streaming_content) == b"The Shop"
    assert current_schema() == "public"


def test_after_a_request_the_connection_is_nobodys(make_partner) -> None:
    make_partner("northwind")
    answer("northwind.localhost")
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        assert cursor.fetchone()[0] == "public"
