"""CSV and fixed-width files as tills and back offices really write them."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from connectors.files.tests.conftest import (
    HEADER,
    SALES,
    Connect,
    bodies,
    polled,
    records,
    sales_file,
)
from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Json, Nothing


def test_lines_of_one_receipt_are_one_document(connect: Connect, root: Path) -> None:
    (root / "sales-1.csv").write_bytes(
        sales_file(
            "17;08.08.2024;09:15;Kerze;2;3,90",
            "18;08.08.2024;09:20;Tasse;1;12,00",
            "17;08.08.2024;09:15;Karte;1;1.250,00".replace("1.250", "1250"),
        )
    )
    files = connect(SALES)
    pages = polled(files, "sales")
    first, second = bodies(files, pages, "sales")
    assert first["_id"] == "17" and first["at"] == "2024-08-08T07:15:00.000Z"
    assert [(line["Artikel"], line["Betrag"]) for line in first["lines"]] == [
        ("Kerze", "3.90"),
        ("Karte", "1250.00"),
    ]
    assert second["Menge"] == 1 and second["lines"][0]["Artikel"] == "Tasse"
    assert not (root / "sales-1.csv").exists() and (root / "archive/sales-1.csv").exists()


def test_the_whole_file_is_kept_beside_its_records(connect: Connect, root: Path) -> None:
    raw = sales_file("17;08.08.2024;09:15;Kerze;2;3,90")
    (root / "sales-1.csv").write_bytes(raw)
    files = connect(SALES)
    (whole,) = records(polled(files, "sales"), "file")
    assert whole.body == raw and isinstance(files.understand(whole), Nothing)


def test_a_bad_line_costs_its_own_receipt_and_says_where_it_stands(
    connect: Connect, root: Path
) -> None:
    (root / "sales-1.csv").write_bytes(
        sales_file(
            "17;08.08.2024;09:15;Kerze;2;3,90",
            "18;08.08.2024;09:20;Tasse;1;12.00",
            "19;31.02.2024;09:30;Tasse;1;12,00",
            "20;08.08.2024;09:30;Tasse",
            "21;08.08.2024;09:40;Tasse;1;12,00",
        )
    )
    files = connect(SALES)
    heard = records(polled(files, "sales"), "sales")
    good, bad = [], []
    for one in heard:
        try:
            good.append(files.understand(one).external_id)  # type: ignore[union-attr]
        except Unreadable as error:
            bad.append(str(error))
            assert error.code == "unreadable-line"
    assert good == ["17", "21"]
    assert "sales-1.csv, line 3, column 6: 'Betrag' is no number with a decimal comma" in bad[0]
    assert "line 4, column 2: 'at' is no datetime like %d.%m.%Y %H:%M" in bad[1]
    assert "line 5, column 5: it has 4 fields, and the header 6" in bad[2]


def test_a_file_dropped_twice_counts_once_under_any_name(connect: Connect, root: Path) -> None:
    raw = sales_file("17;08.08.2024;09:15;Kerze;2;3,90")
    files = connect(SALES)
    (root / "sales-1.csv").write_bytes(raw)
    first = records(polled(files, "sales"), "sales")
    (root / "sales-1.csv").write_bytes(raw)
    (root / "sales-copy.csv").write_bytes(raw)
    again = records(polled(files, "sales"), "sales")
    assert {h.identity for h in again} == {h.identity for h in first} and len(again) == 2
    assert sorted(p.name for p in (root / "archive").iterdir()) == ["sales-1.csv", "sales-copy.csv"]


def test_other_content_under_an_archived_name_is_kept_too(connect: Connect, root: Path) -> None:
    files = connect(SALES)
    for amount in ("3,90", "4,90"):
        (root / "sales-1.csv").write_bytes(sales_file(f"17;08.08.2024;09:15;Kerze;2;{amount}"))
        polled(files, "sales")
    assert len(list((root / "archive").iterdir())) == 2


def test_an_archived_file_is_read_again_when_it_is_moved_back(connect: Connect, root: Path) -> None:
    files = connect(SALES)
    (root / "sales-1.csv").write_bytes(sales_file("17;08.08.2024;09:15;Kerze;2;3,90"))
    first = records(polled(files, "sales"), "sales")
    (root / "archive/sales-1.csv").rename(root / "sales-1.csv")
    assert [h.identity for h in records(polled(files, "sales"), "sales")] == [
        h.identity for h in first
    ]


# ------------------------------------------------------------------ encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_common_encodings_are_told_by_their_bytes(
    connect: Connect, root: Path, encoding: str
) -> None:
    (root / "sales-1.csv").write_bytes(
        sales_file("17;08.08.2024;09:15;Müßiggang Öl;2;3,90", encoding=encoding)
    )
    files = connect(SALES)
    (sale,) = bodies(files, polled(files, "sales"), "sales")
    assert sale["Artikel"] == "Müßiggang Öl"


@pytest.mark.parametrize(
    ("encoding", "text"), [("cp437", "Müsli"), ("cp850", "Größe"), ("latin-1", "Café"),
                           ("utf-16-be", "Žlutý")]
)  # fmt: skip
def test_old_encodings_are_declared(connect: Connect, root: Path, encoding: str, text: str) -> None:
    (root / "sales-1.csv").write_bytes(
        sales_file(f"17;08.08.2024;09:15;{text};2;3,90", encoding=encoding)
    )
    files = connect(SALES | {"encoding": encoding})
    (sale,) = bodies(files, polled(files, "sales"), "sales")
    assert sale["Artikel"] == text


def test_bytes_that_dont_fit_are_named_and_cost_one_line(connect: Connect, root: Path) -> None:
    raw = sales_file("17;08.08.2024;09:15;Kerze;2;3,90") + "18;08.08.2024;09:15;Öl;2;3,90\n".encode(
        "cp1252"
    )
    (root / "sales-1.csv").write_bytes(raw)
    files = connect(SALES | {"encoding": "utf-8"})
    first, second = records(polled(files, "sales"), "sales")
    assert files.understand(first).external_id == "17"  # type: ignore[union-attr]
    with pytest.raises(Unreadable, match=r"line 3, column 21: byte 21 of the line \(0xD6\)") as bad:
        files.understand(second)
    assert bad.value.code == "encoding-mismatch" and "declare the encoding" in str(bad.value)


# ------------------------------------------------------------------ quotes, records, totals


def test_quoted_text_may_hold_marks_and_line_breaks(connect: Connect, root: Path) -> None:
    (root / "sales-1.csv").write_bytes(
        sales_file(
            '17;08.08.2024;09:15;"Kerze; rot\n""groß""";2;3,90',
            '18;08.08.2024;09:15;5" Rohr;1;1,00',
        )
    )
    files = connect(SALES)
    first, second = bodies(files, polled(files, "sales"), "sales")
    assert first["Artikel"] == 'Kerze; rot\n"groß"'
    assert second["Artikel"] == '5" Rohr'


def test_a_quote_that_never_closes_spoils_one_line(connect: Connect, root: Path) -> None:
    lines = [
        '17;08.08.2024;09:15;"Kerze;2;3,90',
        *(f"{n};08.08.2024;09:15;x;1;1,00" for n in range(30, 40)),
    ]
    (root / "sales-1.csv").write_bytes(sales_file(*lines))
    files = connect(SALES)
    bad, *rest = records(polled(files, "sales"), "sales")
    with pytest.raises(Unreadable, match=r"line 2: a quote is opened and never closed"):
        files.understand(bad)
    assert len({files.understand(h).external_id for h in rest}) == 10  # type: ignore[union-attr]


def test_a_header_nobody_can_read_is_told_once_for_the_file(connect: Connect, root: Path) -> None:
    (root / "sales-1.csv").write_bytes(b'"Bon"x;Datum\n17;08.08.2024\n')
    files = connect(SALES)
    (told,) = records(polled(files, "sales"), "file")
    with pytest.raises(Unreadable, match=r"The header of sales-1\.csv can't be read"):
        files.understand(told)


TOTALLED = SALES | {
    "totals": {
        "prefix": "SUMME",
        "of": "Betrag",
        "columns": [{"name": "count", "at": 2, "type": "integer"},
                    {"name": "sum", "at": 3, "type": "decimal"}],
    }
}  # fmt: skip


def test_a_totals_line_that_agrees_proves_the_file(connect: Connect, root: Path) -> None:
    files = connect(TOTALLED)
    (root / "sales-1.csv").write_bytes(
        sales_file("17;08.08.2024;09:15;a;2;3,90", "17;08.08.2024;09:15;b;1;1,10", "SUMME;2;5,00")
    )
    assert len(bodies(files, polled(files, "sales"), "sales")) == 1


@pytest.mark.parametrize("end", ["SUMME;3;5,00", "SUMME;2;5,01", "SUMME;x;5,00"])
def test_a_totals_line_that_disagrees_takes_nothing(connect: Connect, root: Path, end: str) -> None:
    files = connect(TOTALLED)
    (root / "sales-1.csv").write_bytes(
        sales_file("17;08.08.2024;09:15;a;2;3,90", "17;08.08.2024;09:15;b;1;1,10", end)
    )
    pages = polled(files, "sales")
    (told,) = [heard for page in pages for heard in page.heard]
    with pytest.raises(Unreadable, match="totals line") as refused:
        files.understand(told)
    assert refused.value.code == "file-totals"
    assert (root / "sales-1.csv").exists(), "it stays for whoever replaces it"
    assert polled(files, "sales", pages[-1].cursor) == [], "and is told once"


FIXED: Json = {
    "name": "journal",
    "files": "*.txt",
    "entities": ["sale"],
    "format": "fixed",
    "key": ["number"],
    "encoding": "cp850",
    "records": [
        {"name": "head", "prefix": "10", "begins": True, "columns": [
            {"name": "number", "at": 3, "length": 6},
            {"name": "day", "at": 9, "length": 8, "type": "date", "format": "%Y%m%d"}]},
        {"name": "items", "prefix": "20", "columns": [
            {"name": "sku", "at": 3, "length": 8},
            {"name": "text", "at": 11, "length": 10},
            {"name": "amount", "at": 21, "length": 9, "type": "decimal", "places": 2}]},
    ],
    "totals": {"prefix": "99", "columns": [
        {"name": "count", "at": 3, "length": 6, "type": "integer"}]},
}  # fmt: skip
JOURNAL = (
    "1000001720240808\r\n"
    "20KERZE   Kerze rot 000000390\r\n"
    "20TASSE   Tasse groß00001200-\r\n"
    "1000001820240808\r\n"
    "20KERZE   Kerze rot 000000195\r\n"
    "99000005\r\n"
)


def test_fixed_width_lines_of_several_types(connect: Connect, root: Path) -> None:
    (root / "tag.txt").write_bytes(JOURNAL.encode("cp850"))
    files = connect(FIXED)
    first, second = bodies(files, polled(files, "journal"), "journal")
    assert first["number"] == "000017" and first["day"] == "2024-08-08"
    assert [(i["text"], i["amount"]) for i in first["items"]] == [
        ("Kerze rot", "3.90"),
        ("Tasse groß", "-12.00"),
    ]
    assert second["_id"] == "000018" and len(second["items"]) == 1


def test_a_line_of_no_known_type_spoils_the_document_it_stands_in(
    connect: Connect, root: Path
) -> None:
    text = JOURNAL.replace("20TASSE", "2XTASSE")
    (root / "tag.txt").write_bytes(text.encode("cp850"))
    files = connect(FIXED)
    bad, good = records(polled(files, "journal"), "journal")
    with pytest.raises(Unreadable, match="line 3, column 1: it begins with none of 10, 20"):
        files.understand(bad)
    assert files.understand(good).external_id == "000018"  # type: ignore[union-attr]


# ------------------------------------------------------------------ half, large and packed files


def test_a_file_without_its_totals_line_is_waited_for_then_told_once(
    connect: Connect, root: Path
) -> None:
    (root / "tag.txt").write_bytes(JOURNAL.encode("cp850")[:-10])
    patient = connect(FIXED)
    pages = polled(patient, "journal")
    assert [page.heard for page in pages] == [()]
    impatient = connect(FIXED, incomplete_after=0)
    (told,) = records(polled(impatient, "journal", pages[-1].cursor), "file")
    with pytest.raises(Unreadable, match="not finished") as refused:
        impatient.understand(told)
    assert refused.value.code == "file-incomplete"
    (root / "tag.txt").write_bytes(JOURNAL.encode("cp850"))
    assert len(records(polled(patient, "journal", pages[-1].cursor), "journal")) == 2


def test_a_last_line_cut_off_is_not_taken_for_a_whole_one(connect: Connect, root: Path) -> None:
    (root / "sales-1.csv").write_bytes(f"{HEADER}\n17;08.08.2024;09:15;Ke".encode())
    assert records(polled(connect(SALES), "sales"), "sales") == []
    (root / "sales-1.csv").write_bytes(f"{HEADER}\n17;08.08.2024;09:15;Kerze;1;3,90".encode())
    assert len(records(polled(connect(SALES), "sales"), "sales")) == 1


def test_zip_and_gzip_are_unpacked(connect: Connect, root: Path) -> None:
    one = sales_file("17;08.08.2024;09:15;Kerze;2;3,90")
    two = sales_file("18;08.08.2024;09:15;Kerze;2;3.90")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/a.csv", one)
        archive.writestr("b.csv", two)
    (root / "sales-1.csv.zip").write_bytes(packed.getvalue())
    (root / "sales-2.csv.gz").write_bytes(gzip.compress(one))
    files = connect(SALES | {"files": "sales-*"})
    first, second, third = records(polled(files, "sales"), "sales")
    assert first.identity == third.identity, "the same receipt, however it was packed"
    with pytest.raises(Unreadable, match=r"sales-1\.csv\.zip/b\.csv, line 2, column 6"):
        files.understand(second)


@pytest.mark.parametrize("kind", ["zip", "gzip"])
def test_a_bomb_is_stopped_at_the_largest_size(connect: Connect, root: Path, kind: str) -> None:
    flood = b"0" * (3 * 2**20)
    if kind == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("a", "b", "c"):
                archive.writestr(name, flood)
        raw = packed.getvalue()
    else:
        raw = gzip.compress(flood * 3)
    assert len(raw) < 50_000
    (root / "sales-1.csv").write_bytes(raw)
    files = connect(SALES, largest=1)
    (told,) = records(polled(files, "sales"), "file")
    with pytest.raises(Unreadable, match="unpacks to more than 1 MB") as refused:
        files.understand(told)
    assert refused.value.code == "file-too-large"


def test_a_cut_archive_is_waited_for(connect: Connect, root: Path) -> None:
    raw = gzip.compress(sales_file("17;08.08.2024;09:15;Kerze;2;3,90"))
    (root / "sales-1.csv").write_bytes(raw[:-6])
    assert records(polled(connect(SALES), "sales"), "sales") == []


def test_a_file_larger_than_allowed_is_never_fetched(connect: Connect, root: Path) -> None:
    (root / "sales-1.csv").write_bytes(b"x" * (2 * 2**20))
    files = connect(SALES, largest=1)
    (told,) = records(polled(files, "sales"), "file")
    assert told.body == b""
    with pytest.raises(Unreadable, match="2 MB, more than the 1 MB allowed"):
        files.understand(told)


def test_a_long_file_is_taken_in_parts_and_gone_on_with(connect: Connect, root: Path) -> None:
    plain = SALES | {"group_by": []}
    lines = [f"{n};08.08.2024;09:15;x;1;1,00" for n in range(2_500)]
    (root / "sales-1.csv").write_bytes(sales_file(*lines))
    files = connect(plain)
    reading = files.read("sales", {})
    first = next(reading)
    assert not first.files and (root / "sales-1.csv").exists()
    rest = polled(files, "sales", first.cursor)  # as a new turn, after a crash for example
    heard = records([first, *rest], "sales")
    assert len({h.identity for h in heard}) == len(heard) == 2_500
    assert rest[-1].files == ("sales-1.csv",) and rest[-1].cursor == {}


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("31.03.2024;01:59", "2024-03-31T00:59:00.000Z"),
        ("31.03.2024;02:30", "2024-03-31T01:30:00.000Z"),  # the clock skipped it
        ("31.03.2024;03:30", "2024-03-31T01:30:00.000Z"),
        ("27.10.2024;02:30", "2024-10-27T00:30:00.000Z"),  # the clock showed it twice
        ("27.10.2024;03:30", "2024-10-27T02:30:00.000Z"),
    ],
)
def test_local_times_around_the_changes_of_the_clock(
    connect: Connect, root: Path, local: str, utc: str
) -> None:
    (root / "sales-1.csv").write_bytes(sales_file(f"17;{local};Kerze;2;3,90"))
    files = connect(SALES)
    (sale,) = bodies(files, polled(files, "sales"), "sales")
    assert sale["at"] == utc and sale["_zone"] == "Europe/Berlin"
