"""Every page in a real browser: desktop and phone, light and dark, two brands."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from hub.sync.models import BusinessException
from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tests.screens.conftest import Portal, browsing

pytestmark = pytest.mark.slow

WIDTHS = {"desktop": 1440, "phone": 390}
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules a theme can break; the others look at structure, which it doesn't change."""


def test_every_page_is_sound(portals: list[Portal]) -> None:
    """No console error, no request to another host, nothing too wide, no WCAG 2.2 AA violation."""
    complaints: list[str] = []
    for portal in portals:
        with browsing(portal, complaints) as page:
            for path in portal.pages():
                page.set_viewport_size({"width": 1440, "height": 900})
                page.goto(portal.root + path)
                page.evaluate(Axe().axe_script)
                for device, width in WIDTHS.items():
                    page.set_viewport_size({"width": width, "height": 900})
                    complaints += _too_wide(page, device)
                    for theme in ("light", "dark"):
                        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                        rules = WCAG if theme == "light" else COLOURS
                        complaints += _violations(page, f"{device}, {theme}", rules)
    assert not complaints, "\n".join(complaints)


def test_the_palette_leads_to_any_page_and_any_number(portals: list[Portal]) -> None:
    """Ctrl-K, a few letters, Enter; and any other text is a search."""
    portal, complaints = portals[0], []  # type: ignore[var-annotated]
    with browsing(portal, complaints) as page:
        page.goto(f"{portal.root}{portal.place}/")
        page.keyboard.press("Control+k")
        page.keyboard.type("dead")
        page.keyboard.press("Enter")
        page.wait_for_url("**/dead-letters/")
        page.keyboard.press("Control+k")
        page.keyboard.type(portal.made.orders[4].number)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/documents/{portal.made.orders[4].pk}/")
        page.keyboard.type("?")
        assert page.get_by_role("dialog", name="Keys").is_visible()
    assert not complaints, "\n".join(complaints)


def test_an_exception_is_resolved_by_keyboard_alone(portals: list[Portal]) -> None:
    """From the overview to a closed exception without a mouse; the act is in the audit."""
    portal, complaints = portals[0], []  # type: ignore[var-annotated]
    with browsing(portal, complaints) as page:
        page.goto(f"{portal.root}{portal.place}/")
        page.keyboard.type("ge")
        page.wait_for_url("**/exceptions/")
        page.keyboard.type("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/exceptions/*/")
        _tab_to(page, "Resolve")
        page.keyboard.press("Enter")
        _tab_to(page, "What was done")
        page.keyboard.type("The period was opened for an hour.")
        _tab_to(page, "Resolve")
        page.keyboard.press("Enter")
        page.wait_for_url("**/exceptions/")
        assert page.get_by_role("status").inner_text().startswith("Resolved.")
    assert not complaints, "\n".join(complaints)
    with partner_context(portal.partner):
        row = BusinessException.objects.get(note="The period was opened for an hour.")
        assert row.state == "resolved"
        assert AuditEntry.objects.filter(act="exception.resolved").exists()


def test_live_figures_move_without_moving_the_page(portals: list[Portal]) -> None:
    """The overview refreshes itself, holds still on request, and nothing jumps (CLS 0)."""
    portal, complaints = portals[0], []  # type: ignore[var-annotated]
    with browsing(portal, complaints) as page:
        page.goto(f"{portal.root}{portal.place}/")
        page.evaluate(WATCH_SHIFTS)
        page.evaluate("document.getElementById('row-erp').focus()")
        with page.expect_response("**/live/"):
            page.evaluate("htmx.trigger('#live', 'refresh')")
        page.wait_for_timeout(400)
        assert page.evaluate("window.shifted") < 0.01
        assert page.evaluate("document.activeElement.id") == "row-erp"
        page.get_by_role("button", name="Hold still").click()
        assert page.get_by_text("Held still").is_visible()
    assert not complaints, "\n".join(complaints)


WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({ type: "layout-shift" });
"""


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called ``name``."""
    for _ in range(60):
        page.keyboard.press("Tab")
        called = page.evaluate(
            "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
        )
        if called == name:
            return
    raise AssertionError(f"Tab never reaches {name!r} on {page.url}.")


def _too_wide(page: Page, device: str) -> list[str]:
    over = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return [f"{page.url} on the {device} is {over} pixels too wide."] if over > 0 else []


def _violations(page: Page, how: str, rules: dict[str, Any]) -> list[str]:
    """What axe finds; the page carries axe already."""
    asked = {"runOnly": rules, "resultTypes": ["violations"]}
    found = page.evaluate("(asked) => axe.run(asked)", asked)["violations"]
    return [
        f"{page.url} ({how}): {one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]
