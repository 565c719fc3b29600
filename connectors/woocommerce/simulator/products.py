"""Products and variations: what a write changes, what it refuses, and how they are shown."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import errors
from connectors.woocommerce.simulator.money import cleaned_price
from connectors.woocommerce.simulator.shop import SYMBOLS, Shop

TYPES = ("simple", "grouped", "external", "variable")
STATUSES = ("draft", "pending", "private", "publish", "future", "trash")
#: Fields that are stored as sent.
PLAIN = (
    "name", "slug", "type", "status", "featured", "catalog_visibility", "description",
    "short_description", "virtual", "downloadable", "tax_status", "tax_class", "backorders",
    "weight", "dimensions", "menu_order", "global_unique_id", "purchase_note",
    "low_stock_amount", "categories", "tags", "images", "attributes", "sold_individually",
)  # fmt: skip
PRICES = ("regular_price", "sale_price")


def blank() -> Row:
    """A product as the shop creates it when nothing is said (recording 058)."""
    return {
        "name": "Product", "slug": "", "type": "simple", "status": "publish", "featured": False,
        "catalog_visibility": "visible", "description": "", "short_description": "", "sku": "",
        "regular_price": "", "sale_price": "", "total_sales": 0, "virtual": False,
        "downloadable": False, "tax_status": "taxable", "tax_class": "", "manage_stock": False,
        "stock_quantity": None, "backorders": "no", "low_stock_amount": None,
        "sold_individually": False, "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""}, "parent_id": 0,
        "purchase_note": "",
        "categories": [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}],
        "tags": [], "images": [], "attributes": [], "menu_order": 0, "meta_data": [],
        "global_unique_id": "",
    }  # fmt: skip


def validate(body: Row) -> None:
    """The schema of single writes. Batch items skip it (finding 21). Raises WooError 400."""
    faults: dict[str, tuple[str, str]] = {}
    for name in ("name", "sku", *PRICES):
        if name in body and not isinstance(body[name], str):
            faults[name] = errors.not_of_type(name, "string")
    if "type" in body and body["type"] not in TYPES:
        faults["type"] = errors.one_of("type", TYPES)
    quantity = body.get("stock_quantity")
    whole = isinstance(quantity, int) and not isinstance(quantity, bool)
    if quantity is not None and not whole and not re.fullmatch(r"-?\d+", str(quantity)):
        faults["stock_quantity"] = errors.not_of_type("stock_quantity", "integer")
    if faults:
        raise errors.invalid_params(faults)


def create(shop: Shop, body: Row, *, parent: int = 0, id_: int | None = None) -> Row:
    """Raises WooError 400 for a SKU that is taken; nothing is stored then."""
    row = {**blank(), "id": 0, "parent_id": parent, "type": "variation" if parent else "simple"}
    _check_sku(shop, row, body)
    row["id"] = shop.post_id() if id_ is None else id_
    row["created"] = row["modified"] = shop.now()
    _apply(shop, row, body)
    shop.put("product", row)
    shop.index(row["id"], row)
    if row["status"] == "publish":
        shop.happen("product", "published", row["id"])
    shop.happen("product", "created", row["id"])
    if parent:
        touch(shop, parent, tell=False)
    return row


def update(shop: Shop, row: Row, body: Row) -> Row:
    """A PUT with no change still moves the stamp and sends product.updated (finding 9)."""
    _check_sku(shop, row, body)
    restored = row["status"] == "trash" and body.get("status") == "publish"
    shop.unindex(row)
    _apply(shop, row, body)
    shop.index(row["id"], row)
    if restored:
        shop.happen("product", "published", row["id"])
    touch(shop, row["id"])
    return row


def touch(shop: Shop, id_: int, *, tell: bool = True) -> None:
    """Move the modified stamp; a variation moves its parent's too (finding 17)."""
    row = shop.get("product", id_)
    if row is None:
        return
    row["modified"] = shop.now()
    shop.put("product", row)
    if tell:
        shop.happen("product", "updated", id_)
    if row["parent_id"]:
        touch(shop, row["parent_id"], tell=False)


def remove(shop: Shop, row: Row, *, force: bool) -> Row:
    """Trash or destroy. Destroying sends nothing (finding 9); trashing a product also says
    coupon.deleted with its id (finding 10). Raises WooError 410 for a second trashing."""
    shown = view(shop, row, edited=True)
    if force:
        shop.unindex(row)
        shop.store.drop("product", row["id"])
        return shown
    if row["status"] == "trash":
        raise errors.WooError(
            410, "woocommerce_rest_already_trashed", "The product has already been deleted."
        )
    row["status"] = "trash"
    row["slug"] += "__trashed"
    row["modified"] = shop.now()
    shop.put("product", row)
    shop.happen("coupon", "deleted", row["id"])
    shop.happen("product", "deleted", row["id"])
    return shown


def change_stock(shop: Shop, row: Row, delta: int) -> bool:
    """Add to the stock at once; the shop does this atomically for orders (finding 29)."""
    if not row["manage_stock"]:
        return False
    row["stock_quantity"] = (row["stock_quantity"] or 0) + delta
    touch(shop, row["id"])
    return True


def _check_sku(shop: Shop, row: Row, body: Row) -> None:
    sku = str(body.get("sku") or "")
    holder = shop.product_by_sku(sku) if sku else None
    if holder is None or holder["id"] == row["id"]:
        return
    raise errors.WooError(
        400,
        "product_invalid_sku",
        "Invalid or duplicated SKU.",
        resource_id=holder["id"],
        unique_sku=f"{sku}-1",
    )


def _apply(shop: Shop, row: Row, body: Row) -> None:
    for name in PLAIN:
        if name in body:
            row[name] = body[name]
    if "sku" in body:
        row["sku"] = str(body["sku"] or "")
    for name in PRICES:
        if name in body:
            row[name] = cleaned_price(body[name])
    if not row["slug"]:
        row["slug"] = _slug(row["name"])
    row["meta_data"] = shop.merge_meta(row["meta_data"], body.get("meta_data"))
    if "manage_stock" in body:
        row["manage_stock"] = bool(body["manage_stock"])
    _apply_stock(row, body)


def _apply_stock(row: Row, body: Row) -> None:
    if not row["manage_stock"]:
        row["stock_quantity"] = None  # a quantity sent all the same is ignored (finding 28)
        return
    if "stock_quantity" in body:
        row["stock_quantity"] = _whole(body["stock_quantity"])
    elif "inventory_delta" in body:
        row["stock_quantity"] = (row["stock_quantity"] or 0) + _whole(body["inventory_delta"])
    elif row["stock_quantity"] is None:
        row["stock_quantity"] = 0


def _whole(value: Any) -> int:
    """PHP's reading of a number: text that isn't one is 0 (finding 21)."""
    try:
        return int(Decimal(str(value)))
    except (InvalidOperation, ValueError):
        return 0


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", re.sub(r"<[^>]+>", "", name))
    ascii_ = plain.encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_).strip("-")


# ------------------------------------------------------------------ how they are shown


#: Shown as stored.
SHOWN = (
    "id", "name", "slug", "type", "status", "featured", "catalog_visibility", "description",
    "short_description", "sku", "regular_price", "sale_price", "total_sales", "virtual",
    "downloadable", "tax_status", "tax_class", "manage_stock", "stock_quantity", "backorders",
    "low_stock_amount", "sold_individually", "weight", "dimensions", "parent_id",
    "purchase_note", "categories", "tags", "images", "attributes", "menu_order", "meta_data",
    "global_unique_id",
)  # fmt: skip
#: What these flows never change.
CONSTANT: Row = {
    "date_on_sale_from": None, "date_on_sale_from_gmt": None, "date_on_sale_to": None,
    "date_on_sale_to_gmt": None, "downloads": [], "download_limit": -1, "download_expiry": -1,
    "external_url": "", "button_text": "", "backordered": False, "shipping_class": "",
    "shipping_class_id": 0, "reviews_allowed": True, "average_rating": "0", "rating_count": 0,
    "upsell_ids": [], "cross_sell_ids": [], "brands": [], "default_attributes": [],
    "grouped_products": [], "related_ids": [], "post_password": "",
}  # fmt: skip


def view(shop: Shop, row: Row, *, edited: bool = False) -> Row:
    """The v3 product. ``edited``: the answer to a write, which carries two fields more."""
    url, id_, quantity = shop.settings["url"], row["id"], row["stock_quantity"]
    children = variations_of(shop, id_) if row["type"] == "variable" else []
    price = row["sale_price"] or row["regular_price"]
    if children:
        price = min((c["regular_price"] for c in children if c["regular_price"]), default="")
    shown: Row = {name: row[name] for name in SHOWN} | CONSTANT
    shown |= shop.stamps("created", row["created"]) | shop.stamps("modified", row["modified"])
    shown |= {
        "permalink": f"{url}/product/{row['slug']}/",
        "price": price,
        "price_html": _price_html(shop, price),
        "on_sale": bool(row["sale_price"]),
        "purchasable": price != "",
        "backorders_allowed": row["backorders"] != "no",
        "shipping_required": not row["virtual"],
        "shipping_taxable": not row["virtual"],
        "variations": [c["id"] for c in children],
        "has_options": bool(children),
        "stock_status": "outofstock" if quantity is not None and quantity <= 0 else "instock",
    }
    if children:
        shown["regular_price"] = ""
    if row["status"] == "trash":
        shown["permalink"] = f"{url}/?post_type=product&p={id_}"
    if edited:
        shown["permalink_template"] = f"{url}/product/%pagename%/"
        shown["generated_slug"] = row["slug"]
    shown["_links"] = links(url, "products", id_)
    if row["parent_id"]:
        shown["total_sales"] = str(row["total_sales"])  # text for a variation (recording 031)
        shown["_links"]["up"] = [{"href": f"{url}/wp-json/wc/v3/products/{row['parent_id']}"}]
    return shown


VARIATION_FIELDS = (
    "id", "type", "date_created", "date_created_gmt", "date_modified", "date_modified_gmt",
    "description", "permalink", "sku", "global_unique_id", "price", "regular_price",
    "sale_price", "date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to",
    "date_on_sale_to_gmt", "on_sale", "status", "purchasable", "virtual", "downloadable",
    "downloads", "download_limit", "download_expiry", "tax_status", "tax_class",
    "manage_stock", "stock_quantity", "stock_status", "backorders", "backorders_allowed",
    "backordered", "low_stock_amount", "weight", "dimensions", "shipping_class",
    "shipping_class_id", "image", "gallery_image_ids", "attributes", "menu_order", "meta_data",
    "name", "parent_id", "_links",
)  # fmt: skip


def variation_view(shop: Shop, row: Row) -> Row:
    """The same row as `/products/{id}/variations/{id}` shows it (recording 034)."""
    whole = view(shop, row)
    whole["image"] = row["images"][0] if row["images"] else None
    whole["gallery_image_ids"] = []
    whole["attributes"] = [
        {"id": a.get("id", 0), "name": a["name"], "slug": _slug(a["name"]), "option": a["option"]}
        for a in row["attributes"]
    ]
    if row["attributes"]:
        whole["name"] = ", ".join(a["option"] for a in row["attributes"])
    return {name: whole[name] for name in VARIATION_FIELDS}


def variations_of(shop: Shop, parent: int) -> list[Row]:
    return [r for r in shop.table("product").values() if r["parent_id"] == parent]


def links(url: str, collection: str, id_: int, verbs: tuple[str, ...] = ()) -> Row:
    allow = list(verbs or ("GET", "POST", "PUT", "PATCH", "DELETE"))
    base = f"{url}/wp-json/wc/v3/{collection}"
    return {
        "self": [{"href": f"{base}/{id_}", "targetHints": {"allow": allow}}],
        "collection": [{"href": base}],
    }


def _price_html(shop: Shop, price: str) -> str:
    if not price:
        return ""
    symbol = SYMBOLS.get(shop.settings["currency"], shop.settings["currency"])
    return f'<span class="woocommerce-Price-amount amount">{symbol}{price}</span>'
