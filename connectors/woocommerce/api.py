"""REST v3 as a caller sees it: sign in, send, decode, raise what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from connectors.sdk.errors import AccessRefused, OutcomeUnknown, Unreadable
from connectors.sdk.http import Http, Response
from connectors.sdk.records import Json
from connectors.woocommerce import errors, signing

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
    """``way``: how it signs in. A host that drops the header is found out by the first refusal,
    and from then on the keys go in the address (``stripped``)."""

    def __init__(
        self, http: Http, address: str, key: str, secret: str, *, keys_in_address: bool = False
    ) -> None:
        self.http = http
        self.address = address.rstrip("/")
        self.way = signing.way_for(address, keys_in_address=keys_in_address)
        self.stripped = False
        self._key = key
        self._secret = secret

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
        try:
            response = self._sent(method, path, params or {}, body)
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

    def _sent(
        self, method: str, path: str, params: Mapping[str, Any], body: Json | None
    ) -> Response:
        """A refusal that looks as if no key had come is asked once more with the keys in the
        address: nothing was done, and an unknown key is refused there too (finding 32)."""
        answer = self._once(self.way, method, path, params, body)
        if self.way == "header" and not self.stripped and errors.nobody(answer):
            again = self._once("query", method, path, params, body)
            if again.status != 401:
                self.way, self.stripped = "query", True
                return again
        return answer

    def _once(
        self, way: signing.Way, method: str, path: str, params: Mapping[str, Any], body: Json | None
    ) -> Response:
        if not self._key or not self._secret:
            raise AccessRefused(
                "The shop is not connected yet: press Connect and agree in the shop, or enter a "
                "consumer key and its secret.",
                code="revoked",
            )
        url = f"{self.address}/wp-json/wc/v3/{path}"
        headers = {"Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        if way == "header":
            headers["Authorization"] = signing.basic(self._key, self._secret)
            query = urlencode(params)
        elif way == "query":
            query = signing.with_keys(params, self._key, self._secret)
        else:
            query = signing.signed(method, url, params, self._key, self._secret)
        return self.http.request(
            method, f"{url}?{query}" if query else url, headers=headers, body=data,
            deadline=DEADLINE,
        )  # fmt: skip


def repeated(path: str) -> Unreadable:
    """Findings D-13, D-15 of the failure stories: a shop whose paging does nothing."""
    return Unreadable(
        f"The shop gives the same page of {path} again and again: ask its host which plugin "
        "changes the REST API.",
        code="page-anomaly",
    )
