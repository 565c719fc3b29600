"""Webhooks: what Square pushes, how far it is believed, and how they are set up.

Events are thin, come in no certain order and more than once, so each only says which record to
read again. The signature covers the address an event is sent to and its body (Square's guide to
webhooks); a proxy that changes the address makes every signature wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.sdk.errors import AccessRefused, Unreadable
from connectors.sdk.records import Heard, Hint, Json, Nothing, Verdict, WebhookRequest
from connectors.sdk.tokens import Tokens
from connectors.square.access import VERSION
from connectors.square.api import Api

KIND, ABOUT = "square-event-type", "square-event-about"
SIGNATURE = "x-square-hmacsha256-signature"
SECRET = "webhook_secret"  # noqa: S105 - the name of a field
SALES = (
    "order.created", "order.updated", "payment.created", "payment.updated", "refund.created",
    "refund.updated",
)  # fmt: skip
#: What may be followed besides sales (the setting ``follow``) and the events that tell of it.
MORE = {
    "catalog": ("catalog.version.updated",),
    "stock": ("inventory.count.updated",),
    "customers": ("customer.created", "customer.updated"),
    "locations": ("location.created", "location.updated"),
}


def judge(request: WebhookRequest, secrets: Sequence[Mapping[str, str]]) -> Verdict:
    """Store what is signed by one of ``secrets``."""
    if request.method != "POST":
        return Verdict(405, why="webhooks are POSTed")
    given = request.headers.get(SIGNATURE, "")
    if not given:
        return Verdict(400, why="no delivery of Square: it carries no signature")
    if not any(_signed(request, given, s.get(SECRET, "")) for s in secrets):
        return Verdict(401, why="the signature matches no key of this connection and address")
    try:
        event = msgspec.json.decode(request.body)
        told = list(_told(event))
        event_id = str(event["event_id"])
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        return Verdict(400, why=f"a signed event that can't be read: {error!r}")
    if not told:
        return Verdict(200, why=f"{event.get('type')} is not followed")
    return Verdict(200, tuple(
        Heard(stream, hashlib.sha256(f"{event_id}\n{stream}\n{about}".encode()).hexdigest(),
              request.body, {KIND: str(event["type"]), ABOUT: about})
        for stream, about in told
    ))  # fmt: skip


def _signed(request: WebhookRequest, given: str, key: str) -> bool:
    """Base64 of HMAC-SHA256 over the notification address, directly followed by the raw body."""
    if not key:
        return False
    mac = hmac.new(key.encode(), request.address.encode() + request.body, hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(mac), given.encode())


def _told(event: Any) -> list[tuple[str, str]]:
    """(stream, id of what to read again) for each thing the event is about."""
    kind, data = str(event["type"]), event["data"]
    inner = data.get("object") or {}
    match kind.partition(".")[0]:
        case "order":
            return [("orders", str(data["id"]))]
        case "payment" | "refund" as about:
            order = (inner.get(about) or {}).get("order_id")
            return [("orders", str(order))] if order else []
        case "inventory":
            return _counted(inner.get("inventory_counts") or ())
        case "catalog":
            since = (inner.get("catalog_version") or {}).get("updated_at")
            return [("catalog", f"since:{since}")] if since else []
        case "customer":
            return [("customers", str(data["id"]))]
        case "location":
            return [("locations", str(data["id"]))]
    return []


def _counted(counts: Sequence[Json]) -> list[tuple[str, str]]:
    """A count that changed, and the movements since shortly before it did."""
    places = [(f"{c['catalog_object_id']}@{c['location_id']}", c["calculated_at"]) for c in counts]
    stock = [("stock", place) for place, _ in places]
    return [*stock, *(("movements", f"since:{place}@{at}") for place, at in places)]


def pushed(heard: Heard) -> bool:
    return KIND in heard.headers


def understand(heard: Heard) -> Hint | Nothing:
    """Raises Unreadable when the headers we kept don't name the record."""
    about = heard.headers.get(ABOUT, "")
    if not about:
        raise Unreadable("A webhook of Square names no record: have Square send it again.")
    return Hint(heard.stream, about, heard.headers[KIND])


# ------------------------------------------------------------------ setting up


def events_of(config: Json) -> list[str]:
    more = [event for name in config.get("follow") or () for event in MORE.get(str(name), ())]
    return [*SALES, *more]


def subscribe(api: Api, tokens: Tokens, application_token: str, address: str) -> None:
    """One subscription for our address, switched on; its signature key, which Square makes, is
    kept as the connection's webhook secret. Others' subscriptions stay alone.

    Raises AccessRefused without a token of the application: a seller's may not do this.
    """
    if not application_token:
        raise AccessRefused(
            "Square lets only the application itself set webhooks up: enter the application's own "
            "access token, or add the subscription in Square's Developer Console by hand.",
            code="scope-missing",
        )
    wanted = {"name": "Integration", "enabled": True, "event_types": events_of(api.config),
              "notification_url": address}  # fmt: skip
    root = "/v2/webhooks/subscriptions"
    listed = api.get(root, token=application_token).get("subscriptions", ())
    ours = next((s for s in listed if s.get("notification_url") == address), None)
    if ours is None:
        body: Json = {"subscription": {**wanted, "api_version": VERSION}}
        told = api.write(root, body, token=application_token)["subscription"]
    else:
        api.write(f"{root}/{ours['id']}", {"subscription": wanted}, method="PUT",
                  token=application_token)  # fmt: skip
        told = api.get(f"{root}/{ours['id']}", token=application_token)["subscription"]
    key = str(told.get("signature_key") or "")
    if key:
        kept = tokens.current().get(SECRET, "")
        if kept != key:
            tokens.renew(SECRET, kept, lambda secrets: {SECRET: key})
