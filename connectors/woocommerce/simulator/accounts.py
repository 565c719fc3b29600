"""Customers, tax rates, and the shop's own settings as the API shows them."""

from __future__ import annotations

import re

from aiohttp import web

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import errors, lists, orders
from connectors.woocommerce.simulator.api import Answered, created, listed, number, ok
from connectors.woocommerce.simulator.products import links
from connectors.woocommerce.simulator.resources import find
from connectors.woocommerce.simulator.shop import SYMBOLS, Shop, tax_defaults

# ------------------------------------------------------------------ customers


def create_customer_row(shop: Shop, body: Row) -> Row:
    """Raises WooError 400 for a bad or taken address."""
    email = str(body.get("email") or "")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise errors.WooError(400, "customer_invalid_email", "Invalid email address")
    if any(c["email"].lower() == email.lower() for c in shop.table("customer").values()):
        raise errors.WooError(
            400,
            "registration-error-email-exists",
            f"An account is already registered with {email}. Please log in or use a different "
            "email address.",
        )
    now = shop.now()
    row: Row = {"id": shop.store.next_id("user"), "created": now, "modified": now, "email": email}
    row |= {"first_name": "", "last_name": "", "username": email.partition("@")[0]}
    row |= {"billing": {}, "shipping": {}, "meta_data": []}
    _apply(shop, row, body)
    shop.happen("customer", "created", row["id"])
    shop.happen("customer", "updated", row["id"])
    return row


def _apply(shop: Shop, row: Row, body: Row) -> None:
    for name in ("email", "first_name", "last_name"):
        row[name] = body.get(name, row[name])
    for name, extra in (("billing", ("email", "phone")), ("shipping", ("phone",))):
        new = body.get(name) or {}
        row[name] = {f: new.get(f, row[name].get(f, "")) for f in (*orders.ADDRESS, *extra)}
    row["meta_data"] = shop.merge_meta(row["meta_data"], body.get("meta_data"))
    row["modified"] = shop.now()
    shop.put("customer", row)


def customer_view(shop: Shop, row: Row) -> Row:
    paying = any(o["customer_id"] == row["id"] and o["paid"] for o in shop.table("order").values())
    return {
        "id": row["id"], **shop.stamps("created", row["created"]),
        **shop.stamps("modified", row["modified"]), "email": row["email"],
        "first_name": row["first_name"], "last_name": row["last_name"], "role": "customer",
        "username": row["username"], "billing": row["billing"], "shipping": row["shipping"],
        "is_paying_customer": paying, "avatar_url": f"{shop.settings['url']}/avatar.png",
        "meta_data": row["meta_data"],
        "_links": links(shop.settings["url"], "customers", row["id"]),
    }  # fmt: skip


def list_customers(shop: Shop, request: web.Request, body: Row) -> Answered:
    """``modified_after`` is ignored here, silently (finding 16)."""
    want = lists.asked(request.query, "UTC", ("registered_date", "id", "name", "include"),
                       dated=False)  # fmt: skip
    rows = list(shop.table("customer").values())
    if "email" in request.query:
        rows = [r for r in rows if r["email"].lower() == request.query["email"].lower()]
    rows = lists.chosen(rows, want)
    return listed(shop, request, rows, lambda r: customer_view(shop, r), want)


def create_customer(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = create_customer_row(shop, body)
    return created(shop, f"customers/{row['id']}", customer_view(shop, row))


def get_customer(shop: Shop, request: web.Request, body: Row) -> Answered:
    return ok(customer_view(shop, find(shop, "customer", number(request))))


def put_customer(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = find(shop, "customer", number(request))
    _apply(shop, row, body)
    shop.happen("customer", "updated", row["id"])
    return ok(customer_view(shop, row))


# ------------------------------------------------------------------ tax rates


def tax_view(shop: Shop, row: Row) -> Row:
    shown = {name: row[name] for name in ("id", *tax_defaults())}
    return {**shown, "_links": links(shop.settings["url"], "taxes", row["id"])}


def list_taxes(shop: Shop, request: web.Request, body: Row) -> Answered:
    want = lists.asked(request.query, "UTC", ("order", "id", "priority"), dated=False)
    rows = [r for r in shop.table("tax").values()
            if request.query.get("class", r["class"]) == r["class"]]  # fmt: skip
    return listed(shop, request, rows, lambda r: tax_view(shop, r), want)


def create_tax(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = {**tax_defaults(), "id": shop.store.next_id("tax")}
    _rate(shop, row, body)
    return created(shop, f"taxes/{row['id']}", tax_view(shop, row))


def get_tax(shop: Shop, request: web.Request, body: Row) -> Answered:
    return ok(tax_view(shop, find(shop, "tax", number(request))))


def put_tax(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = find(shop, "tax", number(request))
    _rate(shop, row, body)
    return ok(tax_view(shop, row))


def _rate(shop: Shop, row: Row, body: Row) -> None:
    for name in tax_defaults():
        row[name] = body.get(name, row[name])
    row["rate"] = f"{float(row['rate']):.4f}"
    shop.put("tax", row)


def tax_classes(shop: Shop, request: web.Request, body: Row) -> Answered:
    url = f"{shop.settings['url']}/wp-json/wc/v3/taxes/classes"
    names = (("standard", "Standard rate"), ("reduced-rate", "Reduced rate"),
             ("zero-rate", "Zero rate"))  # fmt: skip
    shown = [{"slug": s, "name": n, "_links": {"collection": [{"href": url}]}} for s, n in names]
    return 200, shown, {"X-WP-Total": "3", "X-WP-TotalPages": "1"}


# ------------------------------------------------------------------ settings


def status(shop: Shop, request: web.Request, body: Row) -> Answered:
    """What an integration reads of it: which shop, which version, which money."""
    settings, currency = shop.settings, shop.settings["currency"]
    return ok(
        {
            "environment": {
                "home_url": settings["url"], "site_url": settings["url"],
                "store_id": settings["store_id"], "version": "11.0.1", "wp_version": "7.0.4",
                "default_timezone": "UTC",
            },
            "database": {"wc_database_version": "11.0.1"},
            "settings": {
                "api_enabled": False, "force_ssl": False, "currency": currency,
                "currency_symbol": SYMBOLS.get(currency, currency), "number_of_decimals": 2,
            },
            "security": {"secure_connection": False, "hide_errors": True},
        }
    )  # fmt: skip


def statuses(shop: Shop, request: web.Request, body: Row) -> Answered:
    names = {
        "pending": "Pending payment", "processing": "Processing", "on-hold": "On hold",
        "completed": "Completed", "cancelled": "Cancelled", "refunded": "Refunded",
        "failed": "Failed", "checkout-draft": "Draft",
    }  # fmt: skip
    return ok([{"slug": slug, "name": name} for slug, name in names.items()])


def currency(shop: Shop, request: web.Request, body: Row) -> Answered:
    code = shop.settings["currency"]
    base = f"{shop.settings['url']}/wp-json/wc/v3/data/currencies"
    link = {
        "self": [{"href": f"{base}/{code}", "targetHints": {"allow": ["GET"]}}],
        "collection": [{"href": base}],
    }
    return ok({"code": code, "name": code, "symbol": SYMBOLS.get(code, code), "_links": link})


def setting(shop: Shop, request: web.Request, body: Row) -> Answered:
    """The one setting these flows need. Raises WooError 404 for another, 400 for nonsense."""
    name = "woocommerce_prices_include_tax"
    if request.match_info["name"] != name:
        raise errors.WooError(404, "rest_setting_setting_invalid", "Invalid setting.")
    options = {
        "yes": "Yes, I will enter prices inclusive of tax",
        "no": "No, I will enter prices exclusive of tax",
    }
    if request.method != "GET":
        if body.get("value") not in options:
            message = "An invalid setting value was passed."
            raise errors.WooError(400, "rest_setting_value_invalid", message)
        shop.settings["prices_include_tax"] = body["value"] == "yes"
        shop.store.put("settings", "shop", shop.settings)
    url = f"{shop.settings['url']}/wp-json/wc/v3/settings/tax"
    allow = {"allow": ["GET", "POST", "PUT", "PATCH"]}
    return ok(
        {
            "id": name, "label": "Prices entered with tax", "description": "", "type": "radio",
            "default": "no", "options": options, "tip": "Existing products are not changed.",
            "value": "yes" if shop.settings["prices_include_tax"] else "no", "group_id": "tax",
            "_links": {
                "self": [{"href": f"{url}/{name}", "targetHints": allow}],
                "collection": [{"href": url}],
            },
        }
    )  # fmt: skip
