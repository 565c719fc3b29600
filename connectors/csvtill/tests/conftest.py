"""A chain of tills in a folder of its own, and a connection to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.csvtill.connector import CsvTill
from connectors.csvtill.simulator.app import build
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running, running

JOURNAL = (
    "H;JOURNAL;S01;2;20110808;0003\r\n"
    "S;S01-2-000123;20110808;091512;OP07;GBP\r\n"
    "I;1;85123A;WHITE HEART;6;2,55;15,30;VAT20;20,00;2,55;0\r\n"
    "T;CARD;15,30;A1;VISA;1234\r\n"
    "E;S01-2-000123;15,30;1\r\n"
    "R;S01-2-000124;20110808;101500;OP07;GBP;S01-2-000123\r\n"
    "I;1;85123A;WHITE HEART;2;2,55;5,10;VAT20;20,00;0,85;1\r\n"
    "T;CASH;5,10;;;\r\n"
    "E;S01-2-000124;5,10;1\r\n"
    "Z;8\r\n"
)


def numbered(records: str) -> bytes:
    """A journal around some records, with a header and a trailer that counts them."""
    lines = records.strip().splitlines()
    whole = ["H;JOURNAL;S01;2;20110808;0004", *lines, f"Z;{len(lines)}", ""]
    return "\r\n".join(whole).encode("cp1252")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for store in ("S01", "S02"):
        (tmp_path / "tills" / store / "out").mkdir(parents=True)
    return tmp_path / "tills"


@pytest.fixture
def connect() -> Callable[[Path], CsvTill]:
    def connected(root: Path, **config: object) -> CsvTill:
        settings = {"folder": str(root), "zone": "Europe/London", "incomplete_after": 30}
        return CsvTill(config=settings | config, secrets={}, http=PlainHttp())

    return connected


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[tuple[Running, Path]]:
    """A running simulator and its folder."""
    root = tmp_path / "chain"
    root.mkdir()
    with running(build, state=tmp_path / "state.db", folder=root) as simulator:
        yield simulator, root
