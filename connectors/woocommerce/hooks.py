"""Webhooks: what the shop pushes, how far it is believed, and how they are set up.

A push is a hint and nothing more: its payload is the state at delivery (finding 6), it lacks the
refunds, deletes name the wrong kind of thing (finding 10). So every push leads to a re-read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.sdk.errors import Owner, Unreadable
from connectors.sdk.records import Heard, Hint, Json, Nothing, Verdict, WebhookRequest
from connectors.woocommerce.api import Api

STREAMS = {"order": "orders", "product": "products"}
ORDER_TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
PRODUCT_TOPICS = ("product.created", "product.updated", "product.deleted", "product.restored")
_PING = re.compile(rb"webhook_id=\d+")
_KEPT = ("x-wc-webhook-topic", "x-wc-webhook-resource", "x-wc-webhook-event", "x-wc-webhook-id")


def judge(request: WebhookRequest, secrets: Sequence[Mapping[str, str]]) -> Verdict:
    """Store what is signed by one of ``secrets``, answer a ping with exactly 200 (finding 4)."""
    if request.method != "POST":
        return Verdict(405, why="webhooks are POSTed")
    topic = request.headers.get("x-wc-webhook-topic")
    if topic is None and _PING.fullmatch(request.body.strip()):
        return Verdict(200, why="ping")
    if topic is None:
        return Verdict(400, why="neither a ping nor a delivery of WooCommerce")
    given = request.headers.get("x-wc-webhook-signature", "")
    if not any(_signed(request.body, given, s.get("webhook_secret", "")) for s in secrets):
        return Verdict(401, why=f"the signature of {topic} matches no secret of this connection")
    stream = STREAMS.get(topic.partition(".")[0])
    if stream is None:
        return Verdict(200, why=f"{topic} is not followed")
    headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
    heard = Heard(stream, _identity(topic, request.body), request.body, headers)
    return Verdict(200, (heard,))


def _signed(body: bytes, given: str, secret: str) -> bool:
    """Base64 HMAC-SHA256 of the raw body (finding 6)."""
    if not secret:
        return False
    mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(mac), given.encode())


def _identity(topic: str, body: bytes) -> str:
    """Copies are equal, different events are not. The delivery id can't serve: different
    deliveries of one second share it (finding 5). The body holds id and modified stamp."""
    return hashlib.sha256(topic.encode() + b"\n" + body).hexdigest()


def pushed(heard: Heard) -> bool:
    return "x-wc-webhook-topic" in heard.headers


def understand(heard: Heard) -> Hint | Nothing:
    """Raises Unreadable: not JSON, or (code ``owner-removed``) an error in place of the record."""
    topic = heard.headers["x-wc-webhook-topic"]
    try:
        said: Any = msgspec.json.decode(heard.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(
            f"The shop signed a {topic} that is not JSON: ask its host for the PHP error log."
        ) from error
    id_ = said.get("id") if isinstance(said, dict) else None
    if isinstance(id_, int) and id_ > 0:
        # A variation is part of a product (finding 8); it is read with its parent.
        parent = said.get("parent_id") if said.get("type") == "variation" else None
        return Hint(heard.stream, str(parent or id_), topic)
    code = str(said.get("code", "")) if isinstance(said, dict) else ""
    if code.endswith("_invalid_id"):
        return Nothing(f"{topic}: the record was deleted before the shop came to tell of it")
    if code.startswith("woocommerce_rest_cannot"):
        raise Unreadable(
            "The person who owns the shop's webhooks lost the right to see its records: connect "
            "the shop again with a user of its own.",
            code="owner-removed",
            owner=Owner.MERCHANT,
            detail=code,
        )
    raise Unreadable(f"The shop sent a {topic} that names no record.", detail=code)


def subscribe(api: Api, address: str, secret: str, topics: Sequence[str]) -> None:
    """Create what is missing, revive what is disabled or paused; others' webhooks stay alone.

    The secret is never given back (finding 13), so it is set again on those that exist.
    """
    ours = _ours(api, address)
    for topic in topics:
        known = ours.get(topic)
        if known is None:
            told = {"name": f"Integration: {topic}", "topic": topic}
            api.post("webhooks", {**told, "delivery_url": address, "secret": secret})
        else:
            told = {"status": "active", "secret": secret}
            if known["delivery_url"] != address:
                told["delivery_url"] = address
            api.put(f"webhooks/{known['id']}", told)


def unsubscribed(api: Api, address: str, topics: Sequence[str]) -> list[str]:
    """What is missing, not active or sent elsewhere. A secret that somebody changed can't be seen
    (finding 13): our refusals then make the shop disable the webhook (finding 2), and that can."""
    ours = _ours(api, address)
    found = []
    for topic in topics:
        known = ours.get(topic)
        if known is None:
            found.append(f"{topic} is missing")
        elif known["delivery_url"] != address:
            found.append(f"{topic} is sent to another address")
        elif known["status"] != "active":
            found.append(f"{topic} is {known['status']}")
    return found


def _ours(api: Api, address: str) -> dict[str, Json]:
    """The webhook of each topic that is ours: it has our address, or it goes to our path at another
    host, because our front door moved or somebody edited it. The path can't be guessed."""
    path = urlsplit(address).path
    ours: dict[str, Json] = {}
    for page in api.pages("webhooks"):
        for hook in page:
            url = str(hook["delivery_url"])
            if url == address or (len(path) > 1 and urlsplit(url).path == path):
                held = ours.get(hook["topic"])
                if held is None or held["delivery_url"] != address:
                    ours[hook["topic"]] = hook
    return ours
