"""The shops: they push what happens to the front door, and answer when they are asked.

    python -m hub.proof.chaos.outside.source --port N

A push that isn't answered 2xx is pushed again until it is, like any decent shop does. Weather:
messages come twice, and newer ones overtake older ones.

    GET  /T/TOPIC/ID            the thing as it is now
    GET  /T/TOPIC?ids=A,B       {items}
    GET  /T/sales?after=POS     {items}, at most 50: tills are polled
    POST /_start                {port, seconds, rate, seed, hooks: {tenant: {path, secret}}}
    POST /_weather              {duplicate: share, dawdle: share}
    POST /_burst                {tenant, count}: at once
    POST /_hostile              {tenant, kinds}: → {answers: [[kind, status]]}
    POST /_stop                 no more events; what is not acknowledged goes on being pushed
    GET  /_counts, /_truth?after=N, /_hostile
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hub.proof.chaos.outside.hostile import body_of
from hub.proof.chaos.outside.trade import Event, Json, Shop
from hub.proof.chaos.outside.wire import Request, Response, call, serve

PAGE = 4000
TILL_PAGE = 50
SENDERS = 24
PATIENCE = 10.0
#: A till's sale is offered to whoever polls this long after it happened.
SETTLES = 0.2


@dataclass
class Weather:
    duplicate: float = 0.0
    dawdle: float = 0.0


@dataclass
class Street:
    """All shops and what they have to tell."""

    shops: dict[str, Shop] = field(default_factory=dict)
    hooks: dict[str, Json] = field(default_factory=dict)
    port: int = 0
    events: list[Event] = field(default_factory=list)
    newest: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    weather: Weather = field(default_factory=Weather)
    luck: random.Random = field(default_factory=random.Random)
    hostile: list[Json] = field(default_factory=list)
    running: bool = False
    queue: asyncio.PriorityQueue[tuple[float, int]] = field(default_factory=asyncio.PriorityQueue)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, asked: Json) -> None:
        self.port, self.hooks = asked["port"], asked["hooks"]
        self.luck = random.Random(asked["seed"])  # noqa: S311 - a fair, repeatable story
        for tenant in self.hooks:
            luck = random.Random(f"{asked['seed']} {tenant}")  # noqa: S311
            self.shops.setdefault(tenant, Shop(tenant, luck))
        self.running = True
        self._spawn(self._live(asked["seconds"], asked["rate"]))
        for _ in range(SENDERS):
            self._spawn(self._send_on())

    def happen(self, tenant: str) -> None:
        topic, body, dawdles = self.shops[tenant].happen()
        now = time.time()
        event = Event(len(self.events) + 1, tenant, topic, body["id"], body["rev"], body, now)
        self.events.append(event)
        if topic == "sales":
            event.acked = now
            return
        if self.luck.random() < self.weather.dawdle:
            dawdles = max(dawdles, self.luck.uniform(0.3, 2.0))
        event.after = now + dawdles
        self.queue.put_nowait((event.after, event.n))

    async def _live(self, seconds: float, rate: float) -> None:
        """``rate`` events a second over all shops, in a steady beat, then silence."""
        began = time.monotonic()
        made = 0
        while self.running and time.monotonic() - began < seconds:
            due = int((time.monotonic() - began) * rate)
            while made < due and self.running:
                self.happen(self.luck.choice(list(self.shops)))
                made += 1
            await asyncio.sleep(0.05)
        self.running = False

    async def _send_on(self) -> None:
        while True:
            at, number = await self.queue.get()
            wait = at - time.time()
            if wait > 0:
                self.queue.put_nowait((at, number))
                await asyncio.sleep(min(wait, 0.05))
                continue
            await self._push(self.events[number - 1])

    async def _push(self, event: Event) -> None:
        raw = json.dumps(event.body).encode()
        event.tries += 1
        status = await self._post(event.tenant, raw, event.topic)
        if not 200 <= status < 300:
            delay = min(0.3 * 2 ** min(event.tries, 4), 3.0)
            self.queue.put_nowait((time.time() + delay, event.n))
            return
        if event.acked is None:
            event.acked = time.time()
            self._note_order(event)
        else:
            event.copies += 1
            self.counts["copies"] += 1
        if event.copies == 0 and self.luck.random() < self.weather.duplicate:
            self.queue.put_nowait((time.time() + self.luck.uniform(0, 1.0), event.n))

    def _note_order(self, event: Event) -> None:
        key = (event.topic, event.id)
        if event.rev < self.newest.get(key, 0):
            self.counts["overtaken"] += 1
        self.newest[key] = max(event.rev, self.newest.get(key, 0))
        self.counts["acked"] += 1

    async def _post(self, tenant: str, raw: bytes, topic: str, **headers: str) -> int:
        hook = self.hooks[tenant]
        digest = hmac.new(hook["secret"].encode(), raw, hashlib.sha256).digest()
        told = {
            "content-type": "application/json",
            "x-shop-topic": topic,
            "x-shop-signature": base64.b64encode(digest).decode(),
            **headers,
        }
        try:
            answered = await call(self.port, "POST", hook["path"], raw, told, PATIENCE)
        except (OSError, TimeoutError) as error:
            self.statuses[type(error).__name__] += 1
            return 0
        self.statuses[str(answered.status)] += 1
        return answered.status

    async def attack(self, tenant: str, kinds: list[str]) -> list[list[Any]]:
        """Signed, and rotten. Every answer is noted; what was taken must be kept byte by byte."""
        answers = []
        for kind in kinds:
            raw, headers = body_of(kind, self.luck)
            status = await self._post(tenant, raw, "orders", **headers)
            answers.append([kind, status])
            self.hostile.append({"tenant": tenant, "kind": kind, "status": status,
                                 "at": time.time(), "length": len(raw),
                                 "sha256": hashlib.sha256(raw).hexdigest()})  # fmt: skip
        return answers

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)

    # ---- what is asked of the shops
    def waiting(self) -> int:
        return sum(1 for e in self.events if e.acked is None)

    def show(self, tenant: str, topic: str, id_: str) -> Response:
        thing = self.shops[tenant].things.get((topic, id_))
        return Response(200, thing) if thing else Response(404, {"error": "no such thing"})

    def page(self, tenant: str, topic: str, query: Any) -> Response:
        shop = self.shops[tenant]
        if "ids" in query:
            wanted = query["ids"].split(",")
            return Response(
                200, {"items": [t for i in wanted if (t := shop.things.get((topic, i)))]}
            )
        after = int(query.get("after") or 0)
        items = shop.sales[after : after + TILL_PAGE] if topic == "sales" else []
        return Response(200, {"items": items, "next": after + len(items)})


async def answer(street: Street, request: Request) -> Response:
    parts = request.path.strip("/").split("/")
    if not parts[0].startswith("_"):
        if parts[0] not in street.shops:
            return Response(200, {"items": [], "next": 0})
        if len(parts) == 3:
            return street.show(parts[0], parts[1], parts[2])
        return street.page(parts[0], parts[1], request.query)
    match (request.method, parts[0]):
        case ("POST", "_start"):
            street.begin(request.json())
        case ("POST", "_weather"):
            street.weather = Weather(**request.json())
        case ("POST", "_burst"):
            asked = request.json()
            for _ in range(asked["count"]):
                street.happen(asked["tenant"])
        case ("POST", "_hostile"):
            asked = request.json()
            return Response(200, {"answers": await street.attack(asked["tenant"], asked["kinds"])})
        case ("POST", "_stop"):
            street.running = False
        case ("GET", "_hostile"):
            return Response(200, {"sent": street.hostile})
        case ("GET", "_truth"):
            after = int(request.query.get("after", "0"))
            return Response(
                200, {"events": [e.told() for e in street.events[after : after + PAGE]]}
            )
        case _:
            counts = {"made": len(street.events), "waiting": street.waiting(),
                      "running": street.running, "answers": dict(street.statuses)}  # fmt: skip
            return Response(200, counts | dict(street.counts))
    return Response(200, {})


async def run(port: int) -> None:
    street = Street()

    async def handler(request: Request) -> Response:
        return await answer(street, request)

    await serve(port, handler)


def main() -> None:
    parser = argparse.ArgumentParser(description="The shops.")
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(run(parser.parse_args().port))


if __name__ == "__main__":
    main()
