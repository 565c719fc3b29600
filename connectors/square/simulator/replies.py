"""How Square answers: objects, or ``{"errors": [{category, code, detail, field}]}``."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.square.simulator.seller import Seller

CATEGORIES = {
    400: "INVALID_REQUEST_ERROR", 401: "AUTHENTICATION_ERROR", 403: "AUTHENTICATION_ERROR",
    404: "INVALID_REQUEST_ERROR", 409: "INVALID_REQUEST_ERROR", 429: "RATE_LIMIT_ERROR",
}  # fmt: skip


class SquareError(Exception):
    """Answered with ``status`` and one error. ``field``: what of the request it is about."""

    def __init__(self, status: int, code: str, detail: str = "", field: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field

    def error(self) -> Row:
        told: Row = {"category": CATEGORIES.get(self.status, "API_ERROR"), "code": self.code}
        told |= {"detail": self.detail} if self.detail else {}
        return told | ({"field": self.field} if self.field else {})

    def body(self) -> Row:
        return {"errors": [self.error()]}


def bad(code: str, detail: str, field: str = "") -> SquareError:
    return SquareError(400, code, detail, field)


def need(body: Any, name: str) -> Any:
    """Raises SquareError when a field of the request is missing or empty."""
    value = body.get(name) if isinstance(body, dict) else None
    if value is None or value == "" or value == []:
        raise bad("MISSING_REQUIRED_PARAMETER", f"Missing required parameter `{name}`.", name)
    return value


def missing(kind: str, id_: str) -> SquareError:
    return SquareError(404, "NOT_FOUND", f"{kind} `{id_}` not found.")


# ------------------------------------------------------------------ pages


def page_of(rows: Sequence[Row], request: Row, name: str, *, most: int) -> Row:
    """One page and, if there is more, a cursor. A cursor belongs to its query: with another it is
    refused, as Square does."""
    asked = {k: v for k, v in request.items() if k != "cursor"}
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
    start = 0
    if request.get("cursor"):
        try:
            told = json.loads(base64.urlsafe_b64decode(request["cursor"]))
            start = told["at"] if told["of"] == mark else -1
        except (ValueError, KeyError, TypeError):
            start = -1
        if start < 0:
            raise bad("INVALID_CURSOR", "The pagination cursor is invalid.", "cursor")
    limit = min(int(request.get("limit") or most), most)
    body: Row = {name: list(rows[start : start + limit])} if rows[start : start + limit] else {}
    if start + limit < len(rows):
        cursor = json.dumps({"at": start + limit, "of": mark})
        body["cursor"] = base64.urlsafe_b64encode(cursor.encode()).decode()
    return body


# ------------------------------------------------------------------ idempotency


def replayed(seller: Seller, route: str, body: Any) -> Row | None:
    """What this key was answered with before. Raises SquareError when it came with other words."""
    key = f"{route} {need(body, 'idempotency_key')}"
    known = seller.store.get("idempotency", key)
    if known is None:
        return None
    if known["hash"] != _hash(body):
        raise bad(
            "IDEMPOTENCY_KEY_REUSED",
            "Different request parameters used for the same idempotency_key.",
            "idempotency_key",
        )
    seller.bitten["replayed"] += 1
    told: Row = known["answer"]
    return told


def remember(seller: Seller, route: str, body: Row, answer: Row) -> None:
    """Only what succeeded is remembered: a refused request may come again under its key."""
    key = f"{route} {body['idempotency_key']}"
    seller.put("idempotency", key, {"hash": _hash(body), "answer": answer})


def _hash(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
