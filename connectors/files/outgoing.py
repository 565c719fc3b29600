"""Files for a system to take: one per batch, whole or not at all, and each given once.

What was given is remembered beside the files, in ``.given``: of a document or fact by its content
for good, so that a send repeated after a crash or a lost answer makes no second file even when the
reader has taken the first away; of levels only the newest, since an old price may come back.
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from connectors.files.profile import Column, ResourceProfile
from connectors.files.values import NoValue, text_of_value
from connectors.sdk.errors import OutcomeUnknown, Rejected
from connectors.sdk.files.place import Place
from connectors.sdk.records import Json, WriteItem

_GIVEN = ".given"
#: A tag of XML from a JSON name: letters, digits and what else may stand in one.
_TAG = str.maketrans(dict.fromkeys(" /\\:<>&\"'@#$%()[]{}=+,;!?*|^~`", "_"))


def records_of(resource: ResourceProfile, item: WriteItem) -> list[Json]:
    """What one write puts into the file. Raises Rejected where a value doesn't fit its column."""
    body = {**item.body, "_op": item.op, "_ref": item.ref}
    if not resource.each:
        records = [body]
    else:
        inner = item.body.get(resource.each) or []
        records = [{**body, **one} for one in inner if isinstance(one, dict)]
        for record in records:
            record.pop(resource.each, None)
    if resource.format in ("csv", "fixed"):
        for record in records:
            row_of(resource, record)
    return records


def row_of(resource: ResourceProfile, record: Json) -> list[str]:
    """Raises Rejected naming the column."""
    row = []
    for column in resource.columns:
        try:
            text = text_of_value(_value(record, column), column, resource)
            row.append(_padded(text, column) if resource.format == "fixed" else text)
        except NoValue as error:
            raise Rejected(
                f"{column.name!r} {error}, so no line can be written: correct its mapping or the "
                "record.",
                code="type-mismatch",
            ) from error
    return row


def _value(record: Json, column: Column) -> object:
    here: object = record
    for step in (column.sources[0] or column.name).split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _padded(text: str, column: Column) -> str:
    """Numbers are never cut; a text too long for its place is."""
    pad, right = column.pad or " ", column.align == "right"
    if len(text) > column.length:
        if column.type != "text":
            raise NoValue(f"needs {len(text)} places and has {column.length}: {text[:40]!r}")
        text = text[: column.length]
    if right and text.startswith("-") and pad == "0":
        return "-" + text[1:].rjust(column.length - 1, pad)
    return text.rjust(column.length, pad) if right else text.ljust(column.length, pad)


def content_of(resource: ResourceProfile, records: Sequence[Json]) -> bytes:
    """A whole file. Letters the encoding lacks become question marks: a price must not fail for a
    name."""
    match resource.format:
        case "csv":
            text = _csv(resource, records)
        case "fixed":
            text = "".join(_line(resource, record) + "\n" for record in records)
        case "xml":
            return _xml(resource, records)
        case "jsonl":
            lines = (msgspec.json.encode(record).decode() for record in map(_plain, records))
            text = "".join(line + "\n" for line in lines)
        case _:
            text = msgspec.json.encode([_plain(record) for record in records]).decode() + "\n"
    if resource.ending == "crlf":
        text = text.replace("\n", "\r\n")
    return text.encode(resource.encoding, "replace")


def _csv(resource: ResourceProfile, records: Sequence[Json]) -> str:
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=resource.delimiter,
        quotechar=resource.quote or None,
        quoting=csv.QUOTE_MINIMAL if resource.quote else csv.QUOTE_NONE,
        escapechar=None if resource.quote else "\\",
        lineterminator="\n",
    )
    if resource.header:
        writer.writerow([column.name for column in resource.columns])
    writer.writerows(row_of(resource, record) for record in records)
    return out.getvalue()


def _line(resource: ResourceProfile, record: Json) -> str:
    line = ""
    for column, text in zip(resource.columns, row_of(resource, record), strict=True):
        line = line.ljust(column.at - 1)[: column.at - 1] + text
    return line


def _plain(record: Json) -> Json:
    return {name: value for name, value in record.items() if name not in ("_op", "_ref")}


def _xml(resource: ResourceProfile, records: Iterable[Json]) -> bytes:
    root = Element(resource.root)
    for record in records:
        _fill(SubElement(root, resource.record), _plain(record))
    whole: bytes = tostring(root, encoding=resource.encoding, xml_declaration=True)
    return whole + b"\n"


def _fill(element: Element, value: object) -> None:
    """Names beginning with ``@`` are attributes, ``#`` is the text, lists repeat their name."""
    if not isinstance(value, dict):
        element.text = _scalar(value)
        return
    for name, inner in value.items():
        if name == "#":
            element.text = _scalar(inner)
        elif name.startswith("@"):
            element.set(name[1:].translate(_TAG), _scalar(inner))
        else:
            for one in inner if isinstance(inner, list) else [inner]:
                _fill(SubElement(element, name.translate(_TAG)), one)


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")


# ------------------------------------------------------------------ giving


def give(
    place: Place,
    resource: ResourceProfile,
    content: bytes,
    *,
    key: str,
    newest_only: bool,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """Leave a file once; returns its name. ``key``: of the send, "" where only content counts.

    Steps: the file under a waiting name, the note in ``.given``, then the rename. A crash between
    any two is seen by the next try. Raises OutcomeUnknown where that can't be told.
    """
    mark = hashlib.sha256(key.encode() + b"\0" + content).hexdigest()[:16]
    folder = resource.files.rpartition("/")[0]
    last = f"{folder}/{_GIVEN}/{resource.name}.last".lstrip("/")
    before = _note(place, last)
    if newest_only:
        if before.get("mark") == mark and before.get("name"):
            return _finished(place, folder, str(before["name"]), mark)
        note = last
    else:
        note = f"{folder}/{_GIVEN}/{mark[:2]}/{mark}".lstrip("/")
        done = _note(place, note)
        if done.get("name"):
            return _finished(place, folder, str(done["name"]), mark)
    number = _number(before)
    name = _named(resource, mark, number, now())
    waiting = _waiting(folder, mark)
    if not place.appears_whole:
        place.give(waiting, content)
    told = msgspec.json.encode({"name": name, "mark": mark, "number": number})
    if place.appears_whole:
        place.give(name, content)
        place.give(note, told)
    else:
        place.give(note, told)
        place.rename(waiting, name)
    if note != last:
        place.give(last, told)
    return name


def _finished(place: Place, folder: str, name: str, mark: str) -> str:
    """The note says the file was about to appear; if it is still waiting, it does now."""
    waiting = _waiting(folder, mark)
    if not place.appears_whole and place.entry(waiting) is not None:
        place.rename(waiting, name)
    return name


def _waiting(folder: str, mark: str) -> str:
    return f"{folder}/{_GIVEN}/.{mark}.waiting".lstrip("/")


def _note(place: Place, name: str) -> Json:
    entry = place.entry(name)
    raw = place.read(entry, 4096) if entry else None
    if not raw:
        return {}
    try:
        note: Json = msgspec.json.decode(raw, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise OutcomeUnknown(
            f"The note {name} of what was given is damaged: look whether the file arrived, then "
            "delete the note."
        ) from error
    return note


def _number(before: Json) -> int:
    """Grows with every file, also when the clock goes back."""
    stated = before.get("number")
    floor = int(stated) + 1 if isinstance(stated, int) else 0
    return max(time.time_ns() // 1_000_000, floor)


def _named(resource: ResourceProfile, mark: str, number: int, moment: datetime) -> str:
    return resource.files.format(
        hash=mark,
        date=f"{moment:%Y%m%d}",
        time=f"{moment:%H%M%S}",
        number=f"{number:015d}",
        resource=resource.name,
    )
