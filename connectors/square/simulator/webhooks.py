"""Webhooks: subscriptions, and one queue that delivers, again and again until somebody says 2xx.

Events of one order are told in no certain order, and a copy may come at any time: that is what
Square's guide promises. The body is signed together with the address it is sent to.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any

import aiohttp

from connectors.sdk.simulation.store import Row
from connectors.square.simulator.replies import missing, need
from connectors.square.simulator.seller import Seller, now

EVENTS = {
    "order.created", "order.updated", "payment.created", "payment.updated", "refund.created",
    "refund.updated", "inventory.count.updated", "catalog.version.updated", "customer.created",
    "customer.updated", "location.created", "location.updated",
}  # fmt: skip
#: Doubling from ``settings.retry`` on, as Square's minutes do; then the event is dropped.
TRIES = 11
#: Deliveries under way at a time: which of them arrives first is nobody's promise.
AT_ONCE = 8


def create(seller: Seller, body: Row) -> Row:
    told = need(body, "subscription")
    row = {
        "id": f"wbhk_{seller.new_id('subscription', 16).lower()}",
        "name": told.get("name", ""), "enabled": told.get("enabled", True),
        "event_types": need(told, "event_types"),
        "notification_url": need(told, "notification_url"),
        "api_version": told.get("api_version", "2025-08-20"),
        "signature_key": seller.new_id("signature", 22), "created_at": now(), "updated_at": now(),
    }  # fmt: skip
    seller.put("subscription", row["id"], row)
    return {"subscription": row}


def update(seller: Seller, id_: str, body: Row) -> Row:
    row = retrieve(seller, id_)["subscription"]
    for name in ("name", "enabled", "event_types", "notification_url"):
        if name in body.get("subscription", {}):
            row[name] = body["subscription"][name]
    row["updated_at"] = now()
    seller.put("subscription", id_, row)
    return {"subscription": {k: v for k, v in row.items() if k != "signature_key"}}


def retrieve(seller: Seller, id_: str) -> Row:
    row = seller.store.get("subscription", id_)
    if row is None:
        raise missing("Webhook subscription", id_)
    return {"subscription": dict(row)}


def listed(seller: Seller) -> Row:
    """The key is shown only for one that is asked for by itself."""
    rows = [{k: v for k, v in row.items() if k != "signature_key"}
            for row in seller.table("subscription").values()]  # fmt: skip
    return {"subscriptions": rows} if rows else {}


def signature(key: str, address: str, body: bytes) -> str:
    mac = hmac.new(key.encode(), address.encode() + body, hashlib.sha256).digest()
    return base64.b64encode(mac).decode()


def enqueue(seller: Seller) -> None:
    """Queue what happened, for every subscription that wants to hear of it."""
    happened, seller.happened = seller.happened, []
    for type_, kind, id_, told in happened:
        wanting = [s for s in seller.table("subscription").values()
                   if s["enabled"] and type_ in s["event_types"]]  # fmt: skip
        if not wanting:
            continue
        number = seller.store.next_id("event")
        digest = hashlib.sha256(f"{seller.settings['merchant_id']} event {number}".encode())
        event = {
            "merchant_id": seller.settings["merchant_id"], "type": type_,
            "event_id": digest.hexdigest()[:32], "created_at": now(),
            "data": {"type": kind, "id": id_, "object": told},
        }  # fmt: skip
        for subscription in wanting:
            key = f"{number:09d}/{subscription['id']}"
            seller.put("queue", key, {"subscription": subscription["id"], "tries": 0, "due": 0.0,
                                      "why": "", "body": json.dumps(event)})  # fmt: skip


class Deliveries:
    """``weather``: {"duplicate": share, "lose": share, "shuffle": flag, "seed": n}, a rough
    network; ``counts`` says how often it bit. ``log``: the last deliveries, newest first."""

    def __init__(self, seller: Seller) -> None:
        self.seller = seller
        self.weather: Row = {"duplicate": 0.0, "lose": 0.0, "shuffle": False, "seed": 0}
        self.dice = random.Random(0)  # noqa: S311 - weather must be repeatable, not secret
        self.counts: Counter[str] = Counter()
        self.log: deque[Row] = deque(maxlen=100)
        self.unplugged_until = 0.0

    def set_weather(self, weather: Row) -> None:
        self.weather = {**self.weather, **weather}
        self.dice = random.Random(self.weather["seed"])  # noqa: S311 - see above

    async def run(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                await asyncio.sleep(float(self.seller.settings["tick"]))
                if time.monotonic() >= self.unplugged_until:
                    await self.deliver(session)

    async def deliver(self, session: aiohttp.ClientSession) -> None:
        """Everything that is due, once."""
        waiting = [(k, j) for k, j in self.seller.table("queue").items() if j["due"] <= time.time()]
        if self.weather["shuffle"] and len(waiting) > 1:
            before = list(waiting)
            self.dice.shuffle(waiting)
            self.counts["shuffled"] += before != waiting
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            await asyncio.gather(*(self._one(session, str(key), job) for key, job in some))

    async def _one(self, session: aiohttp.ClientSession, key: str, job: Row) -> None:
        if self.dice.random() < self.weather["lose"]:
            self.counts["lost"] += 1
            self.seller.store.drop("queue", key)
            return
        twice = self.dice.random() < self.weather["duplicate"]
        self.counts["duplicated"] += twice
        status = await self._post(session, job)
        if twice:
            status = await self._post(session, job)
        self._settle(key, job, status)

    def _settle(self, key: str, job: Row, status: int) -> None:
        """Anything but 2xx is tried again, later and later."""
        event = json.loads(job["body"])
        self.counts["deliveries"] += 1
        self.log.appendleft({"at": datetime.now(UTC).strftime("%H:%M:%S"), "type": event["type"],
                             "id": event["data"]["id"], "status": status})  # fmt: skip
        if 200 <= status < 300 or job["tries"] >= TRIES:
            self.seller.store.drop("queue", key)
        else:
            self.counts["failed"] += 1
            wait = float(self.seller.settings["retry"]) * 2 ** job["tries"]
            why = "http_timeout" if status == 0 else "http_error"
            job |= {"tries": job["tries"] + 1, "due": time.time() + wait, "why": why}
            self.seller.put("queue", key, job)
        self.seller.store.save()

    async def _post(self, session: aiohttp.ClientSession, job: Row) -> int:
        """The answer's status, 0 when there was none within Square's ten seconds."""
        hook = self.seller.store.get("subscription", job["subscription"])
        if hook is None:
            return 200
        body = job["body"].encode()
        headers = {
            "Content-Type": "application/json",
            "x-square-hmacsha256-signature": signature(
                hook["signature_key"], hook["notification_url"], body
            ),
            "square-environment": "Production",
            "square-initial-delivery-timestamp": now(),
        }
        if job["tries"]:
            headers |= {"square-retry-number": str(job["tries"]), "square-retry-reason": job["why"]}
        limit: Any = aiohttp.ClientTimeout(total=10)
        try:
            async with session.post(
                hook["notification_url"], data=body, headers=headers, timeout=limit,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0
