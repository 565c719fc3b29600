"""What people around the ERP do, and what a story or a proof needs. Not part of Odoo's API.

POST /_sim/seed          {products: [{sku, title, price, tax, kind, stock}], warehouses?,
                          currency?, api_key?}
POST /_sim/product       {sku, title, price, tax?, kind?, stock?}: a person creates a product
POST /_sim/price         {sku, price}
POST /_sim/stock         {sku, location, quantity}: a person counts
POST /_sim/ship          {count? | orders? [ids]}: the warehouse validates what is ready
POST /_sim/cancel_order  {id}
POST /_sim/plug          {seconds}: the API hangs up on everybody
POST /_sim/sabotage      {kind: lose|double|cent|stock}: damages exactly one thing
GET  /_sim/counts
GET  /_sim/skus          {skus: […]}
GET  /_sim/by_hand       {sku: {price?, stock?}}: prices changed and products created in the window

Who judges the systems' state must know what people did in the window: forms leave a mark, scripts
don't.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web

from connectors.odoo.simulator import chart, errors
from connectors.odoo.simulator.amounts import total_of
from connectors.odoo.simulator.api import DATABASE, function_of, given_to, now
from connectors.odoo.simulator.database import Database
from connectors.odoo.simulator.records import ADMIN, Env, change
from connectors.odoo.simulator.sabotage import KINDS
from connectors.sdk.simulation.app import FAULTS

Json = dict[str, Any]
#: The mark of what came from a form, and the table of it.
BY_HAND = "_by_hand"
Act = Callable[[Env, Json], Any]


def seed(env: Env, wanted: Json) -> Json:
    houses = [(str(code), str(name)) for code, name in wanted.get("warehouses") or []]
    chart.build(env, wanted.get("currency", "GBP"), houses or None)
    if wanted.get("api_key"):
        env.db.store.put("_keys", wanted["api_key"], {"uid": ADMIN})
    for product in wanted.get("products") or []:
        chart.product(env, product)
    return counts(env, {})


def add_product(env: Env, wanted: Json) -> Json:
    """``stock`` may be the text of the window: ``CEN 25, S04 12``."""
    sku = str(wanted["sku"]).strip()
    stock = wanted.get("stock") or {}
    wanted = wanted | {"sku": sku, "stock": _shelves(stock) if isinstance(stock, str) else stock}
    if wanted.get(BY_HAND) and env.db.where("product.product", "default_code", sku):
        raise errors.user(f"There is a product {sku!r} already.")
    id_ = chart.product(env, wanted)
    if wanted.get(BY_HAND):
        _mark(env, sku, {"price": str(wanted["price"]), "stock": wanted["stock"]})
    return {"id": id_, "said": f"{sku} is created; what waited for it goes now."}


def set_price(env: Env, wanted: Json) -> Json:
    sku, price = str(wanted["sku"]).strip(), float(wanted["price"])
    ids = [_by_sku(env, sku)]
    done = call_in(env, "product.product", "write", ids=ids, vals={"list_price": price})
    if wanted.get(BY_HAND):
        _mark(env, sku, {"price": str(wanted["price"])})
    return {"done": done, "said": f"{sku} now costs {price:.2f}."}


def _mark(env: Env, sku: str, done: Json) -> None:
    store = env.db.store
    store.put(BY_HAND, sku, {**(store.get(BY_HAND, sku) or {}), **done})


def _shelves(text: str) -> dict[str, int]:
    """``CEN 25, S04 12`` as pieces by warehouse. Raises ValueError for anything else."""
    return {
        place.upper(): int(n) for place, n in (part.split() for part in text.split(",") if part)
    }


def by_hand(env: Env, wanted: Json) -> Json:
    return {str(sku): done for sku, done in env.db.store.table(BY_HAND).items()}


def skus(env: Env, wanted: Json) -> Json:
    rows = env.db.rows("product.product").values()
    return {"skus": [row["default_code"] for row in rows if row["default_code"]]}


def count_stock(env: Env, wanted: Json) -> Json:
    house = env.db.where("stock.warehouse", "code", wanted["location"])
    if not house:
        raise errors.user(f"There is no warehouse {wanted['location']!r}.")
    vals: Json = {"product_id": _by_sku(env, wanted["sku"])}
    vals |= {"location_id": house[0]["lot_stock_id"]}
    vals["inventory_quantity"] = float(wanted["quantity"])
    ids = call_in(env, "stock.quant", "create", vals_list=[vals])
    call_in(env, "stock.quant", "action_apply_inventory", ids=ids)
    return {"quant": ids[0]}


def ship(env: Env, wanted: Json) -> Json:
    """Reserve what can be reserved, then validate ready deliveries, oldest first."""
    orders = wanted.get("orders")
    waiting = [
        p
        for state in ("assigned", "confirmed")
        for p in env.db.where("stock.picking", "state", state)
        if p["sale_id"] and not p["return_id"] and (orders is None or p["sale_id"] in orders)
    ]
    limit = int(wanted.get("count") or len(waiting))
    shipped = []
    for picking in sorted(waiting, key=lambda p: p["id"])[:limit]:
        call_in(env, "stock.picking", "action_assign", ids=[picking["id"]])
        if env.db.need("stock.picking", picking["id"])["state"] != "assigned":
            continue
        parcel = f"XD{picking['id']:09d}GB"
        change(env, "stock.picking", picking["id"], {"carrier_tracking_ref": parcel})
        call_in(env, "stock.picking", "button_validate", ids=[picking["id"]], skip_sms=True)
        shipped.append(picking["sale_id"])
    return {"shipped": shipped, "said": f"{len(shipped)} orders are on their way to customers."}


def cancel_order(env: Env, wanted: Json) -> Json:
    return {"done": call_in(env, "sale.order", "action_cancel", ids=[int(wanted["id"])])}


def sabotage(env: Env, wanted: Json) -> Json:
    if wanted.get("kind") not in KINDS:
        raise errors.user(f"Sabotage can be one of {', '.join(KINDS)}.")
    return {"damaged": KINDS[wanted["kind"]](env)}


def counts(env: Env, wanted: Json) -> Json:
    rows = env.db.rows
    orders = list(rows("sale.order").values())
    moves = list(rows("account.move").values())
    tills = list(rows("pos.order").values())
    return {
        "products": len(rows("product.product")),
        "customers": len(rows("res.partner")),
        "orders": len([o for o in orders if o["state"] == "sale"]),
        "orders_cancelled": len([o for o in orders if o["state"] == "cancel"]),
        "orders_total": total_of([o["amount_total"] for o in orders if o["state"] == "sale"]),
        "invoices": len([m for m in moves if m["move_type"] == "out_invoice"]),
        "credit_notes": len([m for m in moves if m["move_type"] == "out_refund"]),
        "payments": len(rows("account.payment")),
        "pos_orders": len([o for o in tills if not o["is_refund"]]),
        "pos_returns": len([o for o in tills if o["is_refund"]]),
        "pos_total": total_of([o["amount_total"] for o in tills]),
        "deliveries_ready": len(env.db.ids_where("stock.picking", "state", "assigned")),
        "deliveries_done": len(
            [p for p in env.db.where("stock.picking", "state", "done") if p["sale_id"]]
        ),
        "quants": len(rows("stock.quant")),
    }


def call_in(env: Env, model: str, method: str, skip_sms: bool = False, **arguments: Any) -> Any:
    """A method within this transaction."""
    function = function_of(model, method)
    inner = Env(env.db, env.now, env.uid, {"skip_sms": skip_sms, "inventory_mode": True})
    return function(inner, **given_to(model, function, arguments))


def _by_sku(env: Env, sku: str) -> int:
    found = env.db.where("product.product", "default_code", sku)
    if not found:
        raise errors.user(f"There is no product {sku!r}.")
    return int(found[0]["id"])


ACTS: dict[str, Act] = {
    "seed": seed, "product": add_product, "price": set_price, "stock": count_stock,
    "ship": ship, "cancel_order": cancel_order, "sabotage": sabotage, "counts": counts,
    "by_hand": by_hand, "skus": skus,
}  # fmt: skip
#: Acts that only look.
LOOKS = ("counts", "by_hand", "skus")


def act(db: Database, name: str, wanted: Json) -> Json:
    """Do it in a transaction of its own. ``began_seconds_ago`` makes it a long transaction that
    commits now with an older write_date, as a real one does."""
    lag = float(wanted.pop("began_seconds_ago", 0))
    began = (datetime.now(UTC) - timedelta(seconds=lag)).strftime("%Y-%m-%d %H:%M:%S")
    env = Env(db, began if lag else now(), ADMIN)
    try:
        result = ACTS[name](env, wanted)
    except Exception:
        # As in the API: a failed act must leave nothing behind.
        db.rollback()
        raise
    db.commit()
    return dict(result)


def handler(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A route for an act; forms of the window are sent back to the page they came from."""

    async def handle(request: web.Request) -> web.StreamResponse:
        form = request.content_type == "application/x-www-form-urlencoded"
        wanted = dict(await request.post()) if form else await _json(request)
        try:
            result = act(request.app[DATABASE], name, wanted | ({BY_HAND: True} if form else {}))
        except (errors.OdooError, KeyError, ValueError) as error:
            if form:
                raise back(request, f"That was refused: {error}") from error
            return web.json_response({"error": f"{error}"}, status=400)
        if form:
            raise back(request, str(result.get("said", "Done.")))
        return web.json_response(result)

    return handle


def back(request: web.Request, said: str) -> web.HTTPSeeOther:
    """To the list the form was pressed on, with what came of it."""
    view = parse_qs(urlsplit(request.headers.get("Referer", "")).query).get("view", ["orders"])
    return web.HTTPSeeOther("/?" + urlencode({"view": view[0], "said": said}))


async def _json(request: web.Request) -> Json:
    return dict(await request.json()) if request.can_read_body else {}


async def plug(request: web.Request) -> web.StreamResponse:
    form = request.content_type == "application/x-www-form-urlencoded"
    wanted = dict(await request.post()) if form else await _json(request)
    request.app[FAULTS].arm("unplugged", match="/json/", seconds=float(str(wanted["seconds"])))
    if form:
        raise back(request, f"The plug is out for {float(str(wanted['seconds'])):g} s.")
    return web.json_response({"unplugged": wanted["seconds"]})
