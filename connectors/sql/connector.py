"""SQL databases: read by one query per stream, written through staging tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

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
    WriteItem,
)
from connectors.sdk.tokens import Tokens
from connectors.sql import declared, reading
from connectors.sql.database import Database
from connectors.sql.position import Position
from connectors.sql.staging import Staging, mark_of


class Sql(Connector):
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
        self._kept: Database | None = None
        self._staging: dict[str, Staging] = {}

    # ---- set-up
    @classmethod
    def manifest_for(cls, config: Json) -> Manifest:
        told = declared.declared(config)
        return msgspec.structs.replace(
            cls.manifest,
            streams=[declared.as_stream(s) for s in told.streams],
            resources=[declared.as_resource(r) for r in told.resources],
        )

    @classmethod
    def config_problems(cls, config: Json) -> Iterable[tuple[str, str]]:
        return declared.problems(config)

    def check(self) -> list[CheckLine]:
        """Sign in, run every query for one row, look at every staging table. Nothing is written."""
        tries: list[tuple[str, Callable[[], object]]] = [("The database lets us in", self._reach)]
        for stream in self._declared.streams:
            name = stream.label or stream.name
            tries.append((f"{name} can be read", self._reading(stream.name, Position()).first))
        for resource in self._declared.resources:
            name = resource.label or resource.name
            tries.append((f"{name} can be written", self._described(resource.name)))
        lines = []
        for what, attempt in tries:
            try:
                attempt()
                lines.append(CheckLine(what, ok=True))
            except ConnectorError as error:
                lines.append(CheckLine(what, ok=False, move=str(error)))
                if not isinstance(error, AccessRefused):
                    break  # an absent database would answer every try alike, after its deadline
        return lines

    def account(self) -> str:
        link = self._database.link
        place = f"{link.host.lower()}|{link.port}|{link.database}"
        return "sql:" + hashlib.sha256(place.encode()).hexdigest()[:32]

    def _reach(self) -> None:
        with self._database.reading() as connection:
            self._database.now(connection)

    def _described(self, resource: str) -> Callable[[], object]:
        def look() -> None:
            with self._database.reading() as connection:
                self._staged(resource).describe(connection)

        return look

    @property
    def _declared(self) -> declared.Declared:
        return declared.declared(self.config)

    @property
    def _database(self) -> Database:
        if self._kept is None:
            self._kept = Database(self.config, self.secrets.get("password", ""), self.http)
        return self._kept

    @property
    def _zone(self) -> str:
        return str(self.config.get("zone") or "UTC")

    # ---- source
    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        yield from self._reading(stream, Position.of(cursor)).pages()

    def _reading(self, stream: str, position: Position) -> reading.Reading:
        table = self._declared.stream(stream)
        return reading.Reading(self._database, table, self._zone, position)

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        return self._understood(heard.stream, heard.body, heard)

    def _understood(self, stream: str, body: bytes, heard: Heard | None) -> SourceRecord | Hint:
        table = self._declared.stream(stream)
        envelope, record = reading.understood(body, table, self._zone)
        if envelope.gone:
            return Hint(stream, envelope.id, "its key is no longer listed")
        read_at = heard.read_started_at if heard else None
        return SourceRecord(stream, envelope.id, record, read_started_at=read_at)

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        found: dict[str, SourceRecord | None] = dict.fromkeys(external_ids)
        for row in self._reading(stream, Position()).rows(external_ids):
            record = self._understood(stream, row.body, None)
            if isinstance(record, SourceRecord) and row.id in found:
                found[row.id] = record
        return found

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        """Stage the row; where the other side answers, the step is told before its answer is
        waited for, so that nothing newer is sent meanwhile and nothing is staged a second time.

        Raises NotYet while there is no answer.
        """
        staged_as = f"{item.ref}/{mark_of(item)}"
        if item.steps.get("staged") != staged_as:
            outcome = self.write_batch(resource, [item])[0]
            if isinstance(outcome, ConnectorError):
                raise outcome
            if self._declared.resource(resource).answer is None or item.op == "delete":
                return outcome
            yield Step("staged", staged_as)
        return self._staged(resource).answer(item)

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        """All rows in one transaction; a row that is refused doesn't take the others along."""
        return self._staged(resource).stage(items)

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        """Nothing to look up: a row that is there already is recognised when it is sent again."""
        return None

    def _staged(self, resource: str) -> Staging:
        if resource not in self._staging:
            table = self._declared.resource(resource)
            self._staging[resource] = Staging(self._database, table)
        return self._staging[resource]
