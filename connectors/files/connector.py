"""Files: whatever a system drops or takes, described by the connection's own settings."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from connectors.files import outgoing, profile
from connectors.files.lines import Misread, cut_lines, read_lines
from connectors.files.profile import ResourceProfile, StreamProfile
from connectors.files.trees import cut_tree, read_tree
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, Rejected, Unreadable
from connectors.sdk.files.contents import ENCODINGS, unpacked
from connectors.sdk.files.drop import WHOLE, Drop, Piece, archive, understand_whole
from connectors.sdk.files.place import Place
from connectors.sdk.files.settings import (
    account_of,
    open_place,
    place_problems,
    rules_of,
    tried,
    with_place,
)
from connectors.sdk.http import Http
from connectors.sdk.manifest import Manifest, Resource, Stream, load_manifest
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

#: Entities of which only the newest value matters; documents and facts get a file each.
LEVELS = {"product", "price", "tax_rate", "location", "stock_level", "customer"}
_FACTS = {"payment", "refund", "return", "fulfilment", "stock_movement", "milestone"}
_SHIPPED = with_place(load_manifest(Path(__file__).parent))


class Files(Connector):
    manifest = _SHIPPED

    def __init__(
        self,
        *,
        config: Json,
        secrets: Mapping[str, str],
        http: Http,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(config=config, secrets=secrets, http=http, tokens=tokens)
        self._streams = {one.name: one for one in profile.streams_of(config)}
        self._resources = {one.name: one for one in profile.resources_of(config)}
        self._opened: Place | None = None

    # ---- set-up
    @classmethod
    def manifest_for(cls, config: Json) -> Manifest:
        """Streams and resources as the settings declare them, and the whole files."""
        streams = [
            Stream(
                name=one.name,
                produces=one.entities,
                label=one.label or one.name,
                poll_every=one.every,
                file=True,
            )
            for one in profile.streams_of(config)
        ]
        resources = [_resource(one) for one in profile.resources_of(config)]
        return msgspec.structs.replace(
            cls.manifest, streams=[*streams, *cls.manifest.streams], resources=resources
        )

    @classmethod
    def config_problems(cls, config: Json) -> Iterable[tuple[str, str]]:
        return [*place_problems(config), *profile.problems(config)]

    def check(self) -> list[CheckLine]:
        """The place opens, each kind of file can be listed, and we may write where we must."""
        try:
            place = self._place()
        except ConnectorError as error:
            return [CheckLine("open the place", ok=False, move=str(error))]
        reads = [one.files for one in self._streams.values()]
        writes = [one.files.rpartition("/")[0] for one in self._resources.values()]
        plain = (one.files.rpartition("/")[0] for one in self._streams.values())
        writes += [folder for folder in plain if "*" not in folder and place.there(folder)]
        return tried(place, reads, sorted(set(writes)))

    def account(self) -> str:
        return account_of("files", self.config)

    def _place(self) -> Place:
        """Opened once; an instance whose call went wrong is not used again by the hub."""
        if self._opened is None:
            self._opened = open_place(self.config, self.secrets, self.http)
        return self._opened

    # ---- source
    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        """Pages of finished files; see `connectors.sdk.files.drop` for what the cursor holds."""
        if stream in self._streams:
            yield from self._drop(self._streams[stream]).pages(cursor)

    def _drop(self, stream: StreamProfile) -> Drop:
        edition = hashlib.sha256(msgspec.json.encode(stream)).hexdigest()[:12]
        edition += f"-{self.config.get('largest')}"
        rules = rules_of(self.config, stream.files)
        cut = _Cutter(stream, rules.most)
        return Drop(self._place(), stream.name, rules, cut, edition)

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        """Raises Unreadable naming file, line and column."""
        if heard.stream == WHOLE:
            return understand_whole(heard)
        stream = self._streams[heard.stream]
        encoding = heard.headers.get("encoding") or ("utf-8" if stream.encoding == "auto" else "")
        encoding = encoding or ENCODINGS[stream.encoding]
        read = read_lines if stream.format in ("csv", "fixed") else read_tree
        try:
            body = read(heard.body, encoding, stream)
            key = "/".join(_keyed(body, name) for name in stream.key)
        except Misread as error:
            raise _unreadable(heard, error) from error
        body["_id"] = key
        body["_file"] = heard.headers.get("file", "")
        if stream.zone:
            body["_zone"] = stream.zone
        return SourceRecord(stream.name, key, body, read_started_at=heard.read_started_at)

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        """A file can't be asked: what it said is what there is."""
        return {}

    def archive(self, files: Iterable[str]) -> None:
        archive(self._place(), rules_of(self.config, ""), files)

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        yield from ()  # one file at once: no step is reported on the way
        outcome = self.write_batch(resource, [item])[0]
        if isinstance(outcome, ConnectorError):
            raise outcome
        return outcome

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        """One file with all that can be written; of documents and facts one file each."""
        wanted = self._resources[resource]
        if wanted.entity not in LEVELS and len(items) > 1:
            return [self.write_batch(resource, [item])[0] for item in items]
        outcomes: list[Done | ConnectorError] = []
        records: list[Json] = []
        for item in items:
            try:
                records += outgoing.records_of(wanted, item)
                outcomes.append(Done(_named(wanted, item)))
            except Rejected as error:
                outcomes.append(error)
        if records:
            newest_only = wanted.entity in LEVELS
            outgoing.give(
                self._place(),
                wanted,
                outgoing.content_of(wanted, records),
                key="" if newest_only else items[0].key,
                newest_only=newest_only,
            )
        return outcomes

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        """Nothing to look up: the same file given twice is given once."""
        return None


class _Cutter:
    """Cuts a file, or every file in an archive, as its stream is declared."""

    def __init__(self, stream: StreamProfile, most: int) -> None:
        self._stream, self._most = stream, most

    def __call__(self, name: str, raw: bytes) -> list[Piece]:
        cut = cut_lines if self._stream.format in ("csv", "fixed") else cut_tree
        return [
            Piece(piece.body, piece.identity, {"inside": inner, **piece.notes})
            if inner != name
            else piece
            for inner, content in unpacked(name, raw, self._most)
            for piece in cut(inner, content, self._stream)
        ]


def _resource(one: ResourceProfile) -> Resource:
    level = one.entity in LEVELS
    return Resource(
        name=one.name,
        entity=one.entity,
        label=one.label or one.name,
        writes="set" if level else "append" if one.entity in _FACTS else "create",
        proof="key",
        batch=one.batch if level else 1,
        deletes=level,
        deadline=60.0,
    )


def _named(resource: ResourceProfile, item: WriteItem) -> str:
    value = item.body.get(resource.key) if resource.key else None
    return item.external_id or (str(value) if value not in (None, "") else item.ref)


def _keyed(body: Json, name: str) -> str:
    here: object = body
    for step in name.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    if here is None or isinstance(here, dict | list):
        raise Misread(1, 0, f"{name!r}, which identifies the record, is empty")
    return str(here)


def _unreadable(heard: Heard, error: Misread) -> Unreadable:
    """Where it stands, in the file's own counting."""
    numbers = heard.headers.get("lines", "").split(",")
    if heard.headers.get("line"):
        line = str(int(heard.headers["line"]) + error.line)
    elif 0 < error.line <= len(numbers) and numbers[0]:
        line = numbers[error.line - 1]
    else:
        line = "1" if error.line == 0 else str(error.line)
    where = f"line {line}" + (f", column {error.column}" if error.column else "")
    name = heard.headers.get("inside") or heard.headers.get("file") or "a file"
    code = "encoding-mismatch" if " is no letter of " in error.why else "unreadable-line"
    return Unreadable(
        f"{name}, {where}: {error.why}. Correct it at its source and have it sent again; the rest "
        "of the file was taken.",
        code=code,
        detail=heard.body[:400].decode("utf-8", "replace"),
    )
