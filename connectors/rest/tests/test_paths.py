"""Paths and templates, over anything a record may hold."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.rest.paths import BadPath, address, at, filled, placed, raw_at, steps, with_numbers

NAMES = st.text("abcxyz_-", min_size=1, max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_a_value_never_leaves_its_place_in_an_address(one: str, two: str) -> None:
    try:
        made = address("/orders/{id}/lines?ref={ref}", {"id": one, "ref": two}.get)
    except KeyError:
        assert {one, two} & {".", ".."}
        return
    parts = urlsplit(f"https://x.example{made}")
    first, orders, id_, lines = parts.path.split("/")
    assert (first, orders, unquote(id_), lines) == ("", "orders", one, "lines")
    assert parse_qs(parts.query, keep_blank_values=True) == {"ref": [two]}
    assert not parts.fragment


@settings(deadline=None)
@example(value="0", way=[0])
@given(JSON, st.lists(NAMES | st.integers(0, 2), max_size=3))
def test_the_bytes_at_a_path_are_what_the_path_leads_to(value: Any, way: list[str | int]) -> None:
    path = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in way).removeprefix(".")
    assert steps(path) == way
    raw = raw_at(msgspec.json.encode(value), path)
    assert (None if raw is None else msgspec.json.decode(raw)) == at(value, path)


@pytest.mark.parametrize("path", ["a..b", ".a.", "a[", "a[x]", "a b", "{a}"])
def test_what_is_no_path_is_told(path: str) -> None:
    with pytest.raises(BadPath):
        steps(path)


def test_nothing_to_put_in_a_template_is_an_error_and_not_a_hole() -> None:
    with pytest.raises(KeyError, match="id"):
        filled("/orders/{id}", lambda name: None)
    assert placed("a.b", 1) == {"a": {"b": 1}}


@pytest.mark.parametrize("said", ["12.50", "-0.1", "1E+2", "123456789012345678901234567890.12"])
def test_decimal_text_becomes_a_number_without_losing_a_digit(said: str) -> None:
    body = with_numbers({"lines": [{"price": said, "qty": 2}]}, ["lines[*].price", "lines[*].qty"])
    written = msgspec.json.encode(body).decode()
    assert written == '{"lines":[{"price":%s,"qty":2}]}' % ("100" if said == "1E+2" else said)
