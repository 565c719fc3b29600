"""Connecting as a person does it: a real browser, two brands, the shop's page between ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from connectors.sdk.testing.receiver import Receiver
from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.simulator import build
from hub.connections.models import Connection
from tenants.context import partner_context
from tests.screens import conftest as screens
from tests.screens.conftest import Portal, browsing
from tests.screens.test_pages import COLOURS, WCAG, _look_at

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("screens")]

open_portal = screens.open_portal


def test_the_round_through_the_shop(
    open_portal: Callable[[str], Portal], front_door: Receiver
) -> None:
    """Button, the shop's question, back: sound at every size, in both themes and brands."""
    complaints: list[str] = []
    with running(build) as shop:
        portals = [open_portal("northlight"), open_portal("kestrel")]
        for portal in portals:
            with partner_context(portal.partner):
                Connection.objects.filter(slug="shop").update(config={"url": shop.url})
        with browsing(portals, complaints) as pages:
            for portal, page, rules in zip(portals, pages, (WCAG, COLOURS), strict=True):
                page.context.add_init_script(Axe().axe_script)
                complaints += _round(portal, page, shop, rules)
    assert front_door.got, "the shop was asked to push"
    ours = [c for c in complaints if shop.url not in c and "the console says" not in c]
    assert not ours, "\n".join(ours)


def _round(portal: Portal, page: Page, shop: Running, rules: dict[str, Any]) -> list[str]:
    page.goto(f"{portal.root}{portal.place}/connections/shop/")
    found = _look_at(page, rules)
    page.get_by_role("link", name="Connect your shop").click()
    found += _look_at(page, rules)
    page.get_by_role("button", name="Connect your shop").click()
    page.wait_for_url(f"{shop.url}/wc-auth/**")
    page.get_by_role("link", name="Approve").click()
    page.wait_for_url(f"{portal.root}{portal.place}/connections/shop/connect/")
    assert page.get_by_text("tells us by itself").is_visible()
    found += _look_at(page, rules)
    page.goto(f"{portal.root}/connect/back/?state=of-nobody")
    assert page.get_by_role("heading", level=1).inner_text() == "Nothing here belongs to you"
    return found + _look_at(page, rules)
