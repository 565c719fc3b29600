"""A shop like the recorded one: New York, dollars, prices without tax, the same ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.receiver import Receiver, receiving
from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.connector import WooCommerce
from connectors.woocommerce.simulator import build
from connectors.woocommerce.simulator.shop import DEMO_KEY, DEMO_SECRET

SECRET = "webhooksecret"
TAXES = [
    {"id": 1, "country": "US", "state": "NY", "rate": "4.0000", "name": "NY State"},
    {"id": 2, "country": "US", "state": "NY", "rate": "4.5000", "name": "NYC City",
     "priority": 2, "shipping": False},
    {"id": 4, "country": "GB", "rate": "20.0000", "name": "VAT"},
    {"id": 9, "country": "CA", "state": "QC", "rate": "5.0000", "name": "GST"},
    {"id": 10, "country": "CA", "state": "QC", "rate": "9.9750", "name": "QST", "priority": 2,
     "compound": True},
]  # fmt: skip
WHEN = ("date_created", "date_created_gmt", "date_modified", "date_modified_gmt")
PICTURE = {
    "id": 43, "src": "http://shop.example/tshirt-2.jpg", "name": "tshirt-2.jpg", "alt": "",
    "thumbnail": "http://shop.example/tshirt-2.jpg",
    **dict.fromkeys(WHEN, "2026-11-23T18:44:35"),
}  # fmt: skip
PRODUCTS: list[dict[str, Any]] = [
    {"id": 11, "name": "V-Neck T-Shirt", "sku": "woo-vneck-tee", "type": "variable"},
    {"id": 14, "name": "T-Shirt", "sku": "woo-tshirt", "regular_price": "18",
     "manage_stock": True, "stock_quantity": 27, "images": [PICTURE]},
    {"id": 17, "name": "Cap", "sku": "woo-cap", "regular_price": "16"},
    {"id": 25, "parent_id": 11, "name": "V-Neck T-Shirt - Red", "sku": "woo-vneck-tee-red",
     "regular_price": "20", "manage_stock": True, "stock_quantity": 40},
    {"id": 27, "parent_id": 11, "name": "V-Neck T-Shirt - Blue", "sku": "woo-vneck-tee-blue",
     "regular_price": "15", "manage_stock": True, "stock_quantity": 60},
    {"id": 18, "name": "Sunglasses", "sku": "woo-sunglasses", "regular_price": "90"},
    {"id": 34, "name": "Beanie", "sku": "woo-beanie", "regular_price": "18",
     "manage_stock": True, "stock_quantity": 9},
]  # fmt: skip
MUG = {
    "id": 61, "name": "Rec Mug", "sku": "rec-mug", "regular_price": "12.5", "sale_price": "9.999",
    "manage_stock": True, "stock_quantity": 100,
}  # fmt: skip
PEOPLE = [
    {"id": 2, "email": "ada@example.test", "first_name": "Ada", "last_name": "Lovelace"},
    {"id": 3, "email": "bruno@example.test", "first_name": "Bruno", "last_name": "Müller"},
]
SETTINGS = {
    "currency": "USD", "zone": "America/New_York", "country": "US", "state": "NY",
    "prices_include_tax": False, "tick": 0.02,
}  # fmt: skip


@pytest.fixture
def shop() -> Iterator[Running]:
    with running(build) as up:
        up.control(
            "seed",
            {
                "settings": SETTINGS,
                "taxes": TAXES,
                "products": [*PRODUCTS, MUG],
                "coupons": [{"code": "ten", "percent": 10}],
                "customers": PEOPLE,
            },
        )
        yield up


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as door:
        yield door


@pytest.fixture
def http() -> PlainHttp:
    return PlainHttp()


@pytest.fixture
def woo(shop: Running, http: PlainHttp) -> WooCommerce:
    return connected(shop, http)


def connected(shop: Running, http: PlainHttp, **secrets: str) -> WooCommerce:
    """The connector, connected to a shop with the key that may do everything."""
    keys = {"consumer_key": DEMO_KEY, "consumer_secret": DEMO_SECRET, "webhook_secret": SECRET}
    return WooCommerce(config={"url": shop.url}, secrets={**keys, **secrets}, http=http)
