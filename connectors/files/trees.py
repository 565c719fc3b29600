"""Files of records within records (JSON, JSON lines, XML): cut into raw records, and read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import msgspec

from connectors.files.lines import Misread
from connectors.files.profile import LONGEST_LINE, StreamProfile
from connectors.files.values import NoValue, value_of
from connectors.sdk.files.contents import (
    Misfit,
    NotWhole,
    Spoilt,
    decoded,
    line_end,
    lines_of,
    text_of,
)
from connectors.sdk.files.drop import Piece
from connectors.sdk.files.xmlcut import cut, local, root_of
from connectors.sdk.records import Json

#: Numbers with a fraction stay text: a price must not pass through binary.
_JSON = msgspec.json.Decoder(float_hook=str)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_TRUNCATED = "truncated"


def cut_tree(name: str, raw: bytes, stream: StreamProfile) -> list[Piece]:
    """Raises NotWhole or Spoilt."""
    if stream.format == "xml":
        return [
            _piece(one.body, {"line": str(one.line)})
            for one in cut(name, raw, stream.record_path)
        ]  # fmt: skip
    if stream.format == "jsonl":
        return list(_json_lines(raw, stream))
    return [_piece(bytes(item), {}) for item in _json_items(name, raw, stream)]


def _piece(body: bytes, notes: dict[str, str]) -> Piece:
    return Piece(body, hashlib.sha256(body).hexdigest(), notes)


def _json_lines(raw: bytes, stream: StreamProfile) -> Iterable[Piece]:
    text = text_of(raw, stream.encoding)
    lines = lines_of(text)
    for number, line in enumerate(lines, start=1):
        if not line.strip(b"\0 \t"):
            continue
        if number == len(lines) and text.raw and not text.raw.endswith(line_end(text.encoding)):
            _refuse_half(line, text.encoding)
        body = line if len(line) <= LONGEST_LINE else line[:4000]
        yield _piece(body, {"encoding": text.encoding, "lines": str(number)})


def _refuse_half(line: bytes, encoding: str) -> None:
    """Raises NotWhole for a last line without an end that is only a beginning."""
    try:
        _JSON.decode(decoded(line, encoding))
    except msgspec.DecodeError as error:
        if _TRUNCATED in str(error):
            raise NotWhole("its last line is cut off") from error
    except Misfit:
        return


def _json_items(name: str, raw: bytes, stream: StreamProfile) -> list[msgspec.Raw]:
    text = text_of(raw, stream.encoding)
    try:
        here: Any = text.raw.decode(text.encoding).encode()
        for step in [step for step in stream.record_path.split(".") if step]:
            here = _FIELDS.decode(here).get(step)
            if here is None:
                raise Spoilt(
                    f"{name} has nothing at {stream.record_path!r}: correct the file or the "
                    "record_path in the connection's settings.",
                    code="unreadable",
                )
        if not bytes(here).lstrip().startswith(b"["):
            return [msgspec.Raw(here)]
        return _ITEMS.decode(here)
    except UnicodeDecodeError as error:
        raise Spoilt(
            f"Byte {error.start + 1} of {name} is no letter of {text.encoding}: declare the "
            "encoding it is really written in.",
            code="encoding-mismatch",
        ) from error
    except msgspec.DecodeError as error:
        if _TRUNCATED in str(error):
            raise NotWhole("its last brackets are missing") from error
        raise Spoilt(f"{name} is no JSON we can read ({error}): have it sent again.",
                     code="unreadable") from error  # fmt: skip


# ------------------------------------------------------------------ reading


def read_tree(body: bytes, encoding: str, stream: StreamProfile) -> Json:
    """A piece's record, with the declared columns as typed values on top. Raises Misread."""
    record = _xml(body, stream) if stream.format == "xml" else _json(body, encoding)
    for column in stream.columns:
        texts = [_at(record, source or column.name) for source in column.sources]
        try:
            value = value_of(" ".join(text for text in texts if text), column, stream)
        except NoValue as error:
            raise Misread(1, 0, f"{column.name!r} {error}") from error
        record.pop(column.name, None)
        if value is not None:
            record[column.name] = value
    return record


def _json(body: bytes, encoding: str) -> Json:
    if len(body) > LONGEST_LINE:
        raise Misread(1, 0, f"it is longer than {LONGEST_LINE} bytes")
    try:
        record = _JSON.decode(decoded(body, encoding))
    except Misfit as error:
        raise Misread(1, error.column, error.why) from error
    except msgspec.DecodeError as error:
        raise Misread(1, 0, f"it is no JSON ({error})") from error
    except RecursionError as error:
        raise Misread(1, 0, "its brackets are nested too deep") from error
    if not isinstance(record, dict):
        raise Misread(1, 0, "it is JSON, but no object with names and values")
    return record


def _xml(body: bytes, stream: StreamProfile) -> Json:
    try:
        element = root_of(body)
    except ParseError as error:
        line, column = getattr(error, "position", (1, 0))
        raise Misread(line, column + 1, f"it is no XML ({error})") from error
    except Spoilt as error:
        raise Misread(1, 0, str(error)) from error
    for step in stream.record_path.split("/")[1:]:
        inner = next((one for one in element if local(one.tag) == step), None)
        if inner is None:
            raise Misread(1, 0, f"it has no {step!r}")
        element = inner
    value = _node(element, frozenset(stream.lists))
    return value if isinstance(value, dict) else {"#": value}


def _node(element: Element, lists: frozenset[str]) -> Any:
    """Text of a plain element; else its children and ``@attributes`` by local name, its text as
    ``#``; several of one name are a list."""
    found: Json = {f"@{local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = local(child.tag), _node(child, lists)
        if name in lists or isinstance(found.get(name), list):
            found.setdefault(name, [])
            found[name].append(value)
        elif name in found:
            found[name] = [found[name], value]
        else:
            found[name] = value
    text = (element.text or "").strip()
    if not found:
        return text
    return found | ({"#": text} if text else {})


def _at(record: Json, path: str) -> str:
    here: Any = record
    for step in path.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    if isinstance(here, dict):
        here = here.get("#")
    return "" if here is None or isinstance(here, list) else str(here)
