"""CSV till: journals come out of a folder, price files go into it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.csvtill import journal, plu
from connectors.csvtill.folder import LARGEST, Dropped, Folder
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, Owner, Unavailable, Unreadable
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
    WriteItem,
)

#: Files looked at in one turn: bounded work, then other connections have theirs.
FILES_PER_TURN = 400
#: Stored in one transaction: enough to be quick, little enough to be done again.
FILES_PER_PAGE = 25
BYTES_PER_PAGE = 2 * 2**20
_INCOMPLETE = b"H;INCOMPLETE;"


class CsvTill(Connector):
    manifest = load_manifest(Path(__file__).parent)

    # ---- set-up
    def check(self) -> list[CheckLine]:
        """The folder is there, holds stores, and we may write in it."""
        try:
            folder = self._folder()
            stores = folder.stores()
        except ConnectorError as error:
            return [CheckLine("folder", ok=False, move=str(error))]
        lines = [
            CheckLine("folder", ok=True),
            CheckLine(
                f"{len(stores)} stores",
                ok=bool(stores),
                move="" if stores else "Make one sub-folder per store, named by its code.",
            ),
        ]
        for store in stores:
            try:
                probe = folder.within(store) / ".crossdock-check"
                probe.touch()
                probe.unlink()
            except (OSError, ConnectorError) as error:
                move = f"Let the hub's user write in {store}: {error}"
                lines.append(CheckLine(f"write in {store}", ok=False, move=move))
        return lines

    def account(self) -> str:
        root = str(self._folder().root)
        return "csvtill:" + hashlib.sha256(root.encode()).hexdigest()[:32]

    def _folder(self) -> Folder:
        return Folder(str(self.config["folder"]))

    # ---- source
    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        """Pages of finished files. No cursor: what is stored is archived, and a file read again
        only brings copies.
        """
        if stream != "journal":
            return
        folder = self._folder()
        heard: list[Heard] = []
        names: list[str] = []
        size = 0
        for file in folder.dropped(FILES_PER_TURN):
            started = datetime.now(UTC)
            raw = folder.read(file.name)
            if raw is None:
                continue
            if len(raw) <= LARGEST and journal.is_complete(raw):
                heard += self._heard(file, raw, started)
                names.append(file.name)
                size += len(raw)
            elif time.time() - file.changed > self._patience():
                heard.append(self._unfinished(file, started))
            if len(names) >= FILES_PER_PAGE or size >= BYTES_PER_PAGE:
                yield Page(tuple(heard), cursor, files=tuple(names))
                heard, names, size = [], [], 0
        if heard:
            yield Page(tuple(heard), cursor, files=tuple(names))

    def _patience(self) -> float:
        """Seconds."""
        minutes: Any = self.config.get("incomplete_after")
        return 60 * float(30 if minutes is None else minutes)

    @staticmethod
    def _heard(file: Dropped, raw: bytes, started: datetime) -> tuple[Heard, ...]:
        named = {"file": file.name}
        header, blocks = journal.blocks(raw)
        whole = Heard("file", hashlib.sha256(raw).hexdigest(), raw, named, started)
        receipts = (
            Heard("journal", b.identity, header + b"\n" + b.raw, named, started) for b in blocks
        )
        return (whole, *receipts)

    @staticmethod
    def _unfinished(file: Dropped, started: datetime) -> Heard:
        """Said once per file and size, however often it is looked at."""
        body = _INCOMPLETE + f"{file.name};{file.size}\n".encode()
        return Heard(
            "journal", hashlib.sha256(body).hexdigest(), body, {"file": file.name}, started
        )

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        if heard.stream == "file":
            return Nothing("the whole journal, kept as received; its receipts stand beside it")
        if heard.body.startswith(_INCOMPLETE):
            name = heard.body.decode().split(";")[2]
            raise Unreadable(
                f"The journal {name} has no valid end and the till has stopped writing it: "
                "have the till finish it, or send it again.",
                code="file-incomplete",
                owner=Owner.MERCHANT,
            )
        body = journal.understand(heard.body, str(self.config.get("zone") or "Europe/London"))
        if body["kind"] == "void":
            return Nothing("a sale given up before it was paid")
        return SourceRecord("journal", body["number"], body, read_started_at=heard.read_started_at)

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        """A till can't be asked: what it said is what there is."""
        return {}

    def archive(self, files: Iterable[str]) -> None:
        folder = self._folder()
        for name in files:
            folder.archive(name)

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        yield from ()  # one file at once: no step is reported on the way
        outcome = self.write_batch(resource, [item])[0]
        if isinstance(outcome, ConnectorError):
            raise outcome
        return outcome

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        """One file per store with all that can be written.

        Raises Unavailable when a store's folder can't be written: all of it is sent again, which
        is harmless.
        """
        outcomes: list[Done | ConnectorError] = []
        rows: list[list[str]] = []
        for item in items:
            try:
                rows += plu.rows_of(resource, item)
                known = item.external_id or plu.external_id(resource, item.body)
                outcomes.append(Done(known))
            except ConnectorError as error:
                outcomes.append(error)
        if rows:
            self._hand_in(resource, plu.file_of(resource, rows))
        return outcomes

    def _hand_in(self, resource: str, content: bytes) -> None:
        folder = self._folder()
        stores = folder.stores()
        if not stores:
            raise Unavailable(
                f"No store has a folder in {folder.root}: make one per store, named by its code.",
                owner=Owner.PARTNER,
            )
        for store in stores:
            try:
                folder.hand_in(store, resource, content)
            except OSError as error:
                raise Unavailable(
                    f"The folder of {store} can't be written ({error.strerror}): "
                    "free space or correct its rights.",
                    owner=Owner.PARTNER,
                ) from error

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        """Nothing to look up: the same file given twice is given once."""
        return None
