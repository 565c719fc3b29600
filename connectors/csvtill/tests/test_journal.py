"""What a journal says, and how little a bad line spoils."""

from __future__ import annotations

import pytest

from connectors.csvtill import journal
from connectors.csvtill.tests.conftest import JOURNAL, numbered
from connectors.sdk.errors import Unreadable

SALE = """
S;S01-2-000200;20110808;091512;OP07;GBP
I;1;85123a;CAF\u00c9 SET;2;2,55;5,10;VAT20;20,00;0,85;0
I;2;21080;RECIPE BOOK;1;4,00;4,00;VAT0;0,00;0,00;0
T;CASH;4,10;;;
T;CARD;5,00;A1;VISA;1234
E;S01-2-000200;9,10;2
"""


def read(records: str) -> dict:
    header, blocks = journal.blocks(numbered(records))
    assert len(blocks) == 1
    return journal.understand(header + b"\n" + blocks[0].raw, "Europe/London")


def test_a_sale_is_read_to_the_cent() -> None:
    sale = read(SALE)
    assert (sale["kind"], sale["number"], sale["store"], sale["till"]) == (
        "sale", "S01-2-000200", "S01", "2",
    )  # fmt: skip
    assert sale["local"] == "2011-08-08T09:15:12"
    assert (sale["total"], sale["net"], sale["tax"]) == ("9.10", "8.25", "0.85")
    assert [line["sku"] for line in sale["lines"]] == ["85123a", "21080"]
    assert sale["lines"][0]["text"] == "CAF\u00c9 SET"
    assert [(r["code"], r["percent"], r["tax"]) for r in sale["rates"]] == [
        ("VAT0", "0", "0.00"),
        ("VAT20", "20", "0.85"),
    ]
    assert [(t["kind"], t["amount"]) for t in sale["tenders"]] == [
        ("CASH", "4.10"),
        ("CARD", "5.00"),
    ]


def test_equal_lines_stay_two_lines() -> None:
    line = "I;{};21080;NAPKINS;1;0,85;0,85;VAT20;20,00;0,14;0\n"
    sale = read(
        "S;S01-2-000201;20110808;091512;OP07;GBP\n" + line.format(1) + line.format(2)
        + "T;CASH;1,70;;;\nE;S01-2-000201;1,70;2"
    )  # fmt: skip
    assert [(i["id"], i["qty"]) for i in sale["lines"]] == [
        ("S01-2-000201/1", "1"),
        ("S01-2-000201/2", "1"),
    ]


def test_a_return_names_the_receipt_and_line_it_takes_back() -> None:
    header, blocks = journal.blocks(JOURNAL.encode())
    back = journal.understand(header + b"\n" + blocks[1].raw, "Europe/London")
    assert back["original"] == "S01-2-000123"
    assert back["lines"][0]["original_line"] == "1"


def test_a_return_without_a_receipt_names_none() -> None:
    back = read(
        "R;S01-2-000124;20110808;101500;OP07;GBP;\n"
        "I;1;85123A;HEART;2;2,55;5,10;VAT20;20,00;0,85;0\nT;CASH;5,10;;;\nE;S01-2-000124;5,10;1"
    )
    assert "original" not in back
    assert "original_line" not in back["lines"][0]


def test_a_write_off_goes_out_and_a_find_comes_in() -> None:
    moved = read(
        "W;S01-2-000125;20110808;101500;OP07;BREAKAGE\n"
        "I;1;21033;BAG;-30;0,00;0,00;VAT20;20,00;0,00;0\n"
        "I;2;21034;BAG;4;0,00;0,00;VAT20;20,00;0,00;0\nE;S01-2-000125;0,00;2"
    )
    assert [(line["qty"], line["out"]) for line in moved["lines"]] == [("-30", True), ("4", False)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2,55;5,10", "2.55;5,10"),
        ("2;2,55", "3;2,55"),
        ("E;S01-2-000200;9,10;2", "E;S01-2-000200;9,11;2"),
        ("E;S01-2-000200;9,10;2", "E;S01-2-000200;9,10;1"),
        ("E;S01-2-000200;9,10;2", "E;S01-2-000999;9,10;2"),
        ("T;CARD;5,00", "T;CARD;6,00"),
        ("I;2;21080", "I;2;"),
        ("T;CASH;4,10;;;", "Q;CASH;4,10;;;"),
        ("091512", "0915"),
        ("S;S01-2-000200", "S;S09-2-000200"),
        ("E;S01-2-000200;9,10;2\n", ""),
        ("CAF\u00c9", "CAF\x81"),
    ],
)
def test_a_line_that_does_not_add_up_is_refused(before: str, after: str) -> None:
    assert before in SALE
    raw = SALE.replace(before, after)
    header, blocks = journal.blocks(numbered("X").replace(b"X", raw.encode("latin-1").strip()))
    with pytest.raises(Unreadable) as caught:
        for block in blocks:
            journal.understand(header + b"\n" + block.raw, "Europe/London")
    assert caught.value.code == "unreadable-line"
    assert "S01" in str(caught.value) or "till" in str(caught.value)


@pytest.mark.parametrize(
    "stray", ["B;S01-2-9;20110812;145000;Adjust bad debt;11062,06", "\x7f\x7f"]
)
@pytest.mark.parametrize("place", [0, 6, 12])
def test_a_stray_line_spoils_no_receipt(stray: str, place: int) -> None:
    lines = SALE.strip().splitlines() + SALE.replace("000200", "000201").strip().splitlines()
    lines.insert(place, stray)
    header, blocks = journal.blocks(numbered("\n".join(lines)))
    good, bad = [], 0
    for block in blocks:
        try:
            good.append(journal.understand(header + b"\n" + block.raw, "Europe/London")["number"])
        except Unreadable:
            bad += 1
    assert good == ["S01-2-000200", "S01-2-000201"]
    assert bad == 1


def test_two_stray_lines_are_two_exceptions() -> None:
    _, blocks = journal.blocks(numbered("B;1;x\nB;2;y"))
    assert len(blocks) == 2


def test_a_spoilt_head_takes_only_its_own_receipt_along() -> None:
    lines = SALE.strip().splitlines() + SALE.replace("000200", "000201").strip().splitlines()
    lines[0] = "\x7f" + lines[0]
    header, blocks = journal.blocks(numbered("\n".join(lines)))
    assert len(blocks) == 2
    read = journal.understand(header + b"\n" + blocks[1].raw, "Europe/London")
    assert read["number"] == "S01-2-000201"


@pytest.mark.parametrize("cut", range(0, len(JOURNAL), 7))
def test_a_file_is_whole_only_with_its_last_byte(cut: int) -> None:
    assert journal.is_complete(JOURNAL.encode())
    assert not journal.is_complete(JOURNAL.encode()[:cut])


def test_a_file_that_lost_a_line_is_not_whole() -> None:
    assert not journal.is_complete(JOURNAL.replace("T;CASH;5,10;;;\r\n", "").encode())


def test_a_receipt_sent_in_another_file_is_the_same_message() -> None:
    _, first = journal.blocks(numbered(SALE))
    _, again = journal.blocks(numbered(SALE).replace(b"0004", b"0005"))
    _, other = journal.blocks(numbered(SALE.replace("4,10", "4,10").replace("OP07", "OP08")))
    assert first[0].identity == again[0].identity
    assert first[0].identity != other[0].identity
