"""A till's folder and a connection to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.poslog.connector import PosLog
from connectors.poslog.simulator.dialects import Item
from connectors.sdk.records import Heard, Json, Page
from connectors.sdk.testing.plain_http import PlainHttp

CANDLE = Item("A1", "Kerze & Co", "2", "3.90")
CUP = Item("B2", "Tasse groß", "1", "12.00")
Connect = Callable[..., PosLog]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "tills"
    folder.mkdir()
    return folder


@pytest.fixture
def connect(root: Path) -> Connect:
    def connected(secrets: Any = None, **config: Any) -> PosLog:
        settings = {"place": "folder", "folder": str(root), "settle": 0, "zone": "Europe/Berlin"}
        settings |= config
        whole = {f.name: settings.get(f.name, f.default) for f in PosLog.manifest.fields}
        assert list(PosLog.config_problems(whole)) == []
        return PosLog(config=whole, secrets=secrets or {}, http=PlainHttp())

    return connected


def polled(connector: PosLog, cursor: Json | None = None) -> list[Page]:
    """One poll as the hub does it: a page stored, then its files archived."""
    pages = []
    for page in connector.read("transaction", cursor or {}):
        pages.append(page)
        connector.archive(page.files)
    return pages


def heard(pages: list[Page], stream: str = "transaction") -> list[Heard]:
    return [one for page in pages for one in page.heard if one.stream == stream]
