"""Taking dropped files in: which are ready, what is kept of each, when they may be archived.

The cursor of a stream of files holds no position in time. ``watch`` has the files seen and not
taken yet, ``told`` those that can't be taken and were reported, ``at`` how far a large file was
taken. A file that is taken is archived; a copy of it, under any name, only brings what is known.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.sdk.errors import Owner, Unreadable
from connectors.sdk.files.contents import NotWhole, Spoilt
from connectors.sdk.files.place import Entry, Place
from connectors.sdk.records import Heard, Json, Nothing, Page

#: The stream that keeps whole files as received.
WHOLE = "file"
#: Files looked at in one turn: bounded work, then other connections have theirs.
FILES_PER_TURN = 400
#: Stored in one transaction: enough to be quick, little enough to be done again.
RECORDS_PER_PAGE = 1_000
BYTES_PER_PAGE = 4 * 2**20
FILES_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Rules:
    """How a stream's files are told to be finished.

    ``settle``: seconds a file must have kept its size and time. ``marker``: if not empty, a file
    counts once a file of its name and this ending is beside it. ``patience``: seconds until an
    unfinished file is reported. ``most``: bytes of a file, packed or not.
    """

    pattern: str
    settle: float = 2.0
    marker: str = ""
    patience: float = 1800.0
    most: int = 64 * 2**20
    archive: str = "archive"


@dataclass(frozen=True, slots=True)
class Piece:
    """One record of a file, in its own raw bytes. ``identity``: equal for the same record in any
    file. ``notes``: what is needed to read it and isn't in the bytes (encoding, first line)."""

    body: bytes
    identity: str
    notes: dict[str, str] = field(default_factory=dict)


#: Cuts a file into its pieces: (name, bytes). Raises NotWhole or Spoilt.
Cut = Callable[[str, bytes], Iterable[Piece]]


@dataclass(frozen=True, slots=True)
class Drop:
    """One stream's files. ``edition``: changes with the settings that decide how files are read,
    so that a file which was refused is tried again after they were mended."""

    place: Place
    stream: str
    rules: Rules
    cut: Cut
    edition: str = ""

    def pages(self, cursor: Json) -> Iterator[Page]:
        """Pages of finished files; the last has the cursor even if nothing was heard."""
        state = _State.of(cursor)
        listed = self.place.find(self.rules.pattern, FILES_PER_TURN + len(cursor.get("told") or {}))
        state.forget({entry.name for entry in listed})
        page = _Page()
        for entry in listed:
            if not self._ready(entry, state):
                continue
            started = datetime.now(UTC)
            for heard, done in self._taken(entry, state, started):
                page.heard += heard
                page.size += sum(len(one.body) for one in heard)
                if done:
                    page.files += self._names(entry)
                    state.finished(entry)
                if page.full or (not done and heard):
                    yield page.cut(state)
        if page.heard or page.files or state.cursor() != cursor:
            yield page.cut(state)

    # ---- is it ready
    def _ready(self, entry: Entry, state: _State) -> bool:
        if state.told.get(entry.name) == [entry.size, entry.changed, self.edition]:
            return False
        now = time.time()
        since = state.seen(entry, now)
        if state.half(entry) and now - since <= self.rules.patience:
            return False
        if self.rules.marker:
            return self._marked(entry) != ""
        return self.place.appears_whole or now - since >= self.rules.settle

    def _marked(self, entry: Entry) -> str:
        """The name of the marker beside a file: after its whole name, or in place of its end."""
        stem = entry.name.rpartition(".")[0]
        for name in (entry.name + self.rules.marker, stem + self.rules.marker):
            if stem and name != entry.name and self.place.entry(name):
                return name
        return ""

    def _names(self, entry: Entry) -> list[str]:
        marker = self._marked(entry) if self.rules.marker else ""
        return [entry.name, marker] if marker else [entry.name]

    # ---- what is in it
    def _taken(
        self, entry: Entry, state: _State, started: datetime
    ) -> Iterator[tuple[list[Heard], bool]]:
        """(some of what the file says, whether that is all of it)."""
        if entry.size > self.rules.most:
            why = (
                f"{entry.name} has {entry.size // 2**20} MB, more than the "
                f"{self.rules.most // 2**20} MB allowed: split it, or raise the largest size in "
                "the connection's settings."
            )
            yield [self._refused(entry, b"", Spoilt(why, code="file-too-large"), state)], False
            return
        raw = self.place.read(entry, self.rules.most)
        if raw is None or len(raw) != entry.size or self._changed(entry):
            state.watch.pop(entry.name, None)  # still being written: its rest begins anew
            return
        try:
            pieces = list(self.cut(entry.name, raw))
        except NotWhole as why:
            if self._impatient(entry, state):
                yield [self._refused(entry, raw, _unfinished(entry, why), state)], False
            else:
                state.watch[entry.name].append("half")
            return
        except Spoilt as spoilt:
            yield [self._refused(entry, raw, spoilt, state)], False
            return
        yield from self._heard(entry, raw, pieces, state, started)

    def _heard(
        self, entry: Entry, raw: bytes, pieces: list[Piece], state: _State, started: datetime
    ) -> Iterator[tuple[list[Heard], bool]]:
        mark = hashlib.sha256(raw).hexdigest()
        begun = state.begun(entry.name, mark)
        some = [Heard(WHOLE, mark, raw, {"file": entry.name}, started)] if not begun else []
        for number, piece in enumerate(pieces[begun:], start=begun + 1):
            # Of two lines about one thing in a file the later one counts: it was "read" later.
            moment = started + timedelta(microseconds=number)
            notes = {"file": entry.name} | piece.notes
            some.append(Heard(self.stream, piece.identity, piece.body, notes, moment))
            if number % RECORDS_PER_PAGE == 0 and number < len(pieces):
                state.at = {"name": entry.name, "mark": mark, "done": number}
                yield some, False
                some = []
        yield some, True

    def _changed(self, entry: Entry) -> bool:
        now = self.place.entry(entry.name)
        return now is None or (now.size, now.changed) != (entry.size, entry.changed)

    def _impatient(self, entry: Entry, state: _State) -> bool:
        return time.time() - state.seen(entry, time.time()) > self.rules.patience

    def _refused(self, entry: Entry, raw: bytes, spoilt: Spoilt, state: _State) -> Heard:
        """Reported once; the file stays where it is, for whoever mends or replaces it."""
        state.told[entry.name] = [entry.size, entry.changed, self.edition]
        state.watch.pop(entry.name, None)
        told = f"{entry.name}\0{entry.size}\0{entry.changed}\0{spoilt}"
        notes = {"file": entry.name, "problem": spoilt.code, "why": str(spoilt)}
        notes["owner"] = str(spoilt.owner)
        return Heard(WHOLE, hashlib.sha256(told.encode()).hexdigest(), raw, notes)


def understand_whole(heard: Heard) -> Nothing:
    """Raises Unreadable for a file of which nothing could be taken."""
    if heard.headers.get("problem"):
        raise Unreadable(
            heard.headers.get("why", ""),
            code=heard.headers["problem"],
            owner=Owner(heard.headers.get("owner", Owner.PARTNER)),
        )
    return Nothing("the whole file, kept as received; its records stand beside it")


def archive(place: Place, rules: Rules, files: Iterable[str]) -> None:
    for name in files:
        place.archive(name, rules.archive)


def _unfinished(entry: Entry, why: NotWhole) -> Spoilt:
    return Spoilt(
        f"The file {entry.name} is not finished and nobody has written to it for a while ({why}): "
        "have it finished, or sent again.",
        code="file-incomplete",
        owner=Owner.MERCHANT,
    )


@dataclass(slots=True)
class _State:
    watch: dict[str, list[object]] = field(default_factory=dict)
    told: dict[str, list[object]] = field(default_factory=dict)
    at: Json = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Json) -> _State:
        copied = {name: dict(cursor.get(name) or {}) for name in ("watch", "told", "at")}
        return cls(copied["watch"], copied["told"], copied["at"])

    def cursor(self) -> Json:
        parts = {"watch": dict(self.watch), "told": dict(self.told), "at": dict(self.at)}
        return {name: part for name, part in parts.items() if part}

    def forget(self, there: set[str]) -> None:
        """What isn't there any more needs no watching."""
        for part in (self.watch, self.told):
            for name in set(part) - there:
                del part[name]

    def seen(self, entry: Entry, now: float) -> float:
        """When the file was first seen as it is (our clock, seconds)."""
        known = self.watch.get(entry.name)
        if known is None or known[:2] != [entry.size, entry.changed]:
            known = self.watch[entry.name] = [entry.size, entry.changed, int(now * 1000) / 1000]
        return float(str(known[2]))

    def half(self, entry: Entry) -> bool:
        """It was read as it is and lacked its end: no use to fetch it again before it changes."""
        return "half" in self.watch[entry.name]

    def begun(self, name: str, mark: str) -> int:
        same = (self.at.get("name"), self.at.get("mark")) == (name, mark)
        return int(self.at.get("done", 0)) if same else 0

    def finished(self, entry: Entry) -> None:
        self.watch.pop(entry.name, None)
        self.told.pop(entry.name, None)
        if self.at.get("name") == entry.name:
            self.at = {}


@dataclass(slots=True)
class _Page:
    heard: list[Heard] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return (
            len(self.heard) >= RECORDS_PER_PAGE
            or self.size >= BYTES_PER_PAGE
            or len(self.files) >= FILES_PER_PAGE
        )

    def cut(self, state: _State) -> Page:
        page = Page(tuple(self.heard), state.cursor(), files=tuple(self.files))
        self.heard, self.files, self.size = [], [], 0
        return page
