"""A system that is told things: one of four temperaments, and a log of every effect it ever had.

    python -m hub.proof.chaos.outside.target --kind keyed --port N --log FILE

``keyed`` honours Idempotency-Key on whatever it takes; ``searchable`` ignores keys and can be
searched by our reference; ``bare`` does neither: what reaches it twice is done twice; ``levels``
takes batches of figures and sets them. Each serves several tenants below ``/TENANT/``, with a key
of its own each (`api_key`).

    POST /T/RES            makes one: 201 {id}
    PUT  /T/RES/ID         changes it: 200 {id}
    GET  /T/RES?ref=R      searchable: {items: [{id, ref, …}]}
    POST /T/RES/batch      {items: [{id, …}]} → {results: [{id} | {error}]}
    GET  /_log?after=N     {entries: […]}, at most 5,000, in the order of their arrival
    POST /_partial         {count: N}: the next N batches refuse one of their items
    POST /_revoke          {tenant, on}: its key is refused from now on, or good again
    POST /T/token          levels: a new token (OAuth 2 client credentials)
    POST /_expire          {tenant}: its token has run out
    GET  /_counts          {op: how often, partial: batches, refused: calls with a revoked key}

An entry of the log is written before the answer leaves: {n, at, tenant, resource, op, id, ref, key,
body}. ``op``: create, change, set; repeat (a key was known: answered as before, nothing done);
conflict (a known key came with other bytes: refused); stranger (another tenant's key: refused).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.proof.chaos.outside.wire import Request, Response, serve

KINDS = ("keyed", "searchable", "bare", "levels")
PAGE = 5000
Json = dict[str, Any]
Place = tuple[str, str]


def api_key(tenant: str) -> str:
    """What a tenant's connection signs in with."""
    return f"{tenant}-opens-only-its-own-door"


@dataclass
class Books:
    """What the system holds. ``log``: None in memory only."""

    kind: str
    file: Any = None
    entries: list[Json] = field(default_factory=list)
    held: dict[Place, dict[str, Json]] = field(default_factory=dict)
    refs: dict[tuple[Place, str], list[str]] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    partial: int = 0
    revoked: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)

    def note(self, request: Request, place: Place, op: str, body: Json, id_: str) -> None:
        """Write an effect down before anybody is told of it."""
        entry = {
            "n": len(self.entries) + 1, "at": time.time(), "tenant": place[0],
            "resource": place[1], "op": op, "id": id_, "ref": str(body.get("ref", "")),
            "key": request.headers.get("idempotency-key", ""), "body": body,
        }  # fmt: skip
        self.entries.append(entry)
        self.counts[op] += 1
        if self.file is not None:
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()

    def admits(self, tenant: str, header: str) -> bool:
        """``levels`` wants the token it gave last; the others a key that lasts."""
        wanted = self.tokens.get(tenant) if self.kind == "levels" else api_key(tenant)
        return wanted is not None and header == f"Bearer {wanted}"

    def give_token(self, tenant: str, header: str) -> Response:
        """RFC 6749, 4.4: client credentials as a Basic header; the token before is void."""
        both = base64.b64encode(f"{tenant}:{api_key(tenant)}".encode()).decode()
        if header != f"Basic {both}":
            return Response(401, {"error": "invalid_client"})
        self.counts["tokens"] += 1
        self.tokens[tenant] = f"{tenant}-token-{self.counts['tokens']}"
        return Response(200, {"access_token": self.tokens[tenant], "token_type": "bearer"})

    def create(self, request: Request, place: Place) -> Response:
        body = request.json()
        key = (place[0], request.headers.get("idempotency-key", ""))
        text = json.dumps(body, sort_keys=True)
        if self.kind == "keyed" and key[1] and key in self.keys:
            id_, before = self.keys[key]
            if before != text:
                self.note(request, place, "conflict", body, id_)
                return Response(409, {"error": "this key came with another body before"})
            self.note(request, place, "repeat", body, id_)
            return Response(200, {"id": id_})
        id_ = f"{place[1][:2]}-{len(self.entries) + 1}"
        self._hold(place, id_, body)
        self.refs.setdefault((place, str(body.get("ref", ""))), []).append(id_)
        self.keys[key] = (id_, text)
        self.note(request, place, "create", body, id_)
        return Response(201, {"id": id_})

    def change(self, request: Request, place: Place, id_: str) -> Response:
        body = request.json()
        if self.kind == "levels":
            self._set(request, place, id_, body)
            return Response(200, {"id": id_})
        if id_ not in self.held.get(place, {}):
            return Response(404, {"error": f"there is no {id_}"})
        key = (place[0], request.headers.get("idempotency-key", ""))
        if self.kind == "keyed" and key[1] and key in self.keys:
            self.note(request, place, "repeat", body, id_)
            return Response(200, {"id": id_})
        self._hold(place, id_, body)
        self.keys[key] = (id_, "")
        self.note(request, place, "change", body, id_)
        return Response(200, {"id": id_})

    def batch(self, request: Request, place: Place) -> Response:
        items = request.json()["items"]
        refuse = -1
        if self.partial and len(items) > 1:
            self.partial -= 1
            refuse = len(items) // 2
            self.counts["partial"] += 1
        results: list[Json] = []
        for number, item in enumerate(items):
            id_ = str(item["id"])
            if number == refuse:
                results.append({"error": "busy", "id": id_})
                continue
            self._set(request, place, id_, item)
            results.append({"id": id_})
        return Response(200, {"results": results})

    def _set(self, request: Request, place: Place, id_: str, body: Json) -> None:
        self._hold(place, id_, body)
        self.refs[place, str(body.get("ref", ""))] = [id_]
        self.note(request, place, "set", body, id_)

    def search(self, place: Place, ref: str) -> Response:
        found = self.refs.get((place, ref), [])
        return Response(200, {"items": [{"id": i, **self.held[place][i]} for i in found]})

    def _hold(self, place: Place, id_: str, body: Json) -> None:
        self.held.setdefault(place, {})[id_] = body


async def answer(books: Books, request: Request) -> Response:
    """One request to the system, or to the hatch through which it is watched."""
    if request.path == "/_log":
        after = int(request.query.get("after", "0"))
        return Response(200, {"entries": books.entries[after : after + PAGE]})
    if request.path == "/_counts":
        return Response(200, dict(books.counts))
    if request.path == "/_partial":
        books.partial += int(request.json()["count"])
        return Response(200, {})
    if request.path == "/_revoke":
        asked = request.json()
        (books.revoked.add if asked["on"] else books.revoked.discard)(asked["tenant"])
        return Response(200, {})
    if request.path == "/_expire":
        books.tokens.pop(request.json()["tenant"], None)
        return Response(200, {})
    parts = request.path.strip("/").split("/")
    place = (parts[0], parts[1] if len(parts) > 1 else "")
    shown = request.headers.get("authorization", "")
    if place[1] == "token":
        return books.give_token(place[0], shown)
    if not books.admits(place[0], shown):
        if shown and not shown.startswith(f"Bearer {place[0]}-"):
            books.note(request, place, "stranger", {}, "")
        books.counts["unadmitted"] += 1
        return Response(401, {"error": "another door, or a token that has run out"})
    if place[0] in books.revoked:
        books.counts["refused"] += 1
        return Response(401, {"error": "these credentials were taken back"})
    match (request.method, *parts[2:]):
        case ("GET",) if books.kind in ("searchable", "levels"):
            return books.search(place, request.query.get("ref", ""))
        case ("GET",):
            return Response(200, {"items": []})
        case ("POST",):
            return books.create(request, place)
        case ("POST", "batch"):
            return books.batch(request, place)
        case ("PUT" | "PATCH" | "POST", id_):
            return books.change(request, place, id_)
    return Response(404, {"error": "no such place"})


def main() -> None:
    parser = argparse.ArgumentParser(description="A system that is told things.")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    asked = parser.parse_args()
    with asked.log.open("a", encoding="utf-8") as file:
        books = Books(asked.kind, file)

        async def handler(request: Request) -> Response:
            return await answer(books, request)

        asyncio.run(serve(asked.port, handler))


if __name__ == "__main__":
    main()
