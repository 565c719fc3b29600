"""One call of Odoo's JSON-2 API: ``POST /json/2/<model>/<method>`` with a bearer key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from connectors.odoo.errors import refusal, unclear
from connectors.sdk.errors import OutcomeUnknown, Unavailable
from connectors.sdk.http import Http, Response

Json = dict[str, Any]

#: Methods that change nothing: an unclear answer to them is no unknown outcome.
READS = frozenset(
    ("read", "search", "search_read", "search_count", "formatted_read_group", "fields_get",
     "context_get", "has_access")
)  # fmt: skip


class Client:
    """``server_time``: Odoo's own clock at its last answer, "YYYY-MM-DD HH:MM:SS" in UTC."""

    def __init__(self, http: Http, url: str, key: str, database: str = "") -> None:
        self.http = http
        self.url = url.rstrip("/")
        self.server_time = ""
        self._headers = {"Authorization": f"bearer {key}", "Content-Type": "application/json"}
        if database:
            self._headers["X-Odoo-Database"] = database

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """The method's result. Raises the SDK's errors."""
        reading = method in READS
        try:
            answer = self.http.request(
                "POST",
                f"{self.url}/json/2/{model}/{method}",
                headers=self._headers,
                body=msgspec.json.encode(arguments),
            )
        except OutcomeUnknown as error:
            if reading:
                raise Unavailable("Odoo gave no answer; we ask again by ourselves.") from error
            raise
        if answer.status != 200:
            raise refusal(answer, reading=reading)
        self.server_time = _clock(answer.headers) or self.server_time
        return _result(answer, reading)

    # ---- the four shapes most calls have
    def search_read(
        self, model: str, domain: list[Any], fields: list[str], **more: Any
    ) -> list[Json]:
        rows: list[Json] = self.call(model, "search_read", domain=domain, fields=fields, **more)
        return rows

    def read_one(self, model: str, id_: int, fields: list[str]) -> Json | None:
        """A record, or None: reading a missing id is no error in Odoo."""
        rows: list[Json] = self.call(model, "read", ids=[id_], fields=fields)
        return rows[0] if rows else None

    def create(self, model: str, vals: Json, context: Mapping[str, Any] | None = None) -> int:
        extra = {"context": context} if context else {}
        return int(self.call(model, "create", vals_list=[vals], **extra)[0])

    def act(self, model: str, method: str, id_: int, context: Json | None = None) -> Any:
        """A button. Its 200 is no proof: read the state afterwards."""
        extra = {"context": context} if context else {}
        return self.call(model, method, ids=[id_], **extra)

    def wizard(self, model: str, vals: Json, run: str, active: tuple[str, int]) -> Any:
        """Make a wizard on a record and run it; gives the action it answers."""
        context = {"active_model": active[0], "active_ids": [active[1]], "active_id": active[1]}
        wizard = self.create(model, vals, context)
        return self.act(model, run, wizard, context)


def _result(answer: Response, reading: bool) -> Any:
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        start = answer.body[:60].decode("utf-8", "replace")
        raise unclear(
            f"Odoo's address answered with something that is not JSON ({start!r})", reading=reading
        ) from error


def _clock(headers: Mapping[str, str]) -> str:
    """Odoo's clock from the Date header of RFC 9110, as Odoo writes datetimes."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return ""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
