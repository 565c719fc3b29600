"""JSON, JSON lines and XML: records by their path, each in its own bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.files.tests.conftest import Connect, bodies, polled, records
from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Json

LINES: Json = {"name": "items", "files": "*.jsonl", "entities": ["product"], "format": "jsonl",
               "key": ["sku"]}  # fmt: skip
JSON: Json = LINES | {"files": "*.json", "format": "json", "record_path": "data.items"}
XML: Json = {
    "name": "items", "files": "*.xml", "entities": ["product"], "format": "xml",
    "key": ["@sku"], "record_path": "Katalog/Artikel", "decimal": ",", "lists": ["Farbe"],
    "columns": [{"name": "price", "from": "Preis", "type": "decimal"}],
}  # fmt: skip
CATALOGUE = """<?xml version="1.0" encoding="{0}"?>
<k:Katalog xmlns:k="urn:k" xmlns="urn:a">
 <k:Artikel sku="A1">
  <Name>Müsli</Name><Preis währung="EUR">3,90</Preis><Farbe>rot</Farbe>
 </k:Artikel>
 <k:Artikel sku="A2">
  <Name>Tee &amp; Co</Name><Preis>1200,5</Preis><Farbe>rot</Farbe><Farbe>blau</Farbe>
 </k:Artikel>
</k:Katalog>
"""


def test_json_lines_and_their_bad_lines(connect: Connect, root: Path) -> None:
    (root / "a.jsonl").write_text('{"sku":"A1","price":0.1}\n\n{"sku":"A2",}\n[1]\n{"x":1}\n')
    files = connect(LINES)
    first, *bad = records(polled(files, "items"), "items")
    good = files.understand(first)
    assert good.external_id == "A1" and good.body["price"] == "0.1"  # type: ignore[union-attr]
    for heard, line, why in zip(bad, (3, 4, 5), ("no JSON", "no object", "is empty"), strict=True):
        with pytest.raises(Unreadable, match=rf"a\.jsonl, line {line}.*{why}"):
            files.understand(heard)


def test_a_json_line_cut_off_is_waited_for(connect: Connect, root: Path) -> None:
    (root / "a.jsonl").write_text('{"sku":"A1"}\n{"sku":"A')
    assert records(polled(connect(LINES), "items"), "items") == []


def test_json_records_by_their_path(connect: Connect, root: Path) -> None:
    (root / "a.json").write_text('{"data": {"items": [ {"sku": "A1"}, {"sku": "A2"} ]}}')
    files = connect(JSON)
    assert [b["_id"] for b in bodies(files, polled(files, "items"), "items")] == ["A1", "A2"]


@pytest.mark.parametrize(
    ("text", "code"),
    [('{"data": {}}', "unreadable"), ("<html>", "unreadable"), ('"\udcff"', "encoding-mismatch")],
)
def test_json_that_is_something_else_is_told(
    connect: Connect, root: Path, text: str, code: str
) -> None:
    (root / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    files = connect(JSON | {"encoding": "utf-8"})
    (told,) = records(polled(files, "items"), "file")
    with pytest.raises(Unreadable) as refused:
        files.understand(told)
    assert refused.value.code == code


def test_json_without_its_last_brackets_is_waited_for(connect: Connect, root: Path) -> None:
    (root / "a.json").write_text('{"data": {"items": [ {"sku": "A1"}')
    assert records(polled(connect(JSON), "items"), "items") == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252", "iso-8859-1"])
def test_xml_records_by_their_path(connect: Connect, root: Path, encoding: str) -> None:
    (root / "a.xml").write_bytes(CATALOGUE.format(encoding).encode(encoding))
    files = connect(XML)
    first, second = bodies(files, polled(files, "items"), "items")
    assert first["@sku"] == "A1" and first["Name"] == "Müsli" and first["price"] == "3.90"
    assert first["Preis"] == {"@währung": "EUR", "#": "3,90"} and first["Farbe"] == ["rot"]
    assert second["price"] == "1200.5" and second["Farbe"] == ["rot", "blau"]


def test_a_bad_record_within_xml_spoils_itself_only(connect: Connect, root: Path) -> None:
    (root / "a.xml").write_text(CATALOGUE.format("utf-8").replace("Müsli", "Müsli & Milch"))
    files = connect(XML)
    bad, good = records(polled(files, "items"), "items")
    with pytest.raises(Unreadable, match=r"a\.xml, line 4, column \d+: it is no XML"):
        files.understand(bad)
    assert files.understand(good).external_id == "A2"  # type: ignore[union-attr]


@pytest.mark.parametrize("cut", [30, 150, 260, -3])
def test_half_an_xml_file_is_waited_for(connect: Connect, root: Path, cut: int) -> None:
    (root / "a.xml").write_bytes(CATALOGUE.format("utf-8").encode()[:cut])
    assert records(polled(connect(XML), "items"), "items") == []


def test_an_entity_bomb_is_refused_unopened(connect: Connect, root: Path) -> None:
    bomb = '<!DOCTYPE k [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    (root / "a.xml").write_text(f"{bomb}<Katalog><Artikel>&b;</Artikel></Katalog>")
    files = connect(XML)
    (told,) = records(polled(files, "items"), "file")
    with pytest.raises(Unreadable, match="document type or entities"):
        files.understand(told)


def test_xml_in_an_unheard_of_encoding_is_told(connect: Connect, root: Path) -> None:
    (root / "a.xml").write_text(CATALOGUE.format("klingon"))
    files = connect(XML)
    (told,) = records(polled(files, "items"), "file")
    with pytest.raises(Unreadable, match="names an encoding we can't read"):
        files.understand(told)


def test_another_kind_of_xml_is_told(connect: Connect, root: Path) -> None:
    (root / "a.xml").write_text("<html><body>maintenance</body></html>")
    files = connect(XML)
    (told,) = records(polled(files, "items"), "file")
    with pytest.raises(Unreadable, match="begins with 'html' and not with 'Katalog'"):
        files.understand(told)
