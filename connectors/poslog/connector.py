"""POSLog: receipts of tills as XML files, from a folder, an SFTP server or object storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.poslog import transaction
from connectors.poslog.elements import Misread, number_of
from connectors.poslog.transaction import Habits
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, Unreadable
from connectors.sdk.files.contents import unpacked
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
from connectors.sdk.files.xmlcut import cut
from connectors.sdk.http import Http
from connectors.sdk.manifest import load_manifest
from connectors.sdk.records import (
    CheckLine,
    Heard,
    Hint,
    Json,
    Nothing,
    Page,
    SourceRecord,
)
from connectors.sdk.tokens import Tokens

STREAM = "transaction"


class PosLog(Connector):
    manifest = with_place(load_manifest(Path(__file__).parent))

    def __init__(
        self,
        *,
        config: Json,
        secrets: Mapping[str, str],
        http: Http,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(config=config, secrets=secrets, http=http, tokens=tokens)
        self._opened: Place | None = None

    # ---- set-up
    @classmethod
    def config_problems(cls, config: Json) -> Iterable[tuple[str, str]]:
        yield from place_problems(config)
        try:
            ZoneInfo(str(config.get("zone")))
        except (KeyError, ValueError, OSError):
            yield "zone", f"{config.get('zone')!r} is no time zone: use a name like Europe/Berlin."
        for rate in config.get("rates") or ():
            try:
                number_of(str(rate), "it")
            except Misread:
                yield "rates", f"{rate!r} is no percentage: write it like 19 or 8.1."
        files = str(config.get("files") or "")
        if not files or files.startswith("/") or ".." in files.split("/"):
            yield "files", f"{files!r} leads out of the place: use a pattern like */out/*.xml."

    def check(self) -> list[CheckLine]:
        """The place opens, the files can be listed, and we may write beside them (to archive)."""
        try:
            place = self._place()
        except ConnectorError as error:
            return [CheckLine("open the place", ok=False, move=str(error))]
        files = str(self.config["files"])
        folder = files.rpartition("/")[0]
        return tried(place, [files], [folder] if "*" not in folder and place.there(folder) else [])

    def account(self) -> str:
        return account_of("poslog", self.config)

    def _place(self) -> Place:
        """Opened once; an instance whose call went wrong is not used again by the hub."""
        if self._opened is None:
            self._opened = open_place(self.config, self.secrets, self.http)
        return self._opened

    # ---- source
    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        """Pages of finished files; see `connectors.sdk.files.drop` for what the cursor holds."""
        if stream != STREAM:
            return
        rules = rules_of(self.config, str(self.config["files"]))

        def pieces(name: str, raw: bytes) -> list[Piece]:
            return [
                Piece(
                    one.body,
                    hashlib.sha256(one.body).hexdigest(),
                    {"line": str(one.line)} | ({"inside": inner} if inner != name else {}),
                )
                for inner, content in unpacked(name, raw, rules.most)
                for one in cut(inner, content, transaction.PATH)
            ]

        edition = str(self.config.get("largest"))
        yield from Drop(self._place(), STREAM, rules, pieces, edition).pages(cursor)

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        """Raises Unreadable naming the file and where in it."""
        if heard.stream == WHOLE:
            return understand_whole(heard)
        try:
            body = transaction.understand(heard.body, self._habits())
        except Misread as error:
            raise _unreadable(heard, error) from error
        if isinstance(body, Nothing):
            return body
        return SourceRecord(STREAM, body["number"], body, read_started_at=heard.read_started_at)

    def _habits(self) -> Habits:
        config = self.config
        return Habits(
            zone=str(config.get("zone") or "UTC"),
            currency=str(config.get("currency") or ""),
            sku_from=str(config.get("sku_from") or ""),
            rates=tuple(number_of(str(one), "rates") for one in config.get("rates") or ()),
        )

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        """A till can't be asked: what it said is what there is."""
        return {}

    def archive(self, files: Iterable[str]) -> None:
        archive(self._place(), rules_of(self.config, ""), files)


def _unreadable(heard: Heard, error: Misread) -> Unreadable:
    name = heard.headers.get("inside") or heard.headers.get("file") or "a POSLog"
    line, column = transaction.position(error)
    first = int(heard.headers.get("line") or 0)
    where = f"line {first + (line or 1)}" + (f", column {column}" if column else "")
    return Unreadable(
        f"A transaction in {name} ({where}) can't be read: {error}. Look it up at the till and "
        "have it sent again, or book it by hand; the rest of the file was taken.",
        code=error.code,
        detail=heard.body[:400].decode("utf-8", "replace"),
    )
