"""Notes on orders; they send no webhook and move no date (finding 9)."""

from __future__ import annotations

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator.products import links
from connectors.woocommerce.simulator.shop import Shop


def create(shop: Shop, order: int, body: Row) -> Row:
    row = {
        "id": shop.store.next_id("comment"),
        "order_id": order,
        "created": shop.now(),
        "note": str(body.get("note") or ""),
        "customer_note": bool(body.get("customer_note")),
    }
    return shop.put("note", row)


def view(shop: Shop, row: Row) -> Row:
    url, order = shop.settings["url"], row["order_id"]
    return {
        "id": row["id"],
        "author": "WooCommerce",
        **shop.stamps("created", row["created"]),
        "note": row["note"],
        "customer_note": row["customer_note"],
        "_links": {
            **links(url, f"orders/{order}/notes", row["id"], ("GET", "DELETE")),
            "up": [{"href": f"{url}/wp-json/wc/v3/orders/{order}"}],
        },
    }
