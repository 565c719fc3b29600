"""A portal with two brands and believable rows, and a real browser in front of it.

Playwright keeps an event loop in its thread, where Django refuses to touch the database: rows are
made before the browser starts and read after it has closed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from hub.runtime.browser import launch_options
from tenants.context import partner_context, public_context
from tenants.partners import lifecycle
from tenants.partners.lifecycle import Look
from tenants.partners.models import Partner
from tests.conftest import PASSWORD
from tests.screens.seed import Seeded, seed

LOOKS = {
    "northlight": Look("Northlight Connect", "#0b5cad", "#0b6e4f", support_email="help@nl.example"),
    "kestrel": Look("Kestrel", "#e8590c", "#8e44ad"),
}


@dataclass(frozen=True, slots=True)
class Portal:
    """One partner's portal as the browser meets it. ``root``: its address, no slash at the end.
    ``heard``: number of the event the first order was heard by; ``delivered``: its delivery."""

    partner: Partner
    made: Seeded
    root: str
    email: str
    heard: int
    delivered: Any

    @property
    def place(self) -> str:
        return f"/m/{self.made.merchant.slug}/{self.made.environment.kind}"

    def pages(self) -> list[str]:
        """Every page a person can open by a link."""
        place, made = self.place, self.made
        order = made.orders[17].pk
        return [
            "/",
            f"/search/?q={made.orders[3].number}",
            f"{place}/",
            f"/m/{made.merchant.slug}/sandbox/",
            f"{place}/documents/?entity=order",
            f"{place}/documents/?q=nothing-like-this",
            f"{place}/documents/{order}/",
            f"{place}/documents/{order}/versions/2/",
            f"{place}/documents/{made.orders[0].pk}/heard/{self.heard}/",
            f"{place}/documents/{made.orders[0].pk}/heard/{self.heard}/read-again/",
            f"{place}/documents/{made.orders[15].pk}/",
            f"{place}/deliveries/{self.delivered}/recreate/",
            f"{place}/deliveries/{made.unknown[0].pk}/declare/",
            f"{place}/exceptions/",
            f"{place}/exceptions/?code=period-closed",
            f"{place}/exceptions/{made.exceptions[2].pk}/",
            f"{place}/exceptions/{made.exceptions[1].pk}/",
            f"{place}/exceptions/{made.unknown[0].exception_id}/",
            f"{place}/dead-letters/",
            f"{place}/dead-letters/{made.dead[0].pk}/",
            f"{place}/dead-letters/resend/?delivery={made.dead[0].pk}",
            f"{place}/connections/",
            f"{place}/connections/shop/",
            "/account/password/change/",
            "/account/2fa/",
            "/no/such/page/",
        ]

    def faces(self) -> list[str]:
        """Of those, as many as show every component once: enough to judge a brand's colours."""
        made, place = self.made, self.place
        shown = {
            "/",
            f"{place}/",
            f"/m/{made.merchant.slug}/sandbox/",
            f"{place}/documents/{made.orders[17].pk}/",
            f"{place}/documents/{made.orders[17].pk}/versions/2/",
            f"{place}/exceptions/",
            f"{place}/exceptions/{made.unknown[0].exception_id}/",
            f"{place}/dead-letters/",
            f"{place}/dead-letters/resend/?delivery={made.dead[0].pk}",
            f"{place}/deliveries/{made.unknown[0].pk}/declare/",
            f"{place}/connections/shop/",
            "/account/password/change/",
            "/no/such/page/",
        }
        return [path for path in self.pages() if path in shown]


@pytest.fixture
def open_portal(
    live_server: Any, make_partner: Callable[..., Partner], add_person: Callable[..., Any]
) -> Callable[[str], Portal]:
    """``open_portal("northlight")``: one of the brands, with an owner and a merchant."""
    port = live_server.url.rpartition(":")[2]

    def opened(slug: str) -> Portal:
        with public_context():
            partner = make_partner(slug)
            lifecycle.dress(partner, _with_logo(LOOKS[slug]), actor="system:tests")
            person = add_person(partner)
        with partner_context(partner):
            made = seed(orders=22)
            heard, delivered = made.first_event, made.orders[0].deliveries.get().pk
        root = f"http://{slug}.localhost:{port}"
        return Portal(partner, made, root, person.email, heard, delivered)

    return opened


@contextmanager
def browsing(portals: list[Portal], complaints: list[str]) -> Iterator[list[Page]]:
    """A signed-in page of each portal, all in one browser. Console errors and requests to other
    hosts are added to ``complaints``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())  # type: ignore[arg-type]
        yield [_signed_in(browser, portal, complaints) for portal in portals]
        browser.close()


def _signed_in(browser: Browser, portal: Portal, complaints: list[str]) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    _watch(page, portal, complaints)
    page.goto(f"{portal.root}/account/login/")
    page.get_by_label("Email").fill(portal.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{portal.root}/")
    return page


def _watch(page: Page, portal: Portal, complaints: list[str]) -> None:
    def said(message: Any) -> None:
        expected = "404" in message.text and "/no/such/page/" in message.location.get("url", "")
        if message.type == "error" and not expected:
            complaints.append(f"{page.url}: the console says {message.text}")

    def asked(request: Any) -> None:
        if not request.url.startswith((portal.root, "data:")):
            complaints.append(f"{page.url} asks another host: {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("request", asked)


def _with_logo(look: Look) -> Look:
    """The second brand has a logo, the first lives by its name."""
    if look.product_name != "Kestrel":
        return look
    picture = io.BytesIO()
    Image.new("RGB", (240, 60), look.primary).save(picture, "PNG")
    return Look(look.product_name, look.primary, look.accent, picture.getvalue())
