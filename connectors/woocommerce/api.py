"""REST v3 as a caller sees it: sign in, send, decode, raise what went wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from connectors.sdk.errors import OutcomeUnknown, Unreadable
from connectors.sdk.http import Http
from connectors.sdk.records import Json
from connectors.woocommerce import errors

#: The most a list gives and a batch takes (findings 19 and 20).
PAGE = 100
#: Of one call; the manifest promises the hub no longer one. A batch of 100 took 0.8 s when
#: recorded on an idle shop.
DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """``value``: decoded JSON. ``total``: of a list, else -1."""

    status: int
    value: Any
    total: int = -1


class Api:
    def __init__(self, http: Http, address: str, key: str, secret: str) -> None:
        self.http = http
        self.address = address.rstrip("/")
        token = base64.b64encode(f"{key}:{secret}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Accept": "application/json"}

    def get(self, path: str, **params: Any) -> Any:
        """The decoded answer. Raises the SDK's errors for anything but 2xx."""
        return self.ask("GET", path, params=params).value

    def find(self, path: str, **params: Any) -> Json | None:
        """One record, or None for 404 of the record (not of the route)."""
        answer = self.ask("GET", path, params=params, but=(404,))
        return None if answer.status == 404 else answer.value

    def pages(self, path: str, **params: Any) -> Iterator[list[Json]]:
        """Every page of a short list. Raises Unreadable when the shop repeats a page, as one
        that ignores ``page`` would for ever."""
        before: list[Any] = []
        for number in range(1, 1000):
            rows = self.get(path, **params, per_page=PAGE, page=number)
            ids = [row["id"] for row in rows]
            if ids and ids == before:
                raise repeated(path)
            before = ids
            yield rows
            if len(rows) < PAGE:
                return

    def put(self, path: str, body: Json) -> Json:
        value: Json = self.ask("PUT", path, body=body).value
        return value

    def post(self, path: str, body: Json) -> Json:
        value: Json = self.ask("POST", path, body=body).value
        return value

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Json | None = None,
        but: tuple[int, ...] = (),
    ) -> Answer:
        """``but``: statuses beyond 299 that the caller understands itself, if the shop (and not
        something before it) says so."""
        reading = method == "GET"
        query = f"?{urlencode(params)}" if params else ""
        headers = dict(self._headers)
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        try:
            response = self.http.request(
                method, f"{self.address}/wp-json/wc/v3/{path}{query}", headers=headers, body=data,
                deadline=DEADLINE,
            )  # fmt: skip
        except OutcomeUnknown as error:
            raise errors.silent(error, reading=reading) from error
        try:
            value = response.json()
        except Unreadable:
            value = None
        known = isinstance(value, dict) and value.get("code") not in (None, "rest_no_route")
        if response.status >= 300 and not (response.status in but and known):
            raise errors.fault(response.status, value, dict(response.headers), reading=reading)
        if value is None:
            start = response.body[:60].decode("utf-8", "replace")
            raise errors.not_json(start, reading=reading)
        return Answer(response.status, value, int(response.headers.get("x-wp-total", -1)))


def repeated(path: str) -> Unreadable:
    """Findings D-13, D-15 of the failure stories: a shop whose paging does nothing."""
    return Unreadable(
        f"The shop gives the same page of {path} again and again: ask its host which plugin "
        "changes the REST API.",
        code="page-anomaly",
    )
