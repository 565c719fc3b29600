"""Who may come in. The first part of the path says how one signs in: /open, /key, /query, /basic,
/bearer, /oauth, /hmac; behind it lies the same API.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

from aiohttp import web

from connectors.sdk.simulation.store import Store

KEY, USER, PASSWORD, CLIENT, SECRET = (
    "demo-key",
    "demo",
    "demo-password",
    "demo-client",
    "demo-secret",
)
DOORS = ("open", "key", "query", "basic", "bearer", "oauth", "hmac")
#: A signature older than this is refused, seconds.
WINDOW = 300


async def admitted(door: str, request: web.Request, store: Store) -> bool:
    headers = request.headers
    if door == "key":
        return headers.get("X-Api-Key") == KEY
    if door == "query":
        return request.query.get("api_key") == KEY
    if door == "basic":
        return headers.get("Authorization") == _basic(USER, PASSWORD)
    if door == "bearer":
        return headers.get("Authorization") == f"Bearer {KEY}"
    if door == "oauth":
        return _token_good(headers.get("Authorization", "").removeprefix("Bearer "), store)
    if door == "hmac":
        return _signed(request, await request.read())
    return door == "open"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _token_good(token: str, store: Store) -> bool:
    known = store.get("tokens", token)
    return known is not None and known["until"] > time.time()


def _signed(request: web.Request, body: bytes) -> bool:
    """HMAC-SHA256 in hex over method, path with query, time and the body's SHA-256, by lines."""
    stamp = request.headers.get("X-Time", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > WINDOW:
        return False
    said = "\n".join([request.method, request.path_qs, stamp, hashlib.sha256(body).hexdigest()])
    made = hmac.new(SECRET.encode(), said.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, request.headers.get("X-Signature", ""))


async def token(request: web.Request, store: Store) -> web.Response:
    """POST /token: client credentials for a token that lives as long as the quirk says."""
    form = await request.post()
    good = request.headers.get("Authorization") == _basic(CLIENT, SECRET) or (
        form.get("client_id") == CLIENT and form.get("client_secret") == SECRET
    )
    if not good or form.get("grant_type") != "client_credentials":
        return web.json_response({"error": "invalid_client"}, status=401)
    made = secrets.token_hex(8)
    life = float((store.get("quirks", "all") or {}).get("token_seconds", 3600))
    store.put("tokens", made, {"until": time.time() + life})
    return web.json_response({"access_token": made, "token_type": "Bearer", "expires_in": life})
