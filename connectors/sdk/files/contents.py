"""What every file has to pass before a word of it is read: size, packing, encoding."""

from __future__ import annotations

import codecs
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.sdk.errors import Owner

#: Files inside one archive; a till's day is one, a month of a chain a few hundred.
MOST_INSIDE = 2_000
#: Encodings a person may declare; what Python calls them.
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
    "cp1250": "cp1250",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso-8859-15",
    "cp437": "cp437",
    "cp850": "cp850",
    "ascii": "ascii",
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class NotWhole(Exception):
    """The file isn't finished: its end is missing, so somebody may still be writing it."""


class Spoilt(Exception):
    """Nothing can be taken from the file as it is. ``code`` as in docs/exceptions.md."""

    def __init__(self, why: str, *, code: str, owner: Owner = Owner.PARTNER) -> None:
        super().__init__(why)
        self.code = code
        self.owner = owner


# ------------------------------------------------------------------ packing


def unpacked(name: str, raw: bytes, most: int) -> list[tuple[str, bytes]]:
    """The files in a zip or gzip, or the file itself, told by its first bytes.

    ``most``: bytes in all, unpacked; a small archive that blows up is stopped there, having taken
    no more memory than that. Raises NotWhole for a cut archive, Spoilt for one over a limit.
    """
    if raw.startswith(b"\x1f\x8b"):
        return [(name.removesuffix(".gz"), _gunzipped(name, raw, most))]
    if raw.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return list(_unzipped(name, raw, most))
    return [(name, raw)]


def _gunzipped(name: str, raw: bytes, most: int) -> bytes:
    """Members one after the other are one file (RFC 1952, 2.2)."""
    whole = bytearray()
    while raw:
        member = zlib.decompressobj(wbits=31)
        try:
            whole += member.decompress(raw, most + 1 - len(whole))
        except zlib.error as error:
            raise Spoilt(f"{name} is a damaged gzip file ({error}): have it sent again.",
                         code="unreadable") from error  # fmt: skip
        if len(whole) > most:
            raise _bomb(name, most)
        if not member.eof:
            raise NotWhole(f"{name} is a gzip file without its end.")
        # Tapes and some writers fill up with zeros after the last member.
        raw = member.unused_data.lstrip(b"\0")
    return bytes(whole)


def _unzipped(name: str, raw: bytes, most: int) -> Iterator[tuple[str, bytes]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise NotWhole(f"{name} is a zip file without its end.") from error
    inside = [one for one in archive.infolist() if not one.is_dir()]
    if len(inside) > MOST_INSIDE:
        raise Spoilt(
            f"{name} holds {len(inside)} files, {MOST_INSIDE} at most are taken: send fewer.",
            code="file-too-large",
        )
    left = most
    for one in sorted(inside, key=lambda one: one.filename):
        try:
            with archive.open(one) as packed:
                content = packed.read(left + 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as bad:
            raise Spoilt(
                f"{one.filename[:80]!r} in {name} can't be unpacked ({bad}): have it sent again, "
                "without a password.",
                code="unreadable",
            ) from bad
        left -= len(content)
        if left < 0:
            raise _bomb(name, most)
        yield f"{name}/{one.filename.rsplit('/', 1)[-1][:120]}", content


def _bomb(name: str, most: int) -> Spoilt:
    return Spoilt(
        f"{name} unpacks to more than {most // 2**20 or 1} MB: send smaller files, or raise the "
        "largest size in the connection's settings if it is right.",
        code="file-too-large",
    )


# ------------------------------------------------------------------ encoding


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes with what they mean. ``raw``: without a mark of order. ``sure``: a mark or a
    declaration said so; else it was told by the bytes."""

    raw: bytes
    encoding: str
    sure: bool = True


def text_of(raw: bytes, declared: str) -> Text:
    """A mark at the beginning wins, then what was declared; ``auto`` tells UTF-8 and UTF-16 by
    their bytes and takes Windows-1252 for the rest, as Western tills and spreadsheets do.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return Text(raw[len(mark) :], encoding)
    if declared == "utf-16":
        return Text(raw, "utf-16-le")
    if declared != "auto":
        return Text(raw, ENCODINGS[declared])
    head = raw[:2000]
    if head and head[1::2].count(0) > len(head) // 3:
        return Text(raw, "utf-16-le", sure=False)
    if head and head[0::2].count(0) > len(head) // 3:
        return Text(raw, "utf-16-be", sure=False)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return Text(raw, "cp1252", sure=False)
    return Text(raw, "utf-8", sure=False)


def lines_of(text: Text) -> list[bytes]:
    """Raw lines without their ends (CR, LF or both); a last one without an end counts."""
    if not text.encoding.startswith("utf-16"):
        return text.raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    little = text.encoding.endswith("le")
    feed, back = (b"\n\0", b"\r\0") if little else (b"\0\n", b"\0\r")
    lines, start, at = [], 0, text.raw.find(feed)
    while at >= 0:
        if at % 2 == 0:
            lines.append(text.raw[start:at].removesuffix(back))
            start = at + 2
        at = text.raw.find(feed, at + 1)
    return [*lines, text.raw[start:].removesuffix(back)]


def line_end(encoding: str) -> bytes:
    return "\n".encode(encoding)


@dataclass(frozen=True, slots=True)
class Misfit(Exception):
    """``column``: the first letter that doesn't fit, from 1. ``why``: for a person."""

    column: int
    why: str


def decoded(line: bytes, encoding: str) -> str:
    """Raises Misfit naming the byte and its place in the line."""
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        byte = line[error.start : error.start + 1].hex().upper()
        column = len(line[: error.start].decode(encoding, "replace")) + 1
        raise Misfit(
            column,
            f"byte {error.start + 1} of the line (0x{byte}) is no letter of {encoding}: "
            "declare the encoding the file is really written in",
        ) from error
