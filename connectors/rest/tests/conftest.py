"""A house system that runs, and connections to it with whatever settings a story needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.rest.connector import Rest
from connectors.rest.simulator import gate
from connectors.rest.simulator.app import build
from connectors.sdk.records import Done, Heard, Json, WriteItem
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running, running

SECRETS = {"api_key": gate.KEY, "token": gate.KEY, "password": gate.PASSWORD,
           "client_secret": gate.SECRET, "signing_secret": gate.SECRET}  # fmt: skip
DOCUMENT = {
    "name": "document", "entity": "order", "id": "document.id",
    "create": {"address": "/documents"},
    "update": {"address": "/documents/{id}", "method": "PUT"},
    "delete": {"address": "/documents/{id}", "method": "DELETE"},
    "lookup": {"address": "/documents?reference={ref}", "records": "documents", "ref": "reference"},
}  # fmt: skip

Connect = Callable[..., Rest]


@pytest.fixture
def house() -> Iterator[Running]:
    with running(build) as system:
        yield system


@pytest.fixture
def connect(house: Running) -> Connect:
    """``connect(door="open", secrets=…, **config)``; refused settings are shown."""

    def connected(door: str = "open", secrets: Json | None = None, **config: Any) -> Rest:
        config = {"url": f"{house.url}/{door}", **config}
        assert list(Rest.config_problems(config)) == []
        return Rest(config=config, secrets=secrets or SECRETS, http=PlainHttp())

    return connected


def orders(style: str = "none", **more: Any) -> Json:
    """A stream of the house's orders, listed in that style."""
    styles: dict[str, Json] = {
        "page": {"size_param": "limit", "size": 2, "total": "total"},
        "offset": {"size": 2, "total": "header:X-Total"},
        "cursor": {"path": "next_cursor", "size_param": "limit", "size": 2},
        "next": {"path": "links.next", "size_param": "limit", "size": 2},
        "link": {"size_param": "limit", "size": 2},
        "keyset": {"param": "after_id", "path": "id", "size_param": "limit", "size": 2},
    }
    paging = {"style": style, **styles.get(style, {}), **more.pop("paging", {})}
    return {"name": "orders", "produces": ["order"], "version": "updated_at", "records": "data",
            "address": f"/orders/{style}", "paging": paging, **more}  # fmt: skip


SINCE = {"param": "updated_since", "path": "updated_at", "overlap": 0}


def heard(connector: Rest, cursor: Json | None = None) -> tuple[list[Heard], Json]:
    """Everything a reading brings, and the cursor after it, stored as the hub stores it."""
    found: list[Heard] = []
    after = cursor or {}
    for page in connector.read("orders", after):
        found += page.heard
        after = page.cursor
    return found, after


def numbers(connector: Rest, told: list[Heard]) -> list[str]:
    return [str(connector.understand(h).body["number"]) for h in told]  # type: ignore[union-attr]


def document(ref: str = "xd-1", **body: Any) -> WriteItem:
    made = {"reference": ref, "number": "N1", "lines": [{"sku": "MUG"}], **body}
    return WriteItem(ref=ref, key=f"key-{ref}", op="create", body=made)


def written(connector: Rest, item: WriteItem, resource: str = "document") -> Done:
    """The write, step by step, as the hub runs it."""
    run = connector.write(resource, item)
    try:
        while True:
            next(run)
    except StopIteration as stop:
        done: Done = stop.value
        return done
