"""One product in sizes and colours: a variable product there, variants here, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.sdk.errors import ConnectorError, OutcomeUnknown, Rejected
from connectors.sdk.records import Done, Heard, Hint
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce.connector import WooCommerce
from connectors.woocommerce.tests.replay import ask, recording, replay
from connectors.woocommerce.tests.test_writing import fault, item, products, written


def shirt(*sizes: str, **more: Any) -> dict[str, Any]:
    variants = [{"sku": f"shirt-{size}", "options": {"Size": size}} for size in sizes]
    return {"name": "Shirt", "type": "variable", "manage_stock": True, "variants": variants, **more}


def create(woo: WooCommerce, *sizes: str, ref: str = "xd-shirt", **more: Any) -> Done:
    new = item(shirt(*sizes), op="create", ref=ref, **more)
    return written(woo, "product", new)[0]


def variations(shop: Running, parent: str) -> dict[str, Any]:
    rows = ask(shop, "GET", f"/products/{parent}/variations?per_page=100").json()
    return {row["sku"]: row for row in rows}


def test_the_stand_in_makes_variations_as_the_real_shop_did(shop: Running) -> None:
    parent = ask(shop, "POST", "/products", {"name": "Rec Shirt", "type": "variable"}).json()["id"]
    then = recording("061")
    now = replay(shop, "061", p65=parent)
    for old, new in zip(then["answer"]["create"], now["create"], strict=True):
        for name in ("sku", "name", "attributes", "regular_price", "stock_quantity"):
            assert new[name] == old[name], name


def test_several_variants_become_one_variable_product(shop: Running, woo: WooCommerce) -> None:
    done = create(woo, "S", "M")
    shown = ask(shop, "GET", f"/products/{done.external_id}").json()
    assert (shown["type"], shown["attributes"][0]["options"]) == ("variable", ["S", "M"])
    held = variations(shop, done.external_id)
    assert done.parts == {sku: str(row["id"]) for sku, row in held.items()}
    assert held["shirt-M"]["attributes"][0]["option"] == "M"
    assert held["shirt-M"]["manage_stock"] is True

    later = item(shirt("S", "M", "L"), external_id=done.external_id, ref="xd-shirt")
    again, _ = written(woo, "product", later)
    assert again.parts.items() > done.parts.items()
    assert set(again.parts) == {"shirt-S", "shirt-M", "shirt-L"}


def test_price_and_stock_find_their_variation(shop: Running, woo: WooCommerce) -> None:
    done = create(woo, "S", "M")
    said = {"id": done.external_id, "sku": "shirt-M"}
    (price,) = woo.write_batch("price", [item({**said, "regular_price": "19.50"})])
    (stock,) = woo.write_batch("stock", [item({**said, "quantity": "7"})])
    assert isinstance(price, Done) and isinstance(stock, Done)
    held = variations(shop, done.external_id)
    assert (held["shirt-M"]["regular_price"], held["shirt-M"]["stock_quantity"]) == ("19.50", 7)
    assert (held["shirt-S"]["regular_price"], held["shirt-S"]["stock_quantity"]) == ("", 0)
    assert woo.look_up("stock", item({**said, "quantity": "7"})) is not None
    assert woo.look_up("stock", item({**said, "quantity": "8"})) is None


@pytest.mark.parametrize("match", ["/products", "/variations/batch"])
@pytest.mark.parametrize("kind", ["drop_after_effect", "error_after_effect"])
def test_cut_short_at_any_call_it_is_made_once(
    shop: Running, woo: WooCommerce, kind: str, match: str
) -> None:
    before = products(shop)
    new = item(shirt("S", "M"), op="create", ref="xd-shirt")
    fault(shop, kind, match=match, method="POST")
    with pytest.raises(OutcomeUnknown):
        written(woo, "product", new)
    found = woo.look_up("product", new)
    assert found is not None
    assert found.complete is (match == "/variations/batch")
    done, _ = written(woo, "product", item(shirt("S", "M"), op="create", ref="xd-shirt",
                                           uncertain=True))  # fmt: skip
    assert done.external_id == found.external_id
    assert set(done.parts) == {"shirt-S", "shirt-M"}
    assert products(shop) == before + 3


def test_a_shops_own_variable_product_is_taken_over(shop: Running, woo: WooCommerce) -> None:
    """Its SKU and its other attributes stay the shop's; what it lacks is added."""
    theirs = {"name": "Old shirt", "type": "variable", "sku": "old-shirt", "attributes": [
        {"name": "Fabric", "options": ["Linen"], "visible": True, "variation": False},
        {"name": "Size", "options": ["XL"], "visible": True, "variation": True}]}  # fmt: skip
    parent = str(ask(shop, "POST", "/products", theirs).json()["id"])
    ask(shop, "POST", f"/products/{parent}/variations",
        {"sku": "shirt-S", "attributes": [{"name": "Size", "option": "S"}]})  # fmt: skip
    done = create(woo, "S", "M")
    assert done.external_id == parent
    shown = ask(shop, "GET", f"/products/{parent}").json()
    assert shown["sku"] == "old-shirt"
    named = {a["name"]: a["options"] for a in shown["attributes"]}
    assert named == {"Fabric": ["Linen"], "Size": ["S", "M", "XL"]}


def test_a_simple_product_that_got_sizes(shop: Running, woo: WooCommerce) -> None:
    one = {"name": "Shirt", "type": "simple", "sku": "shirt-S"}
    first, _ = written(woo, "product", item(one, op="create", ref="xd-shirt"))
    later = item(shirt("S", "M"), external_id=first.external_id, ref="xd-shirt")
    done, _ = written(woo, "product", later)
    assert done.external_id == first.external_id
    assert done.parts["shirt-S"] != first.external_id


def test_skus_spread_over_several_products_are_for_a_person(
    shop: Running, woo: WooCommerce
) -> None:
    for sku in ("shirt-S", "shirt-M"):
        ask(shop, "POST", "/products", {"name": sku, "sku": sku})
    with pytest.raises(Rejected, match="different products") as refused:
        create(woo, "S", "M")
    assert refused.value.code == "duplicate-exact"
    create(woo, "L", "XL")
    with pytest.raises(Rejected) as other:
        create(woo, "L", ref="xd-another")
    assert other.value.code == "already-bound-elsewhere"


def test_one_bad_product_does_not_hold_up_its_batch(shop: Running, woo: WooCommerce) -> None:
    for sku in ("shirt-S", "shirt-M"):
        ask(shop, "POST", "/products", {"name": sku, "sku": sku})
    good = item({"name": "Hat", "type": "simple", "sku": "hat"}, op="create", ref="xd-hat")
    bad = item(shirt("S", "M"), op="create", ref="xd-shirt")
    also = item(shirt("L", "XL"), op="create", ref="xd-big-shirt")
    outcomes = woo.write_batch("product", [good, bad, also])
    assert [isinstance(o, ConnectorError) for o in outcomes] == [False, True, False]


def test_a_variable_product_is_read_as_one_with_its_options(
    shop: Running, woo: WooCommerce
) -> None:
    done = create(woo, "S", "M")
    (read,) = woo.reread("products", [done.external_id]).values()
    assert read is not None
    assert read.our_ref == "xd-shirt"
    assert sorted(read.body["_variants"], key=lambda v: v["sku"]) == [
        {"sku": "shirt-M", "_options": {"Size": "M"}},
        {"sku": "shirt-S", "_options": {"Size": "S"}},
    ]


def test_a_push_about_a_variation_leads_to_its_product(woo: WooCommerce) -> None:
    """Finding 8: the shop pushes a variation with its own id."""
    body = str(recording("webhook-variation")["body_raw"]).encode()
    told = Heard("products", "1", body, {"x-wc-webhook-topic": "product.updated"})
    hint = woo.understand(told)
    assert isinstance(hint, Hint)
    said = json.loads(body)
    assert hint.external_id == str(said["parent_id"])
