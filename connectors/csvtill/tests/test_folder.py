"""Reading from and writing to the folder: safely, once, and never half."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.csvtill.connector import FILES_PER_PAGE, FILES_PER_TURN, CsvTill
from connectors.csvtill.folder import Folder
from connectors.csvtill.tests.conftest import JOURNAL, numbered
from connectors.sdk.errors import AccessRefused, Rejected, Unavailable, Unreadable
from connectors.sdk.records import Done, Nothing, Page, SourceRecord, WriteItem

Connect = Callable[..., CsvTill]


def drop(folder: Path, name: str = "J1.csv", content: bytes = JOURNAL.encode()) -> Path:
    path = folder / "S01" / "out" / name
    path.write_bytes(content)
    return path


def pages(till: CsvTill) -> list[Page]:
    return list(till.read("journal", {}))


def collect(till: CsvTill) -> dict[tuple[str, str], int]:
    """Read, archive, and count what was heard by (stream, identity)."""
    heard: dict[tuple[str, str], int] = {}
    for page in pages(till):
        for one in page.heard:
            heard[one.stream, one.identity] = heard.get((one.stream, one.identity), 0) + 1
        till.archive(page.files)
    return heard


def test_a_journal_gives_its_receipts_and_itself(folder: Path, connect: Connect) -> None:
    drop(folder)
    till = connect(folder)
    (page,) = pages(till)
    assert [h.stream for h in page.heard] == ["file", "journal", "journal"]
    assert page.heard[0].body == JOURNAL.encode()
    understood = [till.understand(h) for h in page.heard]
    assert isinstance(understood[0], Nothing)
    receipts = [u for u in understood if isinstance(u, SourceRecord)]
    assert [r.external_id for r in receipts] == ["S01-2-000123", "S01-2-000124"]
    assert receipts[0].read_started_at is not None


def test_a_half_written_file_is_never_read(folder: Path, connect: Connect) -> None:
    till = connect(folder)
    for cut in range(0, len(JOURNAL), 11):
        drop(folder, content=JOURNAL.encode()[:cut])
        assert pages(till) == []
    drop(folder)
    assert len(pages(till)) == 1


def test_a_file_left_half_written_is_reported_once_and_read_when_done(
    folder: Path, connect: Connect
) -> None:
    path = drop(folder, content=JOURNAL.encode()[:100])
    old = time.time() - 3600
    os.utime(path, (old, old))
    till = connect(folder)
    (page,), (again,) = pages(till), pages(till)
    assert page.heard[0].identity == again.heard[0].identity
    assert page.files == ()
    with pytest.raises(Unreadable) as caught:
        till.understand(page.heard[0])
    assert caught.value.code == "file-incomplete"
    assert "S01/out/J1.csv" in str(caught.value)
    drop(folder)
    assert len(pages(till)[0].heard) == 3


def test_a_file_dropped_twice_counts_once(folder: Path, connect: Connect) -> None:
    till = connect(folder)
    drop(folder)
    first = collect(till)
    drop(folder)
    drop(folder, "J1_copy.csv")
    assert set(collect(till)) == set(first)
    assert list((folder / "S01/out").iterdir()) == []
    assert sorted(p.name for p in (folder / "S01/archive").iterdir()) == ["J1.csv", "J1_copy.csv"]


def test_another_file_of_the_same_name_overwrites_nothing(folder: Path, connect: Connect) -> None:
    till = connect(folder)
    drop(folder)
    collect(till)
    drop(folder, content=JOURNAL.replace("OP07", "OP08").encode())
    assert collect(till)
    assert len(list((folder / "S01/archive").iterdir())) == 2


def test_the_same_number_with_other_content_is_another_message(
    folder: Path, connect: Connect
) -> None:
    till = connect(folder)
    drop(folder)
    drop(folder, "J2.csv", JOURNAL.replace("OP07", "OP08").encode())
    records = [
        till.understand(h) for page in pages(till) for h in page.heard if h.stream == "journal"
    ]
    ids = [r.external_id for r in records if isinstance(r, SourceRecord)]
    assert sorted(ids) == ["S01-2-000123"] * 2 + ["S01-2-000124"] * 2
    assert len({h.identity for page in pages(till) for h in page.heard}) == 6


def test_archiving_twice_is_archiving_once(folder: Path, connect: Connect) -> None:
    drop(folder)
    till = connect(folder)
    till.archive(["S01/out/J1.csv"])
    till.archive(["S01/out/J1.csv"])
    assert (folder / "S01/archive/J1.csv").read_bytes() == JOURNAL.encode()


def test_a_turn_is_bounded_however_many_files_wait(folder: Path, connect: Connect) -> None:
    for n in range(FILES_PER_TURN + 50):
        drop(folder, f"J{n:05d}.csv")
    till = connect(folder)
    first = pages(till)
    assert sum(len(page.files) for page in first) == FILES_PER_TURN
    assert all(len(page.files) <= FILES_PER_PAGE for page in first)
    for page in first:
        till.archive(page.files)
    assert sum(len(page.files) for page in pages(till)) == 50


def test_a_voided_sale_is_nothing(folder: Path, connect: Connect) -> None:
    drop(folder, content=numbered("X;S01-2-000300;20110808;101010;OP07"))
    till = connect(folder)
    assert isinstance(till.understand(pages(till)[0].heard[1]), Nothing)


# ---- nothing outside the root


@pytest.mark.parametrize("name", ["../secret.csv", "S01/out/../../../secret.csv", "/etc/passwd"])
def test_no_name_leads_out_of_the_root(folder: Path, name: str) -> None:
    (folder.parent / "secret.csv").write_text("x")
    with pytest.raises(AccessRefused):
        Folder(str(folder)).read(name)


def test_links_are_left_alone(folder: Path, connect: Connect) -> None:
    outside = folder.parent / "outside"
    (outside / "out").mkdir(parents=True)
    (outside / "out" / "J9.csv").write_bytes(JOURNAL.encode())
    (folder / "S07").symlink_to(outside)
    (folder / "S02" / "out").rmdir()
    (folder / "S02" / "out").symlink_to(outside / "out")
    (folder / "S01" / "out" / "J8.csv").symlink_to(outside / "out" / "J9.csv")
    till = connect(folder)
    assert pages(till) == []
    with pytest.raises(AccessRefused):
        till.archive(["S02/out/J9.csv"])
    assert (outside / "out" / "J9.csv").exists()


def test_a_store_whose_inbox_is_a_link_gets_nothing(folder: Path, connect: Connect) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (folder / "S01" / "in").symlink_to(outside)
    with pytest.raises(AccessRefused):
        connect(folder).write_batch("price", [price("85123A", "2.55")])
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("root", ["tills", "/srv/../etc"])
def test_a_root_must_be_a_whole_path(root: str, connect: Connect) -> None:
    with pytest.raises(AccessRefused):
        connect(Path(root)).account()


def test_a_missing_root_is_a_share_that_is_not_mounted(tmp_path: Path, connect: Connect) -> None:
    with pytest.raises(Unavailable):
        pages(connect(tmp_path / "nowhere"))
    assert [line.ok for line in connect(tmp_path / "nowhere").check()] == [False]


def test_the_check_says_what_is_missing(folder: Path, connect: Connect) -> None:
    assert all(line.ok for line in connect(folder).check())
    empty = folder.parent / "empty"
    empty.mkdir()
    bad = [line for line in connect(empty).check() if not line.ok]
    assert len(bad) == 1
    assert "sub-folder per store" in bad[0].move


# ---- price files


def price(sku: str, amount: str, op: str = "update") -> WriteItem:
    body = {"sku": sku, "price": amount, "currency": "GBP"}
    return WriteItem(ref="xd-1", key="k", op=op, body=body)  # type: ignore[arg-type]


def names(folder: Path, store: str = "S01") -> list[str]:
    return sorted(p.name for p in (folder / store / "in").iterdir())


def test_every_store_gets_the_whole_file(folder: Path, connect: Connect) -> None:
    outcome = connect(folder).write_batch("price", [price("85123A", "2.55"), price("B;1", "3")])
    assert [type(o) for o in outcome] == [Done, Done]
    for store in ("S01", "S02"):
        (name,) = names(folder, store)
        content = (folder / store / "in" / name).read_text("cp1252")
        assert content == "H;PLU;PRICE\nC;85123A;2,55;GBP;A\nC;B,1;3,00;GBP;A\nZ;2\n"


def test_the_same_send_again_makes_no_second_file(folder: Path, connect: Connect) -> None:
    till = connect(folder)
    till.write_batch("price", [price("85123A", "2.55")])
    before = names(folder)
    till.write_batch("price", [price("85123A", "2.55")])
    assert names(folder) == before


def test_a_price_that_returns_comes_after_the_one_between(folder: Path, connect: Connect) -> None:
    till = connect(folder)
    for amount in ("2.55", "3.00", "2.55"):
        till.write_batch("price", [price("85123A", amount)])
    contents = [(folder / "S01/in" / n).read_text("cp1252") for n in names(folder)]
    assert [c.split(";")[4] for c in contents] == ["2,55", "3,00", "2,55"]


def test_order_holds_when_the_clock_is_set_back(folder: Path, connect: Connect) -> None:
    inbox = folder / "S01" / "in"
    inbox.mkdir()
    (inbox / "009999999999999-price-aaaaaaaaaaaaaaaa.csv").write_text("later than now")
    connect(folder).write_batch("price", [price("85123A", "2.55")])
    assert names(folder)[-1].startswith("010000000000000-price-")


def test_one_bad_record_keeps_no_other_back(folder: Path, connect: Connect) -> None:
    bad = WriteItem(ref="xd-2", key="k", op="update", body={"sku": "A"})
    outcome = connect(folder).write_batch("price", [price("85123A", "2.55"), bad])
    assert isinstance(outcome[0], Done)
    assert isinstance(outcome[1], Rejected)
    assert "Z;1" in (folder / "S01/in" / names(folder)[0]).read_text("cp1252")


def test_a_folder_that_cannot_be_written_is_tried_again_later(
    folder: Path, connect: Connect
) -> None:
    (folder / "S02" / "in").write_text("a file in the way")
    with pytest.raises(Unavailable, match="S02"):
        connect(folder).write_batch("price", [price("85123A", "2.55")])
