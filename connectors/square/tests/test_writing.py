"""Articles, prices, taxes, stock and customers as they reach Square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.sdk.errors import OutcomeUnknown, Rejected
from connectors.sdk.records import Done
from connectors.sdk.testing.simulators import Running
from connectors.square import goods
from connectors.square.connector import Square
from connectors.square.tests.conftest import article, give_back, item_of, read_all, sale, write

Connect = Callable[..., Square]
TOKEN = {"Authorization": "Bearer EAAA-simulator"}


def prices(seller: Running) -> dict[str, Any]:
    told: dict[str, Any] = seller.control("prices", method="GET")
    return told


def held(seller: Running, id_: str) -> dict[str, Any]:
    asked = {"object_ids": [id_]}
    told = seller.call("POST", "/v2/catalog/batch-retrieve", asked, **TOKEN).json()
    return dict(told["objects"][0])


def change(seller: Running, thing: dict[str, Any], key: str = "seller") -> None:
    """The seller edits something in Square's dashboard."""
    body = {"idempotency_key": key, "object": thing}
    assert seller.call("POST", "/v2/catalog/object", body, **TOKEN).status == 200


def test_an_article_with_its_tax_and_price_reaches_every_till(
    seller: Running, connect: Connect
) -> None:
    square = connect()
    vat = {"name": "VAT20", "percent": "20.0", "included": True}
    tax = write(square, "tax", item_of(vat, "xd-env-vat"))
    made = write(square, "item", item_of(article(tax=tax.external_id)))
    assert list(made.parts) == ["85123A"]
    price = {"item": made.external_id, "sku": "85123A", "amount": "2.55", "currency": "GBP"}
    write(square, "price", item_of(price, "xd-env-price"))
    assert prices(seller) == {"85123A": {"title": "White heart", "tax": "VAT20", "price": "2.55"}}
    sold = seller.control("sell", {"sku": "85123A", "store": "S14", "qty": 2})
    assert sold["total"] == "5.10"


def test_saying_it_again_changes_nothing(seller: Running, connect: Connect) -> None:
    square = connect()
    made = write(square, "item", item_of(article()))
    before = held(seller, made.external_id)["version"]
    again = write(square, "item", item_of(article(), op="update", external_id=made.external_id))
    assert again.unchanged and held(seller, made.external_id)["version"] == before


def test_an_article_square_knows_already_is_taken_over_not_doubled(
    seller: Running, connect: Connect
) -> None:
    theirs = seller.control("item", {"sku": "85123a", "title": "Heart, ours", "price": "3.00"})
    made = write(connect(), "item", item_of(article()))
    assert made.external_id == theirs["id"]
    assert prices(seller)["85123a"] == {"title": "White heart", "tax": "", "price": "3.00"}


def test_two_articles_with_one_sku_are_for_a_person(seller: Running, connect: Connect) -> None:
    for title in ("Heart", "Heart again"):
        seller.control("item", {"sku": "85123A", "title": title, "price": "3.00"})
    with pytest.raises(Rejected) as refused:
        write(connect(), "item", item_of(article()))
    assert refused.value.code == "duplicate-exact"


def test_what_another_record_of_ours_made_is_not_taken(seller: Running, connect: Connect) -> None:
    write(connect(), "item", item_of(article(), "xd-env-1"))
    with pytest.raises(Rejected) as refused:
        write(connect(), "item", item_of(article(), "xd-env-2"))
    assert refused.value.code == "already-bound-elsewhere"


def test_pictures_and_variations_of_the_seller_stay(seller: Running, connect: Connect) -> None:
    square = connect()
    made = write(square, "item", item_of(article()))
    thing = held(seller, made.external_id)
    thing["item_data"] |= {"image_ids": ["PICTURE"], "description_html": "<p>Of wood</p>"}
    red = {"name": "Red", "sku": "RED", "user_data": "theirs"}
    extra = {"type": "ITEM_VARIATION", "id": "#red", "item_variation_data": red}
    thing["item_data"]["variations"].append(extra)
    change(seller, thing)
    renamed = item_of(article(name="Red heart"), op="update", external_id=made.external_id)
    write(square, "item", renamed)
    data = held(seller, made.external_id)["item_data"]
    assert (data["name"], data["image_ids"]) == ("Red heart", ["PICTURE"])
    assert [v["item_variation_data"]["sku"] for v in data["variations"]] == ["85123A", "RED"]
    assert data["variations"][1]["item_variation_data"]["user_data"] == "theirs"


def test_archiving_hides_an_article_and_a_new_word_brings_it_back(
    seller: Running, connect: Connect
) -> None:
    square = connect()
    made = write(square, "item", item_of(article()))
    gone = item_of(article(), op="delete", external_id=made.external_id)
    write(square, "item", gone)
    assert held(seller, made.external_id)["item_data"]["is_archived"] is True
    back = item_of(article(), op="update", external_id=made.external_id)
    write(square, "item", back)
    assert held(seller, made.external_id)["item_data"]["is_archived"] is False


def test_a_new_tax_takes_the_place_of_the_old_one(seller: Running, connect: Connect) -> None:
    """Square adds taxes to those an item has; the one we gave it before must go."""
    square = connect()
    ids = [
        write(square, "tax", item_of({"name": n, "percent": p}, f"xd-env-{n}")).external_id
        for n, p in (("VAT20", "20"), ("VAT0", "0"), ("LOCAL", "1"))
    ]
    first = article(tax=ids[0])
    made = write(square, "item", item_of(first))
    thing = held(seller, made.external_id)
    thing["item_data"]["tax_ids"] = [ids[2]]
    change(seller, thing)  # the seller's own tax, beside ours
    update = item_of(article(tax=ids[1]), op="update", external_id=made.external_id,
                     delivered=first)  # fmt: skip
    write(square, "item", update)
    assert held(seller, made.external_id)["item_data"]["tax_ids"] == [ids[2], ids[1]]


def test_somebody_edits_between_our_reading_and_our_writing(
    seller: Running, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    square = connect()
    made = write(square, "item", item_of(article()))
    body = {"item": made.external_id, "sku": "85123A", "amount": "2.55", "currency": "GBP"}
    real, edits = goods.PLANNERS["price"], iter(["theirs-1"])

    def slow_reader(*asked: Any) -> Any:
        planned = real(*asked)
        for key in edits:
            thing = held(seller, made.parts["85123A"])
            thing["item_variation_data"]["name"] = "Wooden"
            change(seller, thing, key)
            break
        return planned

    monkeypatch.setitem(goods.PLANNERS, "price", slow_reader)
    write(square, "price", item_of(body))
    data = held(seller, made.parts["85123A"])["item_variation_data"]
    assert data["name"] == "Wooden" and data["price_money"] == {"amount": 255, "currency": "GBP"}


def test_one_bad_price_leaves_its_neighbours_alone(seller: Running, connect: Connect) -> None:
    square = connect()
    skus = ("A1", "B2", "C3")
    made = {
        sku: write(square, "item", item_of(article(sku), f"xd-env-{sku}")).external_id
        for sku in skus
    }
    bodies = [
        {"item": made["A1"], "sku": "A1", "amount": "1.00", "currency": "GBP"},
        {"item": made["B2"], "sku": "B2", "amount": "2.00", "currency": "EUR"},
        {"item": made["C3"], "sku": "C3", "amount": "3.005", "currency": "GBP"},
    ]
    items = [item_of(body, f"xd-env-p{n}") for n, body in enumerate(bodies)]
    good, foreign, too_fine = square.write_batch("price", items)
    assert isinstance(good, Done) and prices(seller)["A1"]["price"] == "1.00"
    assert isinstance(foreign, Rejected) and foreign.code == "currency-mismatch"
    assert isinstance(too_fine, Rejected) and too_fine.code == "type-mismatch"


def test_prices_in_yen_are_whole(seller: Running, connect: Connect) -> None:
    seller.control("settings", {"currency": "JPY"})
    square = connect()
    made = write(square, "item", item_of(article("TEA")))
    body = {"item": made.external_id, "sku": "TEA", "amount": "1000", "currency": "JPY"}
    write(square, "price", item_of(body, "xd-env-p"))
    data = held(seller, made.parts["TEA"])["item_variation_data"]
    assert data["price_money"] == {"amount": 1000, "currency": "JPY"}
    with pytest.raises(Rejected):
        write(square, "price", item_of(body | {"amount": "1000.5"}, "xd-env-p"))


def test_a_tax_that_is_there_keeps_its_way_of_being_added(
    seller: Running, connect: Connect
) -> None:
    data = {"name": "VAT20", "percentage": "17.5", "inclusion_type": "ADDITIVE", "enabled": True}
    change(seller, {"type": "TAX", "id": "#t", "tax_data": data})
    done = write(connect(), "tax", item_of({"name": "VAT20", "percent": "20", "included": True}))
    now = held(seller, done.external_id)["tax_data"]
    assert (now["percentage"], now["inclusion_type"]) == ("20", "ADDITIVE")


# ------------------------------------------------------------------ in doubt


def test_a_create_whose_answer_was_lost_is_found_by_our_reference(
    seller: Running, connect: Connect
) -> None:
    square = connect()
    seller.control("faults", {"kind": "drop_after_effect", "match": "batch-upsert", "count": 1})
    with pytest.raises(OutcomeUnknown):
        write(square, "item", item_of(article()))
    found = square.look_up("item", item_of(article()))
    assert found is not None and list(found.parts) == ["85123A"]
    again = write(square, "item", item_of(article(), uncertain=True))
    assert again.unchanged and again.external_id == found.external_id
    assert square.look_up("item", item_of(article("OTHER"), "xd-env-2")) is None


def test_damage_is_booked_once_however_often_it_is_sent(seller: Running, connect: Connect) -> None:
    square = connect()
    made = write(square, "item", item_of(article()))
    count = {"item": made.external_id, "sku": "85123A", "location": "S10", "quantity": "25"}
    write(square, "stock", item_of(count, "xd-env-s"))
    body = {"item": made.external_id, "sku": "85123A", "from": "S10", "to": None, "quantity": "2",
            "occurred_at": "2011-08-08T08:15:00Z"}  # fmt: skip
    move = item_of(body, "xd-env-m")
    seller.control("faults", {"kind": "drop_after_effect", "match": "batch-create", "count": 1})
    with pytest.raises(OutcomeUnknown):
        write(square, "movement", move)
    first = write(square, "movement", item_of(body, "xd-env-m", uncertain=True))
    second = write(square, "movement", move)  # under the same key, told again
    assert first.external_id == second.external_id
    assert seller.control("stock?store=S10", method="GET") == {"85123A": "23"}
    records, _ = read_all(square, "movements")
    assert [r.our_ref for r in records] == ["xd-env-m"]


def test_goods_move_between_two_stores_of_the_seller(seller: Running, connect: Connect) -> None:
    square = connect()
    made = write(square, "item", item_of(article()))
    body = {"item": made.external_id, "sku": "85123A", "from": "S10", "to": "S11", "quantity": "2"}
    write(square, "movement", item_of(body, "xd-env-m"))
    assert seller.control("stock?store=S11", method="GET") == {"85123A": "2"}
    with pytest.raises(Rejected) as refused:
        elsewhere = body | {"from": "S99", "to": None}
        write(square, "movement", item_of(elsewhere, "xd-env-n"))
    assert refused.value.code == "location-missing"


def test_a_count_that_somebody_else_changes_is_told(seller: Running, connect: Connect) -> None:
    square = connect()
    made = write(square, "item", item_of(article()))
    body = {"item": made.external_id, "sku": "85123A", "location": "S10", "quantity": "2.5"}
    write(square, "stock", item_of(body, "xd-env-s"))
    assert square.look_up("stock", item_of(body, "xd-env-s")) is not None
    seller.control("receipts", [sale(), give_back("S10-2-000001")])
    assert square.look_up("stock", item_of(body, "xd-env-s")) is None  # sold meanwhile: -1.5


def test_one_person_is_one_customer(seller: Running, connect: Connect) -> None:
    square = connect()
    body = {"name": "Ada Mary Birch", "company": False, "email": "Ada@example.com"}
    seller.call("POST", "/v2/customers", {"email_address": "ada@example.com"}, **TOKEN)
    done = write(square, "customer", item_of(body, "xd-env-c"))
    (record,), _ = read_all(square, "customers")
    assert record.external_id == done.external_id
    assert record.body["customer"]["given_name"] == "Ada Mary"
    again = item_of(body, "xd-env-c", op="update", external_id=done.external_id)
    assert write(square, "customer", again).unchanged
    other = item_of({"name": "Calder Ltd", "company": True}, "xd-env-d")
    made = write(square, "customer", other)
    found = square.look_up("customer", other)
    assert found is not None and found.external_id == made.external_id
