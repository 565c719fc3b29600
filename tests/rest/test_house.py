"""A house-made shop and an office, both only declared: what one sells is in the other, once."""

from __future__ import annotations

from tests.rest.conftest import House


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
