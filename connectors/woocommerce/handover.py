"""The shop's own way of handing out keys: its owner agrees, it makes a key and posts it to us.

Source: the REST documentation, "Auto generating API keys using our Application Authentication
Endpoint". The shop posts first and sends the browser back afterwards.
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import AccessRefused, Owner
from connectors.sdk.records import Json


class Handed(msgspec.Struct):
    """What the shop posts; it says more, which isn't needed."""

    consumer_key: str
    consumer_secret: str
    key_permissions: str


def address(config: Json, ask: ConsentAsk) -> str:
    """Where the shop's owner agrees. The shop keeps a query that ``return_url`` has already."""
    query = {
        "app_name": ask.product,
        "scope": "read_write",
        "user_id": ask.state,
        "return_url": f"{ask.return_to}?{urlencode({'state': ask.state})}",
        "callback_url": ask.callback,
    }
    return f"{str(config['url']).rstrip('/')}/wc-auth/v1/authorize?{urlencode(query)}"


def keys(answer: ConsentAnswer) -> dict[str, str]:
    """The secrets of a post. Raises AccessRefused for one that isn't the shop's, and for a
    browser that came back although no post did."""
    if not answer.body:
        raise _nothing_came(denied=answer.query.get("success") == "0")
    try:
        handed = msgspec.json.decode(answer.body, type=Handed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AccessRefused(
            "What came is not what a shop hands over: begin again at the connection.",
            code="revoked",
            detail=str(error),
        ) from error
    if handed.key_permissions != "read_write":
        raise AccessRefused(
            f"The shop made a key that may only {handed.key_permissions!r}: agree to read and "
            "write.",
            code="scope-missing",
        )
    if not handed.consumer_key.startswith("ck_") or not handed.consumer_secret.startswith("cs_"):
        raise AccessRefused(
            "What came is no key of a shop: begin again at the connection.", code="revoked"
        )
    return {"consumer_key": handed.consumer_key, "consumer_secret": handed.consumer_secret}


def _nothing_came(*, denied: bool) -> AccessRefused:
    if denied:
        return AccessRefused(
            "In the shop somebody said no: nothing was changed. Connect again when its owner "
            "agrees.",
            code="revoked",
            owner=Owner.MERCHANT,
        )
    return AccessRefused(
        "The shop agreed but its key never reached us: our address must begin with https:// and "
        "be open to the shop. Connect again, or enter a key by hand.",
        code="revoked",
        owner=Owner.PARTNER,
    )
