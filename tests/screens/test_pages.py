"""Every page in a real browser: desktop and phone, light and dark, two brands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from hub.sync.models import BusinessException
from kernel.audit.models import AuditEntry
from tenants.context import partner_context
from tests.screens.conftest import Portal, browsing

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("screens")]

WIDTHS = {"desktop": 1440, "laptop": 1024, "phone": 390}
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules that a brand and a theme can break; the others look at structure."""

OpenPortal = Callable[[str], Portal]


def test_every_page_is_sound(open_portal: OpenPortal) -> None:
    """No console error, no request to another host, nothing too wide at any size, no WCAG 2.2 AA
    violation: every page on the first brand, and on the second what its colours can spoil."""
    complaints: list[str] = []
    portals = [open_portal("northlight"), open_portal("kestrel")]
    with browsing(portals, complaints) as pages:
        asked = ((WCAG, portals[0].pages()), (COLOURS, portals[1].faces()))
        for portal, page, (rules, paths) in zip(portals, pages, asked, strict=True):
            page.context.add_init_script(Axe().axe_script)
            for path in paths:
                page.goto(portal.root + path)
                complaints += _look_at(page, rules)
    assert not complaints, "\n".join(complaints)


def _look_at(page: Page, rules: dict[str, Any]) -> list[str]:
    """The page at every width, on the desktop in the light, on the phone in the dark."""
    found = []
    for device, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        found += _too_wide(page, device) + page.evaluate(OUTSIDE_BOXES)
    page.emulate_media(color_scheme="dark")
    found += _violations(page, "phone, dark", COLOURS)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDTHS["desktop"], "height": 900})
    return found + _violations(page, "desktop, light", rules)


def test_a_shift_at_the_desk(open_portal: OpenPortal) -> None:
    """One person's morning, mostly without a mouse; what they did is in the database and audit."""
    portal, complaints = open_portal("northlight"), []  # type: ignore[var-annotated]
    with browsing([portal], complaints) as (page,):
        _live_figures_move_without_moving_the_page(page, portal)
        _the_palette_leads_to_any_page_and_any_number(page, portal)
        _the_menu_opens_on_the_phone(page, portal)
        _an_exception_is_resolved_by_keyboard_alone(page, portal)
    assert not complaints, "\n".join(complaints)
    with partner_context(portal.partner):
        row = BusinessException.objects.get(note="The period was opened for an hour.")
        assert row.state == "resolved"
        assert AuditEntry.objects.filter(act="exception.resolved").exists()


def _live_figures_move_without_moving_the_page(page: Page, portal: Portal) -> None:
    """The overview refreshes itself, holds still on request, and nothing jumps (CLS 0)."""
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


def _the_palette_leads_to_any_page_and_any_number(page: Page, portal: Portal) -> None:
    """Ctrl-K, a few letters, Enter; and any other text is a search."""
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
    page.keyboard.press("Escape")


def _the_menu_opens_on_the_phone(page: Page, portal: Portal) -> None:
    page.set_viewport_size({"width": WIDTHS["phone"], "height": 844})
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("navigation", name="Main").get_by_text("Overview").click()
    page.wait_for_url(f"**{portal.place}/")
    page.set_viewport_size({"width": WIDTHS["desktop"], "height": 900})


def _an_exception_is_resolved_by_keyboard_alone(page: Page, portal: Portal) -> None:
    """From the overview to a closed exception without a mouse."""
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


OUTSIDE_BOXES = """
() => [...document.querySelectorAll(".topology .node")].flatMap((node) => {
  const box = node.closest("a").querySelector(".box").getBoundingClientRect();
  if (!box.width) return [];
  return [...node.querySelectorAll("span > span")].flatMap((text) => {
    const at = text.getBoundingClientRect();
    const inside = at.left >= box.left && at.right <= box.right
      && at.top >= box.top && at.bottom <= box.bottom;
    return inside ? [] : [`${location} at ${innerWidth}: "${text.textContent}" leaves its box.`];
  });
})
"""
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
