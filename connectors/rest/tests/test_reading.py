"""Reading: every style of paging brings every record once, and its diseases are told."""

from __future__ import annotations

import json

import pytest

from connectors.rest.tests.conftest import SINCE, Connect, heard, numbers, orders
from connectors.sdk.errors import ConnectorError, Unavailable, Unreadable
from connectors.sdk.http import Response
from connectors.sdk.records import SourceRecord
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running

STYLES = ("none", "page", "offset", "cursor", "next", "link", "keyset")
PAGED = STYLES[1:]


def five(house: Running) -> list[str]:
    return [house.control("order", {})["number"] for _ in range(5)]


@pytest.mark.parametrize("style", STYLES)
def test_everything_comes_once_and_then_only_what_is_new(
    connect: Connect, house: Running, style: str
) -> None:
    all_ = five(house)
    connector = connect(streams=[orders(style)])
    told, cursor = heard(connector)
    assert sorted(numbers(connector, told)) == sorted(all_)
    assert len({h.identity for h in told}) == 5
    again, cursor = heard(connector, json.loads(json.dumps(cursor)))
    assert again == [], "unchanged pages are not stored again"
    house.control("order", {"id": 2, "status": "cancelled"})
    third, _ = heard(connector, cursor)
    changed = [json.loads(h.body) for h in third if h.identity not in {t.identity for t in told}]
    assert [(r["id"], r["status"]) for r in changed] == [(2, "cancelled")]


@pytest.mark.parametrize("style", STYLES)
def test_since_asks_only_for_what_changed(connect: Connect, house: Running, style: str) -> None:
    five(house)
    connector = connect(streams=[orders(style, since={**SINCE, "format": "text"})])
    _, cursor = heard(connector)
    assert cursor["since"] and "place" not in cursor
    house.control("order", {"id": 1, "status": "cancelled"})
    told, after = heard(connector, cursor)
    assert "cancelled" in [json.loads(h.body)["status"] for h in told]
    assert len(told) <= 2, "the newest seen, and what came after it"
    assert after["since"] > cursor["since"]


@pytest.mark.parametrize("style", PAGED)
def test_a_sweep_that_is_cut_short_goes_on_where_it_stood(
    connect: Connect, house: Running, style: str
) -> None:
    all_ = five(house)
    connector = connect(streams=[orders(style)])
    pages = connector.read("orders", {})
    first = next(pages)
    rest, _ = heard(connector, first.cursor)
    assert sorted(numbers(connector, [*first.heard, *rest])) == sorted(all_)


def test_an_api_that_gives_less_than_it_was_asked_for_is_read_to_its_end(
    connect: Connect, house: Running
) -> None:
    all_ = five(house)
    house.control("quirks", {"cap": 2})
    for style in ("page", "offset", "keyset"):
        size = {"size": 100}
        connector = connect(streams=[orders(style, paging=size)])
        told, _ = heard(connector)
        assert sorted(numbers(connector, told)) == sorted(all_), style


@pytest.mark.parametrize("style", ["page", "offset", "cursor", "next", "link"])
def test_paging_that_repeats_itself_is_told_and_the_cursor_stays(
    connect: Connect, house: Running, style: str
) -> None:
    five(house)
    house.control("quirks", {"repeat": True})
    connector = connect(streams=[orders(style)])
    pages = connector.read("orders", {})
    first = next(pages)
    assert len(first.heard) == 2
    with pytest.raises(Unreadable) as refused:
        list(pages)
    assert refused.value.code == "page-anomaly" and "circles" in str(refused.value)


def test_a_few_empty_pages_that_name_a_next_one_are_gone_through(
    connect: Connect, house: Running
) -> None:
    all_ = five(house)
    house.control("quirks", {"empty": 3})
    connector = connect(streams=[orders("cursor")])
    told, _ = heard(connector)
    assert sorted(numbers(connector, told)) == sorted(all_)


def test_empty_pages_without_end_are_a_circle(connect: Connect, house: Running) -> None:
    five(house)
    house.control("quirks", {"empty": 1000})
    with pytest.raises(Unreadable, match="circles"):
        heard(connect(streams=[orders("cursor")]))


def test_a_row_that_moves_under_the_sweep_makes_it_begin_again(
    connect: Connect, house: Running
) -> None:
    """The changed row goes to the end, its neighbours slip onto the page that was read already."""
    five(house)
    connector = connect(streams=[orders("page", since={**SINCE, "format": "text"})])
    pages = connector.read("orders", {})
    next(pages)
    house.control("order", {"id": 1, "status": "cancelled"})
    cursor = [page.cursor for page in pages][-1]
    assert "since" not in cursor, "the next sweep asks from where this one did"
    told, cursor = heard(connector, cursor)
    assert len(told) == 5 and cursor["since"]


def test_rows_that_are_short_are_read_whole(connect: Connect, house: Running) -> None:
    five(house)
    one = {"address": "/orders/one/{id}", "record": "order"}
    connector = connect(streams=[orders(one=one, whole=True)])
    told, _ = heard(connector)
    assert len(told) == 5
    assert isinstance(connector.http, PlainHttp)
    assert sum("/orders/one/" in path for _, path in connector.http.calls) == 5


def test_numbers_are_kept_as_they_were_written(connect: Connect, house: Running) -> None:
    house.control("order", {"weight": 0.1, "note": "é"})
    connector = connect(streams=[orders()])
    (told,), _ = heard(connector)
    assert b'"weight": 0.1' in told.body, "the very bytes of the answer"


def test_the_same_id_twice_with_different_content_is_parked_and_told(
    connect: Connect, house: Running
) -> None:
    house.control("order", {})
    house.control("quirks", {"twice": True})
    connector = connect(streams=[orders()])
    first, second = heard(connector)[0]
    assert isinstance(connector.understand(first), SourceRecord)
    with pytest.raises(Unreadable) as refused:
        connector.understand(second)
    assert refused.value.code == "duplicate-exact" and "twice" in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("html", "page-anomaly"), ("down", "unavailable"), ("error", "unavailable"),
     ("unplugged", "unavailable"), ("rate_limit", "rate-limited"), ("unauthorised", "revoked")],
)  # fmt: skip
def test_a_reading_that_fails_says_why_and_goes_on_afterwards(
    connect: Connect, house: Running, fault: str, code: str
) -> None:
    five(house)
    house.control("faults", {"kind": fault, "count": 1})
    connector = connect(streams=[orders()])
    with pytest.raises(ConnectorError) as refused:
        heard(connector)
    assert refused.value.code == code
    assert len(heard(connector)[0]) == 5
    if fault == "rate_limit":
        assert refused.value.retry_after == 1


def test_an_answer_that_ends_in_the_middle_is_told_as_such(
    connect: Connect, house: Running
) -> None:
    five(house)
    house.control("quirks", {"cut": True})
    connector = connect(streams=[orders("page")])
    with pytest.raises(Unavailable, match="no whole JSON") as refused:
        heard(connector)
    assert refused.value.code == "page-anomaly"
    house.control("quirks", {})
    assert len(heard(connector)[0]) == 5


def test_a_list_that_is_elsewhere_in_the_answer_names_the_setting(
    connect: Connect, house: Running
) -> None:
    with pytest.raises(Unreadable, match=r"no list of orders at 'rows'.*settings"):
        heard(connect(streams=[orders(records="rows")]))


def test_records_are_read_again_by_id_and_those_that_are_gone_are_known(
    connect: Connect, house: Running
) -> None:
    five(house)
    one = {"address": "/orders/one/{id}", "record": "order"}
    connector = connect(streams=[orders(one=one)])
    found = connector.reread("orders", ["2", "99"])
    assert found["2"] is not None and found["2"].body["id"] == 2
    assert found["99"] is None
    assert connect(streams=[orders()]).reread("orders", ["2"]) == {}


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json; charset=iso-8859-1", '{"name": "Müller"}'.encode("latin-1")),
     ("application/json", b"\xef\xbb\xbf" + '{"name": "Müller"}'.encode())],
)  # fmt: skip
def test_json_in_another_encoding_is_read_as_its_header_says(
    connect: Connect, kind: str, body: bytes
) -> None:
    class Speaking(PlainHttp):
        def request(self, *args: object, **more: object) -> Response:
            return Response(200, {"content-type": kind}, body)

    connector = connect(streams=[orders()])
    connector.api.http = Speaking()
    answer = connector.api.get(connector.api.url("/x"))
    assert answer is not None
    assert connector.api.value(answer, reading=True) == {"name": "Müller"}


def test_a_record_dated_far_ahead_does_not_hide_what_comes_after_it(
    connect: Connect, house: Running
) -> None:
    five(house)
    stream = orders("page", since={**SINCE, "path": "placed_at", "param": "x", "format": "iso"})
    house.control("order", {"placed_at": "2099-01-01T00:00:00Z"})
    _, cursor = heard(connect(streams=[stream]))
    assert cursor["since"] < "2099"


def test_a_place_kept_from_other_settings_is_left_aside(connect: Connect, house: Running) -> None:
    all_ = five(house)
    first = next(connect(streams=[orders("offset")]).read("orders", {}))
    connector = connect(streams=[orders("cursor")])
    told, _ = heard(connector, first.cursor)
    assert sorted(numbers(connector, [*first.heard, *told])) == sorted(all_)


def test_a_link_that_ran_out_makes_the_sweep_begin_anew(connect: Connect, house: Running) -> None:
    all_ = five(house)
    connector = connect(streams=[orders("next")])
    first = next(connector.read("orders", {}))
    gone = {"url": f"{house.url}/open/orders/gone?at=2"}
    told, _ = heard(connector, {**first.cursor, "place": gone})
    assert sorted(numbers(connector, [*first.heard, *told])) == sorted(all_)
    assert isinstance(connector.http, PlainHttp)
    assert connector.http.calls[-3][1].endswith("limit=2"), "from the first page on"


def test_a_key_that_a_link_repeats_is_not_kept_in_the_cursor(
    connect: Connect, house: Running
) -> None:
    five(house)
    auth = {"style": "key", "query": "api_key"}
    connector = connect("query", auth=auth, streams=[orders("next")])
    cursor = next(connector.read("orders", {})).cursor
    assert "at=2" in cursor["place"]["url"] and "demo-key" not in str(cursor)
    assert len(heard(connector, cursor)[0]) == 3


def test_a_row_that_goes_while_it_is_read_makes_the_sweep_begin_again(
    connect: Connect, house: Running
) -> None:
    """Nothing is met twice then; only the total tells that the others moved up."""
    five(house)
    stream = orders("offset", since={**SINCE, "format": "text"})
    pages = connect(streams=[stream]).read("orders", {})
    next(pages)
    house.control("quirks", {"hides": 1})
    assert "since" not in [page.cursor for page in pages][-1]
