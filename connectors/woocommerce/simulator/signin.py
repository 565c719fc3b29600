"""Who may: keys, their secrets, and the 401 of each mistake (finding 32)."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from connectors.woocommerce.simulator.errors import WooError
from connectors.woocommerce.simulator.shop import Shop

_FAULT = "woocommerce_rest_authentication_error"


def check(shop: Shop, request: web.Request) -> None:
    """Raises WooError 401, never 403: an unknown key looks as if none had been sent."""
    key, secret = _given(request)
    row = shop.store.get("key", key) if key else None
    if row is None:
        raise _nobody(request)
    if row["secret"] != secret:
        raise WooError(401, _FAULT, "Consumer secret is invalid.")
    if request.method not in ("GET", "HEAD", "OPTIONS") and row["permissions"] == "read":
        raise WooError(401, _FAULT, "The API key provided does not have write permissions.")


def _given(request: web.Request) -> tuple[str, str]:
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        try:
            key, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return key, secret
    return request.query.get("consumer_key", ""), request.query.get("consumer_secret", "")


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
