"""Square (API release 2025-08-20).

What is peculiar is told where it is dealt with: tokens in `access`, webhooks in `hooks`, searches
in `reading`, orders in `receipt`, the catalogue in `goods`, the stock ledger in `stock`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec

from connectors.sdk.connector import Connector
from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import ConnectorError, Rejected, Unreadable
from connectors.sdk.http import Http
from connectors.sdk.manifest import load_manifest
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
from connectors.square import access, goods, hooks, people, reading, records, stock
from connectors.square.api import Api
from connectors.square.whole import places_of


class Square(Connector):
    """One seller. Settings and secrets: see ``connector.toml``."""

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
        self.api = Api(http, config, secrets, self.tokens)

    # ---- set-up
    @classmethod
    def config_problems(cls, config: Json) -> Iterable[tuple[str, str]]:
        unknown = [str(name) for name in config.get("follow") or () if name not in hooks.MORE]
        if unknown:
            yield "follow", f"There is no {unknown[0]!r} to follow; use {', '.join(hooks.MORE)}."
        try:
            date.fromisoformat(str(config.get("since") or "2026-01-01"))
        except ValueError:
            yield "since", "Write the first day like 2026-01-31."

    @classmethod
    def consent(cls, config: Json, secrets: Mapping[str, str], ask: ConsentAsk) -> str | None:
        return access.consent(config, secrets, ask)

    def consented(self, answer: ConsentAnswer) -> Mapping[str, str]:
        return access.consented(self.http, self.config, self.secrets, answer)

    def check(self) -> list[CheckLine]:
        """Let in, every permission given, every location known."""
        try:
            told = self.api.read("/oauth2/token/status", {})
        except ConnectorError as error:
            return [CheckLine("Square lets us in", ok=False, move=str(error))]
        lines = [CheckLine("Square lets us in", ok=True)]
        lacking = sorted(set(access.SCOPES) - set(told.get("scopes") or access.SCOPES))
        move = "Connect Square again and agree to everything that is asked for."
        lines.append(CheckLine(
            f"Permissions{': ' + ', '.join(lacking) + ' missing' if lacking else ''}",
            ok=not lacking, move=move if lacking else "",
        ))  # fmt: skip
        try:
            places = places_of(self.api)
        except ConnectorError as error:
            return [*lines, CheckLine("Locations can be read", ok=False, move=str(error))]
        move = "Name locations of this seller under 'Only these locations', or leave it empty."
        found = f"{len(places)} locations: {', '.join(sorted(places))}"
        return [*lines, CheckLine(found, ok=bool(places), move="" if places else move)]

    def account(self) -> str:
        told = self.api.get("/v2/merchants/me")["merchant"]
        return hashlib.sha256(f"square\n{told['id']}".encode()).hexdigest()[:32]

    def subscribe(self, address: str, secret: str) -> None:
        hooks.subscribe(self.api, self.tokens, self.secrets.get("application_token", ""), address)

    # ---- source
    @classmethod
    def webhook(cls, request: WebhookRequest, secrets: Sequence[Mapping[str, str]]) -> Verdict:
        return hooks.judge(request, secrets)

    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        return reading.changed(self.api, stream, cursor)

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        if hooks.pushed(heard):
            return hooks.understand(heard)
        try:
            told = msgspec.json.decode(heard.body)
            return records.record(heard.stream, told, heard.read_started_at)
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
            raise Unreadable(
                f"A record of Square's {heard.stream} lacks what every one has: look at it at "
                "Square, and tell the platform's team if it is well there.",
                code="missing-required",
                detail=repr(error),
            ) from error

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        return reading.reread(self.api, stream, external_ids)

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        yield from ()  # every write is one call: no step is reported on the way
        if item.uncertain:
            found = self.look_up(resource, item)
            if found is not None:
                return Done(found.external_id, parts=found.parts, unchanged=True)
        if resource == "movement":
            return stock.write_movement(self.api, item)
        if resource == "customer":
            return people.write(self.api, item)
        outcome = self.write_batch(resource, [item])[0]
        if isinstance(outcome, ConnectorError):
            raise outcome
        return outcome

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        if resource == "stock":
            return stock.write_counts(self.api, items)
        if resource in goods.PLANNERS:
            return goods.write(self.api, resource, items)
        return [Rejected(f"{resource} takes no batches", code="bug") for _ in items]

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        finders = {
            "item": goods.find_item, "price": goods.find_price, "tax": goods.find_tax,
            "stock": stock.find_count, "movement": stock.find_movement,
            "customer": people.look_up,
        }  # fmt: skip
        return finders[resource](self.api, item)
