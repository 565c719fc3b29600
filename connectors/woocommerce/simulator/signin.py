"""Who may: keys, their secrets, signatures, and the 401 of each mistake (finding 32).

A shop behind TLS (setting ``tls``, as the recorded one was) takes a header or keys in the query,
and signed requests too. Without TLS it takes signed requests only. ``strips_header``: its web
server hands no Authorization header on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from urllib.parse import quote, unquote

from aiohttp import web

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator.errors import WooError
from connectors.woocommerce.simulator.shop import Shop

_FAULT = "woocommerce_rest_authentication_error"
_OAUTH = ("consumer_key", "timestamp", "nonce", "signature", "signature_method")
#: Seconds a signature may be old or early, and for which a nonce is remembered.
WINDOW = 15 * 60


def check(shop: Shop, request: web.Request) -> None:
    """Raises WooError 401, never 403: an unknown key looks as if none had been sent."""
    row = _by_keys(shop, request) if shop.settings.get("tls", True) else None
    row = row or _by_signature(shop, request)
    if row is None:
        raise _nobody(request)
    if request.method not in ("GET", "HEAD", "OPTIONS") and row["permissions"] == "read":
        raise WooError(401, _FAULT, "The API key provided does not have write permissions.")


def _by_keys(shop: Shop, request: web.Request) -> Row | None:
    key, secret = _given(shop, request)
    row = shop.store.get("key", key) if key else None
    if row is not None and row["secret"] != secret:
        raise WooError(401, _FAULT, "Consumer secret is invalid.")
    return row


def _given(shop: Shop, request: web.Request) -> tuple[str, str]:
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic ") and not shop.settings.get("strips_header"):
        try:
            key, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return key, secret
    return request.query.get("consumer_key", ""), request.query.get("consumer_secret", "")


def _by_signature(shop: Shop, request: web.Request) -> Row | None:
    """None where nothing of OAuth was sent; each fault is named (recordings 213 to 218)."""
    query = dict(request.query)
    missing = [f"oauth_{name}" for name in _OAUTH if not query.get(f"oauth_{name}")]
    if len(missing) == len(_OAUTH):
        return None
    if missing:
        raise WooError(
            401,
            "woocommerce_rest_authentication_missing_parameter",
            f"Missing OAuth parameter{'s' * (len(missing) > 1)} {', '.join(missing)}",
        )
    row = shop.store.get("key", query["oauth_consumer_key"])
    if row is None:
        raise WooError(401, _FAULT, "Consumer key is invalid.")
    _check_signature(row, request, query)
    _check_freshness(shop, query)
    return row


def _check_signature(row: Row, request: web.Request, query: dict[str, str]) -> None:
    given = unquote(query.pop("oauth_signature").replace(" ", "+"))
    algorithm = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}.get(query["oauth_signature_method"])
    if algorithm is None:
        raise WooError(401, _FAULT, "Invalid signature - signature method is invalid.")
    pairs = [quote(f"{_once(k)}={_once(v)}", safe="~") for k, v in sorted(query.items())]
    url = f"{request.scheme}://{request.host}{request.path}"
    base = f"{request.method}&{quote(url, safe='~')}&{'%26'.join(pairs)}"
    key = f"{row['secret']}&".encode()
    mac = hmac.new(key, base.encode(), getattr(hashlib, algorithm)).digest()
    if not hmac.compare_digest(base64.b64encode(mac), given.encode()):
        raise WooError(401, _FAULT, "Invalid signature - provided signature does not match.")


def _check_freshness(shop: Shop, query: dict[str, str]) -> None:
    stamp, now = query["oauth_timestamp"], int(time.time())
    if not stamp.isdigit() or abs(now - int(stamp)) > WINDOW:
        raise WooError(401, _FAULT, "Invalid timestamp.")
    used = {nonce: at for nonce, at in shop.nonces.items() if now - at <= WINDOW}
    if query["oauth_nonce"] in used:
        raise WooError(401, _FAULT, "Invalid nonce - nonce has already been used.")
    shop.nonces = used | {query["oauth_nonce"]: int(stamp)}


def _once(text: str) -> str:
    return quote(text, safe="~")


def _nobody(request: web.Request) -> WooError:
    single = request.path.rstrip("/").rsplit("/", 1)[-1].isdigit()
    verb, sentence = {
        ("GET", False): ("view", "Sorry, you cannot list resources."),
        ("GET", True): ("view", "Sorry, you cannot view this resource."),
        ("POST", False): ("create", "Sorry, you are not allowed to create resources."),
    }.get((request.method, single), ("edit", "Sorry, you are not allowed to edit this resource."))
    return WooError(401, f"woocommerce_rest_cannot_{verb}", sentence)


def plain_permalink() -> WooError:
    """`/?rest_route=…` isn't signed in at all (finding 33)."""
    return WooError(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
