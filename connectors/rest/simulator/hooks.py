"""Pushing changes of orders to whoever asked for it, signed in the style they chose."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import aiohttp

from connectors.sdk.simulation.store import Store

STYLES = ("hmac", "stamped", "address", "standard", "token", "basic")
#: Seconds between tries; afterwards the push is given up, as ordinary shops do.
RETRIES = (0.2, 0.5, 1, 2, 5, 10)


class Hooks:
    """``pushed``: deliveries that were answered with 2xx. ``lost``: those given up."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tasks: set[asyncio.Task[None]] = set()
        self.pushed = 0
        self.lost = 0

    def tell(self, topic: str, record: dict[str, Any]) -> None:
        for hook in self.store.table("hooks").values():
            told = {"id": record["id"]} if hook.get("thin") else record
            body = json.dumps({"event": topic, "data": told}, separators=(",", ":")).encode()
            task = asyncio.get_running_loop().create_task(self._deliver(dict(hook), topic, body))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _deliver(self, hook: dict[str, Any], topic: str, body: bytes) -> None:
        async with aiohttp.ClientSession() as session:
            for wait in (*RETRIES, None):
                headers = {"Content-Type": "application/json", "X-Topic": topic}
                headers |= signature(hook["style"], hook["address"], hook["secret"], body)
                try:
                    async with session.post(hook["address"], data=body, headers=headers) as answer:
                        if answer.status < 300:
                            self.pushed += 1
                            return
                except aiohttp.ClientError:
                    pass  # nobody there: tried again below, as any refusal is
                if wait is not None:
                    await asyncio.sleep(wait)
        self.lost += 1


def signature(style: str, address: str, secret: str, body: bytes) -> dict[str, str]:
    """The headers that show whose push it is."""
    stamp = str(int(time.time()))
    if style == "hmac":
        return {"X-Signature": _hex(secret.encode(), body)}
    if style == "stamped":
        made = _hex(secret.encode(), stamp.encode() + b"." + body)
        return {"X-Signature": f"t={stamp},v1={made}"}
    if style == "address":
        mac = hmac.new(secret.encode(), address.encode() + body, hashlib.sha1)
        return {"X-Signature": base64.b64encode(mac.digest()).decode()}
    if style == "standard":
        id_ = f"msg_{uuid4().hex}"
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = hmac.new(key, f"{id_}.{stamp}.".encode() + body, hashlib.sha256)
        signed = f"v1,{base64.b64encode(mac.digest()).decode()}"
        return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": signed}
    if style == "token":
        return {"X-Token": secret}
    return {"Authorization": "Basic " + base64.b64encode(f"shop:{secret}".encode()).decode()}


def _hex(key: bytes, body: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()
