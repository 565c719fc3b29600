"""Square's API as a caller sees it: sign in, send, decode, raise what went wrong."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from connectors.sdk.errors import OutcomeUnknown, Unreadable
from connectors.sdk.http import Http
from connectors.sdk.records import Json
from connectors.sdk.tokens import Tokens
from connectors.square import access, errors

#: Of one call; the manifest promises the hub no longer one.
DEADLINE = 20.0
#: The most one read of catalogue objects, of orders and of stock may name.
OBJECTS, ORDERS, LOCATIONS = 1000, 100, 10


class Api:
    """One seller. Renews the access token once when it has run out, however many ask at once."""

    def __init__(
        self, http: Http, config: Json, secrets: Mapping[str, str], tokens: Tokens
    ) -> None:
        self.http = http
        self.config = config
        self.tokens = tokens
        self.address = str(config["url"]).rstrip("/")
        self._token = secrets.get(access.TOKEN, "")

    def get(self, path: str, *, token: str = "", **params: Any) -> Json:
        """``token``: another than the seller's, for what only the application may see."""
        query = {k: v for k, v in params.items() if v not in (None, "")}
        asked = f"{path}?{urlencode(query)}" if query else path
        return self._ask("GET", asked, reading=True, token=token)

    def find(self, path: str) -> Json | None:
        """None where Square says that there is no such thing."""
        return self._ask("GET", path, reading=True, absent=True) or None

    def read(self, path: str, body: Json) -> Json:
        """A question that is asked by POST."""
        return self._ask("POST", path, body, reading=True)

    def write(self, path: str, body: Json, *, method: str = "POST", token: str = "") -> Json:
        """``token``: as in `get`."""
        return self._ask(method, path, body, reading=False, token=token)

    def pages(self, path: str, body: Json) -> Iterator[Json]:
        """Every page of a question asked by POST. Raises Unreadable when a cursor comes again."""
        seen: set[str] = set()
        cursor = ""
        while True:
            told = self.read(path, {**body, "cursor": cursor} if cursor else body)
            yield told
            cursor = str(told.get("cursor") or "")
            if not cursor:
                return
            if cursor in seen:
                raise Unreadable(
                    f"Square's pages of {path} go in circles: this is Square's to mend; it will be "
                    "asked again.",
                    code="page-anomaly",
                )
            seen.add(cursor)

    def objects(self, ids: Iterable[str], *, deleted: bool = False) -> dict[str, Json]:
        """Catalogue objects by id; those that aren't there are left out."""
        found: dict[str, Json] = {}
        for some in chunks(sorted(set(ids)), OBJECTS):
            asked = {"object_ids": some, "include_deleted_objects": deleted}
            told = self.read("/v2/catalog/batch-retrieve", asked)
            found |= {one["id"]: one for one in told.get("objects", ())}
        return found

    def locations(self) -> dict[str, Json]:
        """The seller's locations by id, inactive ones too."""
        return {row["id"]: row for row in self.get("/v2/locations").get("locations", ())}

    # ---- one request
    def _ask(
        self, method: str, path: str, body: Json | None = None, *, reading: bool,
        absent: bool = False, token: str = "",
    ) -> Json:  # fmt: skip
        used = token or self._token
        try:
            return self._once(method, path, body, used, reading=reading, absent=absent)
        except errors.TokenExpired as refused:
            if token:
                raise
            try:
                kept = self.tokens.renew(access.TOKEN, used, self._exchange)
            except errors.TokenExpired:
                raise refused from None  # nothing to renew with: what Square said is the cause
        self._token = kept.get(access.TOKEN, "")
        return self._once(method, path, body, self._token, reading=reading, absent=absent)

    def _exchange(self, secrets: Mapping[str, str]) -> Mapping[str, str]:
        return access.renewed(self.http, self.config, secrets)

    def _once(
        self, method: str, path: str, body: Json | None, token: str, *, reading: bool, absent: bool
    ) -> Json:
        headers = {
            "Authorization": f"Bearer {token}",
            "Square-Version": access.VERSION,
            "Accept": "application/json",
        }
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        try:
            response = self.http.request(
                method, self.address + path, headers=headers, body=data, deadline=DEADLINE
            )
        except OutcomeUnknown as error:
            raise errors.silent(error, reading=reading) from error
        try:
            value = msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            value = None
        if absent and response.status == 404 and errors.told(value):
            return {}
        if response.status >= 300:
            raise errors.fault(response.status, value, dict(response.headers), reading=reading)
        if not isinstance(value, dict):
            start = response.body[:60].decode("utf-8", "replace")
            raise errors.not_json(start, reading=reading)
        return value


def chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def key_of(*parts: str, body: Json | None = None) -> str:
    """An idempotency key: equal for the same parts and body. Square refuses a key that comes with
    another body, for ever, so what may be said in other words has its words in the key."""
    told = "\n".join(parts).encode()
    if body is not None:
        told += b"\n" + msgspec.json.encode(body, order="sorted")
    return base64.urlsafe_b64encode(hashlib.sha256(told).digest()).decode().rstrip("=")
