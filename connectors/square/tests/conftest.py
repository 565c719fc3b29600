"""A seller in a stand-in of its own, and a connection to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.records import Done, SourceRecord, WriteItem
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running, running
from connectors.sdk.tokens import Tokens
from connectors.square.connector import Square
from connectors.square.simulator.app import build

SECRETS = {
    "access_token": "EAAA-simulator",
    "refresh_token": "EQAA-simulator",
    "application_secret": "sq0csp-simulator",
    "application_token": "EAAA-simulator-application",
}
DEFAULTS = {f.name: f.default for f in Square.manifest.fields if f.kind != "secret"}
Connect = Callable[..., Square]


@pytest.fixture
def seller(tmp_path: Path) -> Iterator[Running]:
    with running(build, state=tmp_path / "square.db") as simulator:
        yield simulator


@pytest.fixture
def connect(seller: Running) -> Connect:
    def connected(
        tokens: Tokens | None = None, secrets: Mapping[str, str] = SECRETS, **config: Any
    ) -> Square:
        settings = DEFAULTS | {"url": seller.url, "application_id": "sq0idp-simulator"} | config
        return Square(config=settings, secrets=secrets, http=PlainHttp(), tokens=tokens)

    return connected


def sale(number: str = "S10-2-000001", store: str = "S10", **more: Any) -> dict[str, Any]:
    """Six hearts, partly in cash."""
    line = {"sku": "85123A", "text": "White heart", "qty": 6, "price": "2.55", "tax": "VAT20"}
    tenders = [{"kind": "cash", "amount": "5.30"}, {"kind": "card", "amount": "10.00"}]
    receipt = {"kind": "sale", "store": store, "till": 2, "at": "2011-08-08T09:15:00"}
    return receipt | {"number": number, "lines": [line], "tenders": tenders} | more


def give_back(of: str, number: str = "S10-2-000002", **more: Any) -> dict[str, Any]:
    """Two of them come back, for cash."""
    line = {**sale()["lines"][0], "qty": 2, "origin": 1}
    tenders = [{"kind": "cash", "amount": "5.10"}]
    back = sale(number, kind="return", original=of, lines=[line], tenders=tenders)
    return back | more


def read_all(square: Square, stream: str, cursor: dict[str, Any] | None = None) -> Any:
    """(records, cursor after the last page)."""
    found: list[SourceRecord] = []
    cursor = cursor or {}
    for page in square.read(stream, cursor):
        for heard in page.heard:
            told = square.understand(heard)
            assert isinstance(told, SourceRecord)
            found.append(told)
        cursor = page.cursor
    return found, cursor


def item_of(body: dict[str, Any], ref: str = "xd-env-1", **more: Any) -> WriteItem:
    return WriteItem(**{"ref": ref, "key": f"{ref}/1", "op": "create", "body": body} | more)


def write(square: Square, resource: str, item: WriteItem) -> Done:
    steps = square.write(resource, item)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Done = end.value
            return done


def article(sku: str = "85123A", **more: Any) -> dict[str, Any]:
    return {"name": "White heart", "archived": False, "stocked": True,
            "variations": [{"sku": sku}]} | more  # fmt: skip
