"""Who is let in: OAuth with access tokens that run out, and refresh tokens.

As the description of ``/oauth2/token`` says: with the application's secret (code flow) a refresh
token is used any number of times; without it (PKCE) it is good for once, and the answer brings the
next. A seller who disconnects the application revokes everything.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.square.simulator.replies import SquareError, need
from connectors.square.simulator.seller import Seller, stamp

#: They open nothing but this stand-in.
APPLICATION = "sq0idp-simulator"
APPLICATION_SECRET = "sq0csp-simulator"  # noqa: S105
#: Of the application's owner: the only one that may set webhooks up.
APPLICATION_TOKEN = "EAAA-simulator-application"  # noqa: S105
#: Let in from the start, for those who don't come by consent.
FIRST_TOKEN, FIRST_REFRESH = "EAAA-simulator", "EQAA-simulator"
SCOPES = (
    "MERCHANT_PROFILE_READ", "ORDERS_READ", "PAYMENTS_READ", "ITEMS_READ", "ITEMS_WRITE",
    "INVENTORY_READ", "INVENTORY_WRITE", "CUSTOMERS_READ", "CUSTOMERS_WRITE",
)  # fmt: skip


def prepare(seller: Seller) -> None:
    if not seller.table("token"):
        _grant(seller, FIRST_TOKEN, list(SCOPES))
        seller.put("refresh", FIRST_REFRESH, {"scopes": list(SCOPES), "revoked": False})


def _grant(seller: Seller, token: str, scopes: list[str]) -> str:
    """Returns when it runs out."""
    ends = datetime.now(UTC) + timedelta(seconds=float(seller.settings["token_life"]))
    seller.put("token", token, {"ends": ends.isoformat(), "revoked": False, "scopes": scopes})
    return stamp(ends)


def judge(seller: Seller, authorization: str, scope: str) -> None:
    """Raises SquareError 401 or 403 with the code that says why."""
    token = authorization.removeprefix("Bearer ").strip()
    if token == APPLICATION_TOKEN:
        return
    known = seller.store.get("token", token)
    if known is None:
        raise SquareError(401, "UNAUTHORIZED", "This request could not be authorized.")
    if known["revoked"]:
        raise SquareError(401, "ACCESS_TOKEN_REVOKED", "The provided access token was revoked.")
    if datetime.fromisoformat(known["ends"]) <= datetime.now(UTC):
        seller.bitten["token_expired"] += 1
        raise SquareError(401, "ACCESS_TOKEN_EXPIRED", "The provided access token has expired.")
    if scope not in known["scopes"]:
        raise SquareError(403, "INSUFFICIENT_SCOPES", f"The merchant has not given {scope}.")


def status(seller: Seller, authorization: str) -> Row:
    judge(seller, authorization, SCOPES[0])
    known = seller.store.get("token", authorization.removeprefix("Bearer ").strip()) or {}
    return {
        "scopes": known.get("scopes", list(SCOPES)),
        "expires_at": known.get("ends", ""),
        "client_id": APPLICATION,
        "merchant_id": seller.settings["merchant_id"],
    }


# ------------------------------------------------------------------ OAuth


def code_for(seller: Seller, asked: Any) -> str:
    """The seller agreed in the browser: a code that is good for once."""
    code = f"sq0cgp-{seller.new_id('code', 16)}"
    scopes = str(asked.get("scope", "")).replace("+", " ").split()
    seller.put("code", code, {"scopes": [s for s in scopes if s in SCOPES], "used": False,
                              "return_to": str(asked.get("redirect_uri", ""))})  # fmt: skip
    return code


def obtain(seller: Seller, body: Row) -> Row:
    """``POST /oauth2/token``. Raises SquareError 401 for what is not known here."""
    if need(body, "client_id") != APPLICATION:
        raise SquareError(401, "UNAUTHORIZED", "Not authorized: unknown client.")
    secret = body.get("client_secret")
    if secret is not None and secret != APPLICATION_SECRET:
        raise SquareError(401, "UNAUTHORIZED", "Not authorized: wrong client secret.")
    if need(body, "grant_type") == "authorization_code":
        scopes, refresh = _by_code(seller, body), ""
    else:
        scopes, refresh = _by_refresh(seller, body, once=secret is None)
    token = f"EAAA{seller.new_id('token', 40)}"
    ends = _grant(seller, token, scopes)
    if not refresh:
        refresh = f"EQAA{seller.new_id('refresh', 40)}"
        seller.put("refresh", refresh, {"scopes": scopes, "revoked": False})
    seller.bitten["tokens_given"] += 1
    return {
        "access_token": token, "token_type": "bearer", "expires_at": ends,
        "merchant_id": seller.settings["merchant_id"], "refresh_token": refresh,
        "short_lived": False,
    }  # fmt: skip


def _by_code(seller: Seller, body: Row) -> list[str]:
    known = seller.store.get("code", need(body, "code"))
    if known is None or known["used"]:
        raise SquareError(401, "UNAUTHORIZED", "Authorization code not found or already used.")
    if body.get("redirect_uri", known["return_to"]) != known["return_to"]:
        raise SquareError(401, "UNAUTHORIZED", "The redirect URI differs from the one asked with.")
    known["used"] = True
    seller.put("code", body["code"], known)
    return list(known["scopes"])


def _by_refresh(seller: Seller, body: Row, *, once: bool) -> tuple[list[str], str]:
    """The scopes, and the refresh token to hand back ("" for a new one)."""
    token = need(body, "refresh_token")
    known = seller.store.get("refresh", token)
    if known is None or known["revoked"]:
        raise SquareError(401, "UNAUTHORIZED", "Refresh token not found or already used.")
    if once:
        known["revoked"] = True
        seller.put("refresh", token, known)
    return list(known["scopes"]), "" if once else token


def expire(seller: Seller) -> int:
    """Every access token has run out now; how many."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    for token, row in list(seller.table("token").items()):
        seller.put("token", token, {**row, "ends": long_ago})
    return len(seller.table("token"))


def revoke(seller: Seller) -> None:
    """The seller has disconnected the application."""
    for kind in ("token", "refresh"):
        for token, row in list(seller.table(kind).items()):
            seller.put(kind, token, {**row, "revoked": True})
