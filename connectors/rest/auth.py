"""Signing in: what is added to a request so that the API knows us."""

from __future__ import annotations

import base64
import hashlib
import secrets as random
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from connectors.rest import signing
from connectors.rest.paths import at, text
from connectors.rest.settings import Auth, Basic, Bearer, Key, OAuth, Signed
from connectors.sdk.errors import (
    AccessRefused,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
    Unreadable,
)
from connectors.sdk.http import Http
from connectors.sdk.tokens import Secrets

#: What the secret is called that a style needs.
NEEDS: dict[type, str] = {Key: "api_key", Basic: "password", Bearer: "token",
                          OAuth: "client_secret", Signed: "signing_secret"}  # fmt: skip
TOKEN = "access_token"  # noqa: S105 - the name of a secret


def has_what_it_needs(auth: Auth, secrets: Mapping[str, str]) -> None:
    """Raises AccessRefused, before the system is asked, when the secret was never entered."""
    name = NEEDS.get(type(auth), "")
    if name and not secrets.get(name):
        raise AccessRefused(
            f"The connection has no secret {name!r}, which its sign-in needs: enter it."
        )


def signed_in(
    auth: Auth, secrets: Mapping[str, str], method: str, url: str, body: bytes | None
) -> tuple[str, dict[str, str]]:
    """The address and the headers to add."""
    if isinstance(auth, Key):
        value = auth.prefix + secrets.get("api_key", "")
        if auth.header:
            return url, {auth.header: value}
        mark = "&" if urlsplit(url).query else "?"
        return f"{url}{mark}{quote(auth.query)}={quote(value, safe='')}", {}
    if isinstance(auth, Basic):
        return url, {"Authorization": basic(auth.username, secrets.get("password", ""))}
    if isinstance(auth, Bearer):
        return url, {"Authorization": f"Bearer {secrets.get('token', '')}"}
    if isinstance(auth, OAuth):
        return url, {"Authorization": f"Bearer {secrets.get(TOKEN, '')}"}
    if isinstance(auth, Signed):
        return url, _signature(auth, secrets.get("signing_secret", ""), method, url, body or b"")
    return url, {}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _signature(auth: Signed, secret: str, method: str, url: str, body: bytes) -> dict[str, str]:
    parts = urlsplit(url)
    stamp, nonce = signing.stamp(auth.timestamp, datetime.now(UTC)), random.token_hex(16)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        key = signing.key(secret, auth.key_form)
    except ValueError as error:
        raise AccessRefused(
            f"The signing secret is not written as {auth.key_form}: enter it as the system gave it."
        ) from error
    made = signing.mac(
        auth.algorithm, key, auth.sign,
        {"method": method.encode(), "path": path.encode(), "url": url.encode(), "body": body,
         "timestamp": stamp.encode(), "nonce": nonce.encode(),
         "body_sha256": hashlib.sha256(body).hexdigest().encode()},
    )  # fmt: skip
    said = {
        auth.header: auth.prefix + signing.written(made, auth.encoding),
        auth.timestamp_header: stamp,
        auth.nonce_header: nonce,
        auth.key_header: auth.key_id,
    }
    return {name: value for name, value in said.items() if name}


def bought(auth: OAuth, http: Http, base: str, kept: Secrets) -> Secrets:
    """A new access token from the token address.

    Raises AccessRefused when it is not given, Unavailable when it can't be asked now.
    """
    secret = kept.get("client_secret", "")
    form = {"grant_type": "client_credentials", "scope": auth.scope, **auth.extra}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if auth.sends == "form":
        form |= {"client_id": auth.client_id, "client_secret": secret}
    else:
        # RFC 6749, 2.3.1: both are form-encoded before they become user name and password.
        headers["Authorization"] = basic(quote(auth.client_id, safe=""), quote(secret, safe=""))
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    url = auth.address if "://" in auth.address else base + auth.address
    try:
        answer = http.request("POST", url, headers=headers, body=body)
    except OutcomeUnknown as error:
        # A token that nobody received hurts nobody.
        raise Unavailable("The token address did not answer; it will be asked again.") from error
    if answer.status == 429:
        raise RateLimited("The token address asked us to slow down.")
    if answer.status >= 500:
        raise Unavailable("The token address is unwell; it will be asked again.")
    try:
        token = text(at(answer.json(), auth.token)) if answer.status < 300 else ""
    except Unreadable:
        token = ""
    if not token:
        raise AccessRefused(
            f"The token address gives no token (status {answer.status}): check client id, client "
            "secret, scope and address, and enter what belongs together.",
            detail=f"status {answer.status}",  # an answer may hold what was sent
        )
    return {TOKEN: token}
