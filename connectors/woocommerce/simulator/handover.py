"""``/wc-auth/v1/…``: the shop's owner agrees, a key is made and posted, the browser goes back.

After the REST documentation and WooCommerce's behaviour: only exactly 200 counts as received, a key
nobody received is deleted again, and the callback must be https. Two things differ: the owner is
signed in already, and a callback on loopback may be http (a test has no certificate).
"""

from __future__ import annotations

import html
import json
import secrets
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
from aiohttp import web

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator.shop import SHOP, Shop

BASE = "/wc-auth/v1"
ASKED = ("app_name", "user_id", "return_url", "callback_url", "scope")
SCOPES = {"read": "read", "write": "write", "read_write": "read and write"}
#: Seconds the shop waits for whoever takes the key.
PATIENCE = 60


def add(app: web.Application) -> None:
    app.router.add_get(f"{BASE}/authorize", authorize)
    app.router.add_get(f"{BASE}/access_granted", granted)


async def authorize(request: web.Request) -> web.Response:
    """The page that asks. A link with a fault is refused before anybody is asked."""
    fault = _fault(request)
    if fault:
        return _page("Access denied", f"<p>Error: {html.escape(fault)}.</p>", 401)
    asked = dict(request.query)
    app, scope = html.escape(asked["app_name"]), SCOPES[asked["scope"]]
    nonce = {"wc_auth_nonce": secrets.token_hex(5)}
    yes = html.escape(f"{BASE}/access_granted?{urlencode({**asked, **nonce})}")
    no = html.escape(_back(asked, "0"))
    return _page(
        f"{app} would like to connect to your store",
        f"<p>This will give {app} <b>{scope}</b> access.</p>"
        f'<p><a id="approve" href="{yes}">Approve</a> <a id="deny" href="{no}">No thanks</a></p>',
        200,
    )


async def granted(request: web.Request) -> web.Response:
    """Make a key, hand it over, send the browser back."""
    fault = _fault(request)
    if fault or not request.query.get("wc_auth_nonce"):
        return _page("Access denied", f"<p>Error: {html.escape(fault or 'No nonce')}.</p>", 401)
    shop, asked = request.app[SHOP], dict(request.query)
    key, row = _new_key(shop, asked)
    told = {
        "key_id": row["key_id"],
        "user_id": asked["user_id"],
        "consumer_key": key,
        "consumer_secret": row["secret"],
        "key_permissions": row["permissions"],
    }
    if await _posted(asked["callback_url"], told) != 200:
        shop.store.drop("key", key)
        sorry = (
            "An error occurred in the request and at the time were unable to send the consumer data"
        )
        return _page("Access denied", f"<p>Error: {sorry}.</p>", 401)
    raise web.HTTPFound(_back(asked, "1"))


def _fault(request: web.Request) -> str:
    asked = request.query
    for name in ASKED:
        if not asked.get(name):
            return f"Missing parameter {name}"
    if asked["scope"] not in SCOPES:
        return f"Invalid scope {asked['scope']}"
    for name in ("return_url", "callback_url"):
        if not urlsplit(asked[name]).hostname:
            return f"The {name} is not a valid URL"
    callback = urlsplit(asked["callback_url"])
    if callback.scheme != "https" and not _loopback(callback.hostname or ""):
        return "The callback_url needs to be over SSL"
    return ""


def _new_key(shop: Shop, asked: Row) -> tuple[str, Row]:
    row = {
        "secret": f"cs_{secrets.token_hex(20)}",
        "permissions": asked["scope"],
        "key_id": shop.store.next_id("key"),
        "description": f"{asked['app_name']} - API",
    }
    key = f"ck_{secrets.token_hex(20)}"
    return key, shop.store.put("key", key, row)


def _back(asked: Row, success: str) -> str:
    """The return address with two more parameters; what its query had stays."""
    parts = urlsplit(asked["return_url"])
    more = urlencode({"success": success, "user_id": asked["user_id"]})
    return urlunsplit(parts._replace(query="&".join(x for x in (parts.query, more) if x)))


async def _posted(callback: str, told: Row) -> int:
    """The answer's status, 0 when there was none. ``….localhost`` is this machine, whatever the
    resolver says."""
    parts = urlsplit(callback)
    headers = {"Content-Type": "application/json;charset=UTF-8", "Host": parts.netloc}
    if _loopback(parts.hostname or ""):
        port = f":{parts.port}" if parts.port else ""
        callback = urlunsplit(parts._replace(netloc=f"127.0.0.1{port}"))
    limit = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(callback, data=json.dumps(told), headers=headers) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return 0


def _loopback(host: str) -> bool:
    return host in ("127.0.0.1", "localhost") or host.endswith(".localhost")


def _page(title: str, inside: str, status: int) -> web.Response:
    text = f"<!doctype html><title>{title}</title><h1>{title}</h1>{inside}"
    return web.Response(text=text, content_type="text/html", status=status)
