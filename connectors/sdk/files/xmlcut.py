"""An XML file cut into its records, each a document of its own with its own raw bytes.

A record keeps the start tags of what encloses it, byte for byte, so that its namespaces and
encoding hold. Document types are refused altogether: no record needs one, and entities are how a
small file becomes a large one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.parsers import expat

from defusedxml import ElementTree  # type: ignore[import-untyped]
from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]

from connectors.sdk.files.contents import NotWhole, Spoilt

#: The file simply ends: it may still be on its way. Anything else won't get better by waiting.
_CUT_OFF = {
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}
DEEPEST = 60
"""Elements within elements; a receipt's deepest line is about twelve."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """``body``: an XML document with one record. ``line``: what to add to a line of ``body`` to
    have the line of the file (the body's first line counts as 1)."""

    body: bytes
    line: int


class DocumentType(Exception):
    """The file declares a document type."""


def cut(name: str, raw: bytes, path: str) -> list[Cutting]:
    """Every element at ``path`` (local names from the root, ``/`` between them).

    A record that isn't well formed becomes a cutting of its own, which fails when it is read;
    those after it are found again. Raises NotWhole for a file that just ends, Spoilt for one
    with a document type, or that isn't XML from the start.
    """
    found: list[Cutting] = []
    lead, offset = b"", 0
    while True:
        scan = _Scan(path.split("/"), lead + raw[offset:])
        try:
            scan.run()
        except DocumentType as error:
            raise Spoilt(
                f"{name} declares a document type or entities, which no receipt needs: have it "
                "written without.",
                code="unreadable",
            ) from error
        except (LookupError, ValueError) as error:
            raise Spoilt(
                f"{name} names an encoding we can't read ({error}): have it written in UTF-8.",
                code="encoding-mismatch",
            ) from error
        except expat.ExpatError as error:
            found += _cuttings(scan, raw, offset - len(lead))
            if error.code in _CUT_OFF:
                raise NotWhole(f"{name} ends before its last element is closed.") from error
            step = _recovered(name, raw, scan, offset - len(lead), error, bool(found))
            found.append(step[0])
            lead, offset = step[1], step[2]
            if offset < 0:
                return found
            continue
        if scan.root != scan.path[0]:
            raise Spoilt(
                f"{name} begins with {scan.root!r} and not with {scan.path[0]!r}: it is another "
                "kind of file; correct the file or the settings.",
                code="unreadable",
            )
        return found + _cuttings(scan, raw, offset - len(lead))


def root_of(body: bytes) -> Element:
    """A record's document, parsed. Raises ParseError with its position, or Spoilt."""
    try:
        element: Element = ElementTree.fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise Spoilt("The record declares a document type or entities: have it written without.",
                     code="unreadable") from error  # fmt: skip
    except (ValueError, LookupError) as error:
        raise ParseError(str(error)) from error
    return element


def local(tag: str) -> str:
    """An element's or attribute's name without its namespace."""
    return tag.rpartition("}")[2]


class _Scan:
    """One pass over a document, noting where the wanted elements begin and end.

    The parser tells where an event begins; where a tag ends is where the next event begins.
    """

    def __init__(self, path: list[str], data: bytes) -> None:
        self.path, self.data = path, data
        self.parser = expat.ParserCreate()
        self.open: list[tuple[str, int, int]] = []
        self.tag_ends: dict[int, int] = {}
        self.pending: list[Any] = []
        self.spans: list[tuple[int, int, int, tuple[tuple[str, int, int], ...]]] = []
        self.opened: tuple[int, tuple[tuple[str, int, int], ...]] | None = None
        self.root = ""

    def run(self) -> None:
        """Raises ExpatError, DocumentType."""
        parser = self.parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.DefaultHandler = lambda _: self._flush()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.Parse(self.data, True)
        self._flush(len(self.data))

    def _refuse(self, *_: object) -> None:
        raise DocumentType

    def _flush(self, at: int | None = None) -> None:
        here = self.parser.CurrentByteIndex if at is None else at
        for note in self.pending:
            note(here)
        self.pending.clear()

    def _start(self, tag: str, _: object) -> None:
        self._flush()
        at = self.parser.CurrentByteIndex
        if len(self.open) >= DEEPEST:
            raise Spoilt(
                f"The file nests more than {DEEPEST} elements within each other: it is no file we "
                "can read; have it sent again.",
                code="unreadable",
            )
        self.root = self.root or tag.rpartition(":")[2]
        self.open.append((tag, at, self.parser.CurrentLineNumber))
        self.pending.append(lambda end: self.tag_ends.__setitem__(at, end))
        if self._wanted():
            self.opened = (at, tuple(self.open[:-1]))

    def _end(self, _: str) -> None:
        self._flush()
        if self._wanted():
            _, at, line = self.open[-1]
            above = tuple(self.open[:-1])
            self.pending.append(lambda end: self.spans.append((at, end, line, above)))
            self.opened = None
        self.open.pop()

    def _wanted(self) -> bool:
        if len(self.open) != len(self.path):
            return False
        return all(
            tag.rpartition(":")[2] == name
            for (tag, _, _), name in zip(self.open, self.path, strict=True)
        )


def _cuttings(scan: _Scan, raw: bytes, shift: int) -> list[Cutting]:
    """``shift``: what to add to an offset in the scan's data to have the file's."""
    return [
        _wrapped(scan, raw, above, scan.data[at:end], at + shift)
        for at, end, _, above in scan.spans
    ]


def _wrapped(
    scan: _Scan, raw: bytes, above: tuple[tuple[str, int, int], ...], own: bytes, at: int
) -> Cutting:
    head = _head(scan, above)
    coding = _coding(scan.data)
    tail = "".join(f"</{tag}>" for tag, _, _ in reversed(above)).encode(coding)
    feed = "\n".encode(coding)
    line = raw[: max(at, 0)].count(feed) - head.count(feed)
    return Cutting(head + own + tail, line)


def _head(scan: _Scan, above: tuple[tuple[str, int, int], ...]) -> bytes:
    """The declaration and the start tags of what encloses a record."""
    first = above[0][1] if above else 0
    declared = re.match(rb"^(\xef\xbb\xbf)?<\?xml[^>]*\?>", scan.data[:first] or b"")
    if _coding(scan.data).startswith("utf-16"):
        start = scan.data[:first]  # a mark of order and a declaration, in their own letters
    else:
        start = declared.group() if declared else b""
    return start + b"".join(scan.data[at : scan.tag_ends[at]] for _, at, _ in above)


def _coding(data: bytes) -> str:
    """The encoding of tags we add: only the width of a letter matters."""
    if data.startswith(b"\xff\xfe"):
        return "utf-16-le"
    return "utf-16-be" if data.startswith(b"\xfe\xff") else "ascii"


def _recovered(
    name: str, raw: bytes, scan: _Scan, shift: int, error: expat.ExpatError, some: bool
) -> tuple[Cutting, bytes, int]:
    """(the bad record, the start of what follows it, where that begins in the file or -1).

    Raises Spoilt where not even a first record was reached.
    """
    if scan.opened is None:
        if not some:
            raise Spoilt(
                f"{name} is no XML file we can read (line {error.lineno}, column "
                f"{error.offset + 1}: {expat.ErrorString(error.code)}): have it sent again.",
                code="unreadable",
            ) from error
        rest = scan.data[scan.spans[-1][1] if scan.spans else 0 :]
        return Cutting(rest, raw.count(b"\n") - rest.count(b"\n")), b"", -1
    at, above = scan.opened
    mark = re.compile(rb"<(?:[\w.-]+:)?" + scan.path[-1].encode() + rb"[\s/>]")
    following = mark.search(scan.data, max(scan.parser.ErrorByteIndex, at + 1))
    end = following.start() if following else len(scan.data)
    bad = _wrapped(scan, raw, above, scan.data[at:end], at + shift)
    return bad, _head(scan, above), end + shift if following else -1
