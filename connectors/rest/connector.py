"""Any JSON API, by declaration: what it tells, what it takes and how to sign in are settings.

Judging pushes is in `webhooks`, reading in `reading`, writing in `writing` and `batches`, what an
answer means in `errors`; `settings` is what a partner may declare, `problems` what can be wrong
with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from connectors.rest import batches, errors, offer, problems, reading, records, webhooks, writing
from connectors.rest.api import Api
from connectors.rest.settings import Basic, OAuth, Signed, settings_of
from connectors.sdk.connector import Connector
from connectors.sdk.errors import AccessRefused, ConnectorError
from connectors.sdk.http import Http
from connectors.sdk.manifest import Manifest, load_manifest
from connectors.sdk.records import (
    CheckLine,
    Done,
    Found,
    Heard,
    Hint,
    Json,
    Nothing,
    Page,
    SourceRecord,
    Step,
    Verdict,
    WebhookRequest,
    WriteItem,
)
from connectors.sdk.tokens import Tokens


class Rest(Connector):
    """One API. ``config``: `connectors.rest.settings.Settings` as plain data."""

    manifest = load_manifest(Path(__file__).parent)

    def __init__(
        self,
        *,
        config: Json,
        secrets: Mapping[str, str],
        http: Http,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(config=config, secrets=secrets, http=http, tokens=tokens)
        self.settings = settings_of(config)
        self.api = Api(http, self.settings, secrets, self.tokens)

    # ---- set-up
    @classmethod
    def manifest_for(cls, config: Json) -> Manifest:
        return offer.offer(cls.manifest, settings_of(config))

    @classmethod
    def config_problems(cls, config: Json) -> Iterable[tuple[str, str]]:
        return problems.find(config)

    def check(self) -> list[CheckLine]:
        """Reach it and sign in, then the first page of every list. Nothing is written."""
        tries: list[tuple[str, Callable[[], object]]] = [
            ("The system answers and lets us in", self._reach)
        ]
        for spec in self.settings.streams:
            if spec.address:
                name = spec.label or spec.name
                tries.append((f"{name} can be read", self._first_page(spec.name)))
        lines = []
        for what, attempt in tries:
            try:
                attempt()
                lines.append(CheckLine(what, True))
            except ConnectorError as error:
                lines.append(CheckLine(what, False, str(error)))
                if not isinstance(error, AccessRefused):
                    break  # an unreachable system would answer every try alike, after its deadline
        return lines

    def _reach(self) -> None:
        """Without an address for it any answer will do that doesn't turn us away."""
        if self.settings.check:
            self.api.get(self.api.url(self.settings.check))
            return
        answer = self.api.send("GET", self.api.url(""), reading=True)
        if answer.status in (401, 403) or answer.status >= 500:
            raise errors.fault(self.api.exchange(answer, reading=True))

    def _first_page(self, stream: str) -> Callable[[], object]:
        return lambda: next(reading.read(self.api, self.settings.stream(stream), {}), None)

    def account(self) -> str:
        """The address and whom we are there."""
        style = self.settings.auth
        who = ""
        if isinstance(style, Basic):
            who = style.username
        elif isinstance(style, OAuth):
            who = style.client_id
        elif isinstance(style, Signed):
            who = style.key_id
        named = f"rest\n{self.api.base.lower()}\n{who}"
        return hashlib.sha256(named.encode()).hexdigest()[:32]

    # ---- source
    @classmethod
    def webhook(cls, request: WebhookRequest, secrets: Sequence[Mapping[str, str]]) -> Verdict:
        if not request.config:
            return Verdict(404, why="this connection takes no webhooks")
        return webhooks.judge(request, settings_of(request.config), secrets)

    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        return reading.read(self.api, self.settings.stream(stream), cursor)

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        return records.understand(self.settings.stream(heard.stream), heard)

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        return reading.reread(self.api, self.settings.stream(stream), external_ids)

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        return writing.write(self.api, self.settings.resource(resource), item)

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        return batches.write_batch(self.api, self.settings.resource(resource), items)

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        return writing.look_up(self.api, self.settings.resource(resource), item)
