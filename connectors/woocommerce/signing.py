"""Signing in: OAuth 1.0a where the line is open, a header or the address where it is encrypted.

The shop accepts a header or plain keys over TLS only; without TLS it wants each request signed, so
that nobody on the line learns the secret (the shop's REST documentation, "Authentication").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

#: ``header``: HTTP Basic. ``query``: the keys in the address. ``oauth``: signed, no secret sent.
Way = Literal["header", "query", "oauth"]
METHOD = "HMAC-SHA256"


def way_for(address: str, *, keys_in_address: bool = False) -> Way:
    """How to sign in at a shop's address; ``keys_in_address`` as the connection's setting."""
    if urlsplit(address).scheme == "http":
        return "oauth"
    return "query" if keys_in_address else "header"


def basic(key: str, secret: str) -> str:
    """Value of the Authorization header."""
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def with_keys(params: Mapping[str, Any], key: str, secret: str) -> str:
    """The query with both keys in it, for hosts that drop the header."""
    return urlencode({**params, "consumer_key": key, "consumer_secret": secret})


def signed(method: str, url: str, params: Mapping[str, Any], key: str, secret: str) -> str:
    """The query of a signed request. ``url``: without a query, as the shop knows itself."""
    whole = {name: str(value) for name, value in params.items()} | {
        "oauth_consumer_key": key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": METHOD,
        "oauth_timestamp": str(int(time.time())),
    }
    return urlencode({**whole, "oauth_signature": signature(method, url, whole, secret)})


def signature(method: str, url: str, params: Mapping[str, str], secret: str) -> str:
    """Base64 HMAC-SHA256 over method, address and parameters (recording 212).

    Each part is percent-encoded by itself and then again as a whole (RFC 5849, 3.4.1). The shop
    sorts by the names before encoding; ours are plain letters, so both orders agree. One-legged:
    there is no token, and the key of the HMAC ends with the "&" before the token's secret.
    """
    told = "&".join(f"{_encoded(name)}={_encoded(params[name])}" for name in sorted(params))
    base = "&".join((method.upper(), _encoded(url), _encoded(told)))
    mac = hmac.new(f"{secret}&".encode(), base.encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="~")
