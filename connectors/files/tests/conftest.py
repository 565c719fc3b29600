"""Places with files in them, and connections to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.files.connector import Files
from connectors.sdk.records import Heard, Json, Page, SourceRecord
from connectors.sdk.testing.plain_http import PlainHttp

SALES: Json = {
    "name": "sales",
    "files": "sales-*.csv",
    "entities": ["sale"],
    "format": "csv",
    "key": ["Bon"],
    "group_by": ["Bon"],
    "delimiter": ";",
    "decimal": ",",
    "zone": "Europe/Berlin",
    "columns": [
        {"name": "Bon", "required": True},
        {"name": "at", "from": ["Datum", "Zeit"], "type": "datetime",
         "format": "%d.%m.%Y %H:%M"},
        {"name": "Artikel"},
        {"name": "Menge", "type": "integer"},
        {"name": "Betrag", "type": "decimal", "required": True},
    ],
}  # fmt: skip
HEADER = "Bon;Datum;Zeit;Artikel;Menge;Betrag"


def sales_file(*lines: str, encoding: str = "utf-8") -> bytes:
    return ("\n".join([HEADER, *lines]) + "\n").encode(encoding)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


Connect = Callable[..., Files]


@pytest.fixture
def connect(root: Path) -> Connect:
    """A connection to the folder ``root``, quiet files taken at once unless said otherwise."""

    def connected(
        *streams: Json, resources: Any = (), secrets: Any = None, http: Any = None, **config: Any
    ) -> Files:
        settings = {"place": "folder", "folder": str(root), "settle": 0, "streams": list(streams),
                    "resources": list(resources)} | config  # fmt: skip
        whole = {f.name: settings.get(f.name, f.default) for f in Files.manifest.fields}
        assert list(Files.config_problems(whole)) == []
        return Files(config=whole, secrets=secrets or {}, http=http or PlainHttp())

    return connected


def polled(connector: Files, stream: str, cursor: Json | None = None) -> list[Page]:
    """One poll as the hub does it: a page stored, then its files archived."""
    pages = []
    for page in connector.read(stream, cursor or {}):
        pages.append(page)
        connector.archive(page.files)
    return pages


def records(pages: list[Page], stream: str) -> list[Heard]:
    return [heard for page in pages for heard in page.heard if heard.stream == stream]


def bodies(connector: Files, pages: list[Page], stream: str) -> list[Json]:
    read = [connector.understand(heard) for heard in records(pages, stream)]
    return [one.body for one in read if isinstance(one, SourceRecord)]
