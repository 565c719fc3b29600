"""A till's folder and a connection to it; receipts in all three dialects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.poslog.connector import PosLog
from connectors.poslog.simulator.dialects import Item, Written, file_of
from connectors.poslog.transaction import PATH
from connectors.sdk.files.xmlcut import cut
from connectors.sdk.records import Heard, Json, Nothing, Page, SourceRecord
from connectors.sdk.testing.plain_http import PlainHttp
from hub.canonical.validate import validate
from hub.connections.config import settings_problems, with_defaults
from hub.mappings.rules import compile_to_canonical
from hub.mappings.selectors import shipped_rules

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
        assert settings_problems(PosLog, settings) == []
        whole = with_defaults(PosLog.manifest, settings)
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


def understood(dialect: str, written: Written, **config: Any) -> SourceRecord | Nothing:
    """What one transaction says. Raises Unreadable."""
    settings = with_defaults(PosLog.manifest, {"zone": "Europe/Berlin", **config})
    connector = PosLog(config=settings, secrets={}, http=PlainHttp())
    (one,) = cut("log.xml", file_of(dialect, [written]), PATH)
    found = connector.understand(Heard("transaction", "x", one.body, {"file": "log.xml"}))
    assert isinstance(found, SourceRecord | Nothing)
    return found


def body_of(dialect: str, written: Written, **config: Any) -> Json:
    found = understood(dialect, written, **config)
    assert isinstance(found, SourceRecord), found
    return found.body


def mapped(record: SourceRecord) -> dict[str, list[Json]]:
    """Canonical contents by entity, each valid to the cent."""
    made: dict[str, list[Json]] = {}
    for entity in ("sale", "return", "stock_movement"):
        mapping = compile_to_canonical(shipped_rules("poslog", f"transaction.{entity}"), {})
        for one in mapping.run(json.loads(json.dumps(record.body))):
            content = one.bind(lambda ref: ref.external_id and f"{ref.object}/{ref.external_id}")
            assert validate(entity, content) == []
            made.setdefault(entity, []).append(content)
    return made
