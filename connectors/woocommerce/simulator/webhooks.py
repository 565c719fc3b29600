"""Webhooks: which exist, what is queued, and one serial queue that delivers (findings 1 to 13)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
import re
import secrets
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import errors
from connectors.woocommerce.simulator.products import links
from connectors.woocommerce.simulator.shop import Shop

AGENT = "WooCommerce/11.0.1 Hookshot (WordPress/7.0.4)"
MAX_FAILURES = 7
HOOKS = {
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "product.created": ["woocommerce_new_product", "woocommerce_new_product_variation"],
    "product.updated": [
        "woocommerce_process_product_meta", "woocommerce_update_product",
        "woocommerce_update_product_variation",
    ],
    "customer.created": ["user_register", "woocommerce_created_customer"],
    "customer.updated": ["profile_update", "woocommerce_update_customer"],
}  # fmt: skip
TOPICS = {
    f"{resource}.{event}"
    for resource in ("order", "product", "customer", "coupon")
    for event in ("created", "updated", "deleted", "restored")
} | {"product.published"}

Payload = Callable[[str, int], Row]


def create(shop: Shop, body: Row) -> Row:
    """Created active whatever ``status`` says (finding 13). Raises WooError 400."""
    if body.get("topic") not in TOPICS:
        raise errors.WooError(
            400,
            "woocommerce_rest_shop_webhook_invalid_topic",
            "Webhook topic is required and must be valid.",
        )
    if not re.match(r"https?://", str(body.get("delivery_url", ""))):
        raise errors.WooError(
            400,
            "woocommerce_rest_shop_webhook_invalid_delivery_url",
            "Webhook delivery URL must be a valid URL starting with http:// or https://.",
        )
    now = datetime.now(UTC)
    row = {
        "id": shop.store.next_id("webhook"),
        "name": body.get("name") or now.strftime("Webhook created on %b %d, %Y @ %I:%M %p"),
        "status": "active",
        "topic": body["topic"],
        "delivery_url": body["delivery_url"],
        "secret": body.get("secret") or secrets.token_hex(16),
        "created": shop.now(),
        "modified": None,
        "failures": 0,
        "ping_owed": True,
        "owner_gone": False,
    }
    return shop.put("webhook", row)


def update(shop: Shop, row: Row, body: Row) -> Row:
    for name in ("name", "status", "secret", "topic"):
        if name in body:
            row[name] = body[name]
    if "delivery_url" in body and body["delivery_url"] != row["delivery_url"]:
        row["delivery_url"], row["ping_owed"] = body["delivery_url"], True
    if body.get("status") == "active":
        row["failures"] = 0
    row["modified"] = shop.now()
    return shop.put("webhook", row)


def view(shop: Shop, row: Row) -> Row:
    """The secret is never shown (finding 13)."""
    resource, event = row["topic"].split(".", 1)
    return {
        "id": row["id"], "name": row["name"], "status": row["status"], "topic": row["topic"],
        "resource": resource, "event": event, "hooks": HOOKS.get(row["topic"], ["wp_trash_post"]),
        "delivery_url": row["delivery_url"],
        **shop.stamps("created", row["created"]), **shop.stamps("modified", row["modified"]),
        "_links": links(shop.settings["url"], "webhooks", row["id"]),
    }  # fmt: skip


def enqueue(shop: Shop) -> None:
    """Queue what happened; what already waits there isn't queued again (finding 6)."""
    happened, shop.happened = shop.happened, []
    for resource, event, id_ in happened:
        for hook in shop.live_webhooks():
            if hook["topic"] == f"{resource}.{event}":
                key = f"{hook['id']}/{id_}"
                if shop.store.get("queue", key) is None:
                    shop.store.put("queue", key, {"hook": hook["id"], "id": id_})


def encoded(value: Any) -> bytes:
    """JSON as PHP writes it: slashes and everything beyond ASCII escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


class Deliveries:
    """The queue's one worker. ``log``: the last deliveries, newest first.

    ``weather``: {"duplicate": share, "shuffle": flag, "seed": n}, a rough network between shop
    and receiver; ``counts`` says how often it bit.
    """

    def __init__(self, shop: Shop, payload: Payload) -> None:
        self.shop = shop
        self.payload = payload
        self.weather: Row = {"duplicate": 0.0, "shuffle": False, "seed": 0}
        self.dice = random.Random(0)  # noqa: S311 - weather must be repeatable, not secret
        self.counts: Counter[str] = Counter()
        self.log: deque[Row] = deque(maxlen=200)
        self._session: aiohttp.ClientSession | None = None

    def set_weather(self, weather: Row) -> None:
        self.weather = {**self.weather, **weather}
        self.dice = random.Random(self.weather["seed"])  # noqa: S311 - see above

    async def run(self) -> None:
        """Tick for ever; a tick delivers all that waits, one after the other (finding 12)."""
        async with aiohttp.ClientSession() as self._session:
            while True:
                await asyncio.sleep(self.shop.settings["tick"])
                waiting = list(self.shop.store.table("queue").items())
                if self.weather["shuffle"] and len(waiting) > 1:
                    before = list(waiting)
                    self.dice.shuffle(waiting)
                    self.counts["shuffled"] += before != waiting
                for key, job in waiting:
                    self.shop.store.drop("queue", key)
                    self.shop.store.save()
                    await self._deliver(job)

    async def ping(self, hook: Row) -> None:
        """Unsigned and without headers; only exactly 200 ends it (finding 4)."""
        body = f"webhook_id={hook['id']}".encode()
        form = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        status = await self._post(hook, body, form, seconds=5, follow=True)
        self._note(hook, "ping", status)
        if status == 200:
            hook["ping_owed"] = False
            hook["modified"] = self.shop.now()
            self.shop.put("webhook", hook)

    async def _deliver(self, job: Row) -> None:
        hook = self.shop.get("webhook", job["hook"])
        if hook is None or hook["status"] != "active":
            return
        body = encoded(self._payload(hook, job["id"]))
        headers = self._headers(hook, body)
        twice = self.dice.random() < self.weather["duplicate"]
        for _ in range(2 if twice else 1):
            status = await self._post(hook, body, headers, seconds=60, follow=False)
            self._note(hook, job["id"], status)
        self.counts["duplicated"] += twice
        self._count_failure(hook, 200 <= status <= 302)
        if hook["ping_owed"] and hook["status"] == "active":
            await self.ping(hook)

    def _payload(self, hook: Row, id_: int) -> Row:
        """The state at delivery, not at the event; an error object where there is none (6, 7)."""
        resource, event = hook["topic"].split(".", 1)
        if event == "deleted":
            return {"id": id_}
        if hook["owner_gone"]:
            gone = "Sorry, you cannot view this resource."
            return errors.WooError(401, "woocommerce_rest_cannot_view", gone).body()
        try:
            return self.payload(resource, id_)
        except errors.WooError as error:
            return error.body()

    def _headers(self, hook: Row, body: bytes) -> dict[str, str]:
        resource, event = hook["topic"].split(".", 1)
        mac = hmac.new(hook["secret"].encode(), body, hashlib.sha256).digest()
        # Deliveries of one webhook in one second share their id (finding 5).
        delivery = hashlib.md5(f"{hook['id']}{self.shop.now()}".encode(), usedforsecurity=False)
        return {
            "User-Agent": AGENT,
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": self.shop.settings["url"] + "/",
            "X-WC-Webhook-Topic": hook["topic"],
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": base64.b64encode(mac).decode(),
            "X-WC-Webhook-ID": str(hook["id"]),
            "X-WC-Webhook-Delivery-ID": delivery.hexdigest(),
        }

    async def _post(
        self, hook: Row, body: bytes, headers: dict[str, str], *, seconds: float, follow: bool
    ) -> int:
        """The answer's status, 0 when there was none."""
        limit = aiohttp.ClientTimeout(total=seconds)
        session = self._session or aiohttp.ClientSession()
        try:
            async with session.post(
                hook["delivery_url"], data=body, headers=headers, timeout=limit,
                allow_redirects=follow,
            ) as answer:  # fmt: skip
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0
        finally:
            if session is not self._session:
                await session.close()

    def _count_failure(self, hook: Row, good: bool) -> None:
        """The 7th failure in a row disables; nothing missed is ever sent again (1, 2, 3)."""
        hook["failures"] = 0 if good else hook["failures"] + 1
        if hook["failures"] >= MAX_FAILURES:
            hook["status"] = "disabled"
            hook["modified"] = self.shop.now()
        self.shop.put("webhook", hook)
        self.shop.store.save()

    def _note(self, hook: Row, id_: int | str, status: int) -> None:
        self.counts["pings" if id_ == "ping" else "deliveries"] += 1
        if id_ != "ping" and not 200 <= status <= 302:
            self.counts["failed"] += 1
        at = datetime.now(UTC).strftime("%H:%M:%S")
        entry = {"at": at, "topic": hook["topic"], "id": id_, "status": status}
        self.log.appendleft(entry)
