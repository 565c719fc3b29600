"""Whole POSLog files: many transactions, half files, bad ones, dropped twice, from anywhere."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from connectors.poslog.connector import PosLog
from connectors.poslog.simulator.app import build
from connectors.poslog.simulator.dialects import DIALECTS, Written, file_of
from connectors.poslog.tests.conftest import CANDLE, CUP, Connect, heard, polled
from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Nothing, SourceRecord
from connectors.sdk.testing.simulators import running

DAY = [Written(n, [CANDLE]) for n in (1, 2, 3)]


def numbers(connector: PosLog, told: list[object]) -> list[str]:
    return [r.external_id for r in told if isinstance(r, SourceRecord)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_transaction_is_heard_in_its_own_bytes(
    connect: Connect, root: Path, dialect: str
) -> None:
    raw = file_of(dialect, DAY)
    (root / "day.xml").write_bytes(raw)
    till = connect()
    pages = polled(till)
    told = heard(pages)
    assert [till.understand(one).external_id for one in told] == [  # type: ignore[union-attr]
        f"S01-1-2024-08-08-{n}" for n in (1, 2, 3)
    ]
    for one in told:
        inner = one.body[one.body.index(b"<Transaction") : one.body.index(b"</POSLog>")]
        assert inner in raw
    (whole,) = heard(pages, "file")
    assert whole.body == raw and isinstance(till.understand(whole), Nothing)
    assert (root / "archive/day.xml").read_bytes() == raw


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
def test_umlauts_in_every_encoding(connect: Connect, root: Path, encoding: str) -> None:
    (root / "day.xml").write_bytes(file_of("visma", [Written(1, [CUP])], encoding))
    till = connect()
    (one,) = heard(polled(till))
    sale = till.understand(one)
    assert sale.body["sale"]["lines"][0]["text"] == "Tasse groß"  # type: ignore[union-attr]


def test_a_transaction_in_two_files_counts_once(connect: Connect, root: Path) -> None:
    (root / "hour.xml").write_bytes(file_of("ncr", DAY[:2]))
    (root / "day.xml").write_bytes(file_of("ncr", DAY))
    (root / "day.xml.gz").write_bytes(gzip.compress(file_of("ncr", DAY)))
    till = connect(files="*.xml*")
    assert len({one.identity for one in heard(polled(till))}) == 3


def test_a_bad_transaction_costs_itself_and_says_where(connect: Connect, root: Path) -> None:
    raw = file_of("visma", DAY).replace(b"Kerze &amp; Co", b"Kerze & Co", 2)
    assert raw.count(b"Kerze & Co") == 2
    (root / "day.xml").write_bytes(raw)
    till = connect()
    *bad, good = heard(polled(till))
    for one, line in zip(bad, (3, 4), strict=True):
        with pytest.raises(Unreadable, match=rf"day\.xml \(line {line}, column \d+\)"):
            till.understand(one)
    assert till.understand(good).external_id.endswith("-3")  # type: ignore[union-attr]


def test_half_a_file_is_waited_for_and_told_once(connect: Connect, root: Path) -> None:
    raw = file_of("roqqio", DAY)
    (root / "day.xml").write_bytes(raw[:-40])
    (page,) = polled(connect())
    assert page.heard == ()
    impatient = connect(incomplete_after=0)
    pages = polled(impatient, page.cursor)
    (told,) = heard(pages, "file")
    with pytest.raises(Unreadable, match="not finished") as refused:
        impatient.understand(told)
    assert refused.value.code == "file-incomplete" and told.body == raw[:-40]
    assert polled(impatient, pages[-1].cursor) == []
    (root / "day.xml").write_bytes(raw)
    assert len(heard(polled(impatient, pages[-1].cursor))) == 3


def test_an_entity_bomb_is_refused_unopened(connect: Connect, root: Path) -> None:
    raw = file_of("ncr", DAY)
    bomb = b'<!DOCTYPE p [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    (root / "day.xml").write_bytes(raw.replace(b"?>\n", b"?>\n" + bomb, 1))
    till = connect()
    (told,) = heard(polled(till), "file")
    with pytest.raises(Unreadable, match="document type or entities"):
        till.understand(told)
    assert (root / "day.xml").exists()


def test_a_file_of_another_kind_is_told(connect: Connect, root: Path) -> None:
    (root / "day.xml").write_text("<Invoice/>")
    till = connect()
    (told,) = heard(polled(till), "file")
    with pytest.raises(Unreadable, match="begins with 'Invoice' and not with 'POSLog'"):
        till.understand(told)


def test_a_connection_is_checked(connect: Connect, root: Path) -> None:
    assert all(line.ok for line in connect().check())
    assert connect().account().startswith("poslog:folder:")
    root.rmdir()
    (line,) = connect().check()
    assert not line.ok and "mount the share" in line.move


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [("zone", "Mars", "no time zone"), ("files", "/etc/*.xml", "leads out"),
     ("files", "../*.xml", "leads out"), ("place", "ftp", "no kind of place")],
)  # fmt: skip
def test_wrong_settings_are_told_at_once(setting: str, value: str, why: str) -> None:
    config = {"place": "folder", "folder": "/x", "zone": "UTC", "files": "*.xml",
              "archive": "archive", setting: value}  # fmt: skip
    assert any(name == setting and why in text for name, text in PosLog.config_problems(config))


def test_the_simulated_tills_are_read_like_real_ones(
    connect: Connect, root: Path, tmp_path: Path
) -> None:
    with running(build, state=tmp_path / "tills.db", folder=root) as tills:
        sold = [
            tills.control("sell", {"dialect": dialect, "store": store,
                                   "items": [{"sku": "A1", "qty": 1, "price": "3.90"}]})
            for dialect in DIALECTS for store in ("S01", "S02")
        ]  # fmt: skip
        till = connect()
        told = [till.understand(one) for one in heard(polled(till))]
        assert sorted(numbers(till, list(told))) == sorted(one["number"] for one in sold)
        assert len(tills.control("sold", method="GET")) == 6
