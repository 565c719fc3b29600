"""Being let in: consent in the seller's browser, and tokens that run out and are renewed.

Square's access tokens live for 30 days. In the flow with an application secret a refresh token
stays good; without a secret (PKCE) each is good for once and the answer brings the next, so
whatever comes back is kept (OpenAPI description, ``/oauth2/token``).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import AccessRefused, ConnectorError, OutcomeUnknown, Unavailable
from connectors.sdk.http import Http
from connectors.sdk.records import Json
from connectors.square import errors

#: Release of Square's API that this connector was written for; sent with every request.
VERSION = "2025-08-20"
SCOPES = (
    "MERCHANT_PROFILE_READ", "ORDERS_READ", "PAYMENTS_READ", "ITEMS_READ", "ITEMS_WRITE",
    "INVENTORY_READ", "INVENTORY_WRITE", "CUSTOMERS_READ", "CUSTOMERS_WRITE",
)  # fmt: skip
TOKEN = "access_token"  # noqa: S105 - the name of a field
REFRESH = "refresh_token"


def consent(config: Json, secrets: Mapping[str, str], ask: ConsentAsk) -> str | None:
    """Square's page on which the seller agrees; None without an application of the partner's."""
    if not (config.get("application_id") and secrets.get("application_secret")):
        return None
    asked = {
        "client_id": config["application_id"],
        "scope": " ".join(SCOPES),
        "session": "false",
        "state": ask.state,
        "redirect_uri": ask.return_to,
    }
    return f"{config['url'].rstrip('/')}/oauth2/authorize?{urlencode(asked)}"


def consented(
    http: Http, config: Json, secrets: Mapping[str, str], answer: ConsentAnswer
) -> Mapping[str, str]:
    """Raises AccessRefused when the seller declined or the code doesn't hold."""
    if answer.query.get("error"):
        raise AccessRefused(
            "The seller did not let us in at Square: ask again when they are ready to agree.",
            detail=str(answer.query.get("error_description") or answer.query["error"]),
        )
    if not answer.query.get("code"):
        raise AccessRefused("Square sent the browser back without a code: begin again.")
    return _obtain(http, config, secrets, {
        "grant_type": "authorization_code", "code": answer.query["code"],
        "redirect_uri": answer.return_to,
    })  # fmt: skip


def renewed(http: Http, config: Json, secrets: Mapping[str, str]) -> Mapping[str, str]:
    """New tokens for the refresh token. Raises AccessRefused without one, or when it is refused."""
    if not (config.get("application_id") and secrets.get(REFRESH)):
        raise errors.TokenExpired(
            "The access to Square has run out and there is nothing to renew it with: connect "
            "Square again."
        )
    asked = {"grant_type": "refresh_token", "refresh_token": secrets[REFRESH]}
    return _obtain(http, config, secrets, asked)


def _obtain(http: Http, config: Json, secrets: Mapping[str, str], asked: Json) -> Mapping[str, str]:
    body = {"client_id": config["application_id"], **asked}
    if secrets.get("application_secret"):
        body["client_secret"] = secrets["application_secret"]
    headers = {"Content-Type": "application/json", "Square-Version": VERSION}
    address = f"{config['url'].rstrip('/')}/oauth2/token"
    try:
        response = http.request(
            "POST", address, headers=headers, body=msgspec.json.encode(body), deadline=20.0
        )
    except OutcomeUnknown as error:
        raise Unavailable(
            "Square did not answer when asked for a new token; it will be asked again.",
            detail=str(error),
        ) from error
    if response.status >= 300:
        raise _refused(response.status, response.body, dict(response.headers))
    told = response.json()
    if not isinstance(told, dict) or not told.get(TOKEN):
        raise errors.not_json(response.body[:60].decode("utf-8", "replace"), reading=True)
    return {name: str(told[name]) for name in (TOKEN, REFRESH) if told.get(name)}


def _refused(status: int, body: bytes, headers: Mapping[str, str]) -> ConnectorError:
    """Of a refused token nothing is done; a wrong one is for the merchant to mend."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        value = None
    if status >= 500 or status == 429:
        return errors.fault(status, value, headers, reading=True)
    said = errors.told(value)
    return AccessRefused(
        "Square no longer takes the permission it gave us, or the application's secret is wrong: "
        "check the application, then connect Square again.",
        detail=f"{status} " + " ".join(str(e.get("detail", e.get("code"))) for e in said),
    )
