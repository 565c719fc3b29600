"""What screens decide without a database: masks, differences, exports, places in pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.http import Http404

from connectors.registry import connectors
from hub.connections.models import Connection
from hub.portal.differences import differences
from hub.portal.export import cell
from hub.portal.icons import draw
from hub.portal.masking import HIDDEN, masked
from hub.portal.paging import read_cursor, write_cursor
from hub.portal.selectors.days import business_day
from hub.portal.selectors.overview import Traffic
from hub.portal.states import CONNECTION, Owed, connection_state, delivery_state
from hub.portal.systems import CATEGORIES, System
from hub.portal.templatetags.portal import cause, compact, exact, money, short, spaced, verdicts
from hub.portal.topology import picture
from hub.sync.models import Record

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_people_are_masked_and_goods_are_not() -> None:
    order = {
        "number": "10432",
        "bill_to": {"name": "Ada Winter", "city": "Whitby", "country": "GB"},
        "lines": [{"description": "Ask ada@example.com", "sku": "22423"}],
        "customer": {"entity": "customer", "record": "r1", "key": {"email": "ada@example.com"}},
        "emails": ["ada@example.com"],
    }
    shown = masked(order)
    assert "ada" not in str(shown).lower() and "Whitby" not in str(shown)
    assert shown["number"] == "10432" and shown["lines"][0]["sku"] == "22423"
    assert shown["bill_to"] == {"name": HIDDEN, "city": HIDDEN, "country": "GB"}
    assert shown["customer"]["record"] == "r1"


def test_a_difference_names_the_field_and_both_sides() -> None:
    before = {"state": "unpaid", "lines": [{"qty": "1"}], "gone": "x"}
    after = {"state": "paid", "lines": [{"qty": "2"}], "total": {"amount": "5", "currency": "EUR"}}
    found = {one.path: (one.before, one.after, one.kind) for one in differences(before, after)}
    assert found == {
        "state": ("unpaid", "paid", "changed"),
        "lines.0.qty": ("1", "2", "changed"),
        "total": ("", "5 EUR", "added"),
        "gone": ("x", "", "removed"),
    }


@pytest.mark.parametrize("text", ["=1+1", "+44", "-2", "@sum", "\tx"])
def test_no_cell_of_a_file_is_taken_for_a_formula(text: str) -> None:
    assert cell(text, UTC) == f"'{text}"


def test_times_in_a_file_carry_their_offset() -> None:
    assert cell(NOW, ZoneInfo("Europe/Berlin")) == "2026-11-23T13:00:00+01:00"


def test_a_cursor_survives_the_url_and_a_forged_one_is_refused() -> None:
    row = Record(id="3f6b1a52-31b3-4b0e-9a3f-7d1b3a4a9c11", changed_at=NOW)
    text = write_cursor(row, ("-changed_at", "pk"), backwards=True)
    values, backwards = read_cursor(text, 2)
    assert (values[0], str(values[1]), backwards) == (NOW, str(row.pk), True)
    for forged in ("x", text[:-4], "W10"):
        with pytest.raises(Http404):
            read_cursor(forged, 2)


@pytest.mark.parametrize(
    ("problem", "owed", "word"),
    [
        ("none", None, "idle"),
        ("none", Owed(NOW, None, 0, NOW), "due"),
        ("none", Owed(NOW + timedelta(seconds=9), None, 2, NOW), "waiting"),
        ("none", Owed(NOW, NOW + timedelta(seconds=9), 1, NOW), "sending"),
        ("none", Owed(NOW, NOW - timedelta(seconds=1), 1, NOW), "checking"),
        ("none", Owed(None, None, 0, NOW), "blocked"),
        ("dead", Owed(None, None, 5, NOW), "dead"),
        ("retired", None, "retired"),
    ],
)
def test_a_delivery_shows_the_state_of_its_work(problem: str, owed: Owed | None, word: str) -> None:
    assert delivery_state(problem, owed, NOW).key == word


def test_a_resting_connection_says_so_until_it_is_tried_again() -> None:
    later = NOW + timedelta(seconds=30)
    assert connection_state("active", later, NOW).key == "resting"
    assert connection_state("active", NOW - timedelta(seconds=1), NOW).key == "active"
    assert connection_state("paused", later, NOW).key == "paused"


def test_today_is_the_newest_day_with_business_in_the_merchants_zone() -> None:
    late = datetime(2011, 8, 18, 23, 30, tzinfo=UTC)  # 00:30 of the 19th in London's summer
    day = business_day(late, ZoneInfo("Europe/London"), NOW)
    assert (day.label, day.is_today) == ("19 August 2011", False)
    assert day.start <= late < day.end
    assert business_day(NOW + timedelta(days=3), ZoneInfo("UTC"), NOW).label == "today"


def test_money_keeps_every_decimal_it_has() -> None:
    assert money({"amount": "1234.5", "currency": "GBP"}) == "£1,234.50"
    assert money((Decimal("0.125"), "EUR")) == "€0.125"
    assert money(("-3", "JPY")) == "-¥3"
    assert money({"amount": "n/a", "currency": "EUR"}) == "n/a EUR"


def test_durations_and_codes_read_like_words() -> None:
    assert [short(timedelta(seconds=s)) for s in (4, 90, 7200, 200_000)] == [
        "4 s",
        "1 min",
        "2 h",
        "2 d",
    ]
    assert [exact(timedelta(milliseconds=m)) for m in (84, 1840)] == ["84 ms", "1.8 s"]
    assert spaced("sku-missing") == "SKU missing"


def test_a_picture_has_room_for_any_count() -> None:
    counts = (0, 999, 1_000, 8_465, 99_949, 120_400, 999_949, 999_950, 1_250_000)
    shown = [compact(count) for count in counts]
    assert shown == ["0", "999", "1k", "8.5k", "99.9k", "120k", "999k", "1M", "1.3M"]
    assert max(len(text) for text in shown) <= 5


def test_what_became_of_an_event_reads_like_a_sentence() -> None:
    told = "order accept, customer same, stock_level same"
    assert verdicts(told) == "New: order. Nothing new: customer, stock level."
    assert verdicts("Line 2 ends in a field that is no amount.").startswith("Line 2")
    assert cause("sku-missing") == "Article unknown" and cause("vat-odd") == "VAT odd"


@pytest.mark.parametrize("category", ["shop", "pos", "erp", "Warehouse"])
def test_every_category_has_words_and_an_icon(category: str) -> None:
    one = System(Connection(slug="x", title="x"), "Acme", category.casefold())
    assert draw(one.icon, 18).startswith("<svg")
    assert (one.icon == "plug") == (category == "Warehouse")
    assert one.label.startswith("Acme, ")


def test_the_manifests_name_categories_that_have_words() -> None:
    assert {one.manifest.category for one in connectors().values()} <= set(CATEGORIES)


@pytest.mark.parametrize("kinds", [["shop", "pos", "erp"], ["erp"], ["shop"] * 7, []])
def test_no_two_systems_overlap_in_the_picture(kinds: list[str]) -> None:
    rows = [
        Traffic(System(Connection(slug=f"c{n}", title="x"), kind, kind), CONNECTION["active"])
        for n, kind in enumerate(kinds)
    ]
    drawn = picture(rows)
    corners = {(one.x, one.y) for one in drawn.spokes}
    assert len(corners) == len(kinds)
    for x, y in corners:
        assert y >= 0 and y + drawn.node_height <= drawn.height
        assert x + drawn.node_width <= drawn.width
    for one in drawn.spokes:
        below = [o for o in drawn.spokes if o.x == one.x and o.y > one.y]
        assert all(o.y >= one.y + drawn.node_height for o in below)
