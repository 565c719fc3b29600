"""Odoo 19, by its JSON-2 API."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from connectors.odoo import (
    customers,
    movements,
    orders,
    payments,
    receipts,
    refunds,
    returns,
    streams,
)
from connectors.odoo.catalogue import Catalogue
from connectors.odoo.client import Client
from connectors.odoo.sessions import Sessions
from connectors.odoo.target import Target
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, Unreadable
from connectors.sdk.http import Http
from connectors.sdk.manifest import Manifest, load_manifest
from connectors.sdk.records import (
    CheckLine,
    Done,
    Found,
    Heard,
    Hint,
    Json,
    Nothing,
    Page,
    SourceRecord,
    Step,
    WriteItem,
)
from connectors.sdk.tokens import Tokens

#: Resources written by a module of their own, record by record.
DOCUMENTS: dict[str, ModuleType] = {
    "customer": customers,
    "order": orders,
    "payment": payments,
    "refund": refunds,
    "return": returns,
    "stock_movement": movements,
}
TILL = {"pos_sale": False, "pos_return": True}

#: What the integration user must be able to do, by the app that brings it.
NEEDED = {
    "Sales": ("sale.order", "create"),
    "Invoicing": ("account.move", "create"),
    "Inventory": ("stock.picking", "create"),
    "Point of Sale": ("pos.order", "create"),
    "Contacts": ("res.partner", "create"),
    "Products": ("product.product", "read"),
}


class Row(msgspec.Struct):
    """A stored message of a stream: the external id and Odoo's row."""

    id: str
    row: Json


class Odoo(Connector):
    """Everything is polled: Odoo's webhooks are unsigned and don't fire on stock (NOTES 9)."""

    manifest: ClassVar[Manifest] = load_manifest(Path(__file__).parent)

    def __init__(
        self,
        *,
        config: Json,
        secrets: Mapping[str, str],
        http: Http,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(config=config, secrets=secrets, http=http, tokens=tokens)
        address = str(config["url"]).rstrip("/")
        client = Client(http, address, secrets["api_key"], config.get("database") or "")
        self.odoo = Target(client, Catalogue(client, config), config, address)
        self.sessions = Sessions(client)

    # ---- set-up
    def check(self) -> list[CheckLine]:
        try:
            self.odoo.client.call("res.users", "context_get")
        except ConnectorError as error:
            return [CheckLine("Odoo answers and knows the API key", False, str(error))]
        lines = [CheckLine("Odoo answers and knows the API key", True)]
        lines += [self._may(app, *right) for app, right in NEEDED.items()]
        return [*lines, self._warehouse_line()]

    def _may(self, app: str, model: str, operation: str) -> CheckLine:
        what = f"{app}: may {operation} {model}"
        try:
            allowed = self.odoo.client.call(model, "has_access", ids=[], operation=operation)
        except ConnectorError as error:
            return CheckLine(what, False, str(error))
        move = "" if allowed else f"Give the integration user rights in {app} in Odoo."
        return CheckLine(what, bool(allowed), move)

    def _warehouse_line(self) -> CheckLine:
        code = self.config.get("web_warehouse", "CEN")
        try:
            self.odoo.catalogue.warehouse(code)
        except ConnectorError as error:
            return CheckLine(f"Warehouse {code} for web orders", False, str(error))
        return CheckLine(f"Warehouse {code} for web orders", True)

    def account(self) -> str:
        """Host, database and company: Odoo shows its database's own id to administrators only."""
        parts = urlsplit(self.odoo.address.lower())
        name = self.config.get("database") or ""
        return f"odoo:{parts.netloc}{parts.path}:{name}:{self.config.get('company', 1)}"

    # ---- source
    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        return streams.read(self.odoo, stream, cursor)

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        try:
            told = msgspec.json.decode(heard.body, type=Row)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable(
                "A stored row of Odoo can't be read: read it again from Odoo.", detail=str(error)
            ) from error
        return _record(heard.stream, told.id, told.row, heard)

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        found = streams.reread(self.odoo, stream, list(external_ids))
        return {
            id_: _record(stream, id_, row) if row is not None else None
            for id_, row in found.items()
        }

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        if resource in TILL:
            outcome = self.write_batch(resource, [item])[0]
            if isinstance(outcome, ConnectorError):
                raise outcome
            return outcome
        done: Done = yield from DOCUMENTS[resource].write(self.odoo, item)
        return done

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        if resource not in TILL:
            return super().write_batch(resource, items)
        return receipts.write_batch(self.odoo, self.sessions, items, back=TILL[resource])

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        module = receipts if resource in TILL else DOCUMENTS[resource]
        found: Found | None = module.look_up(self.odoo, item)
        return found


def _record(stream: str, id_: str, row: Json, heard: Heard | None = None) -> SourceRecord:
    """``write_date`` (or the newest count of a shelf) is its version: it orders by text."""
    ref = str(row.get("client_order_ref") or "")
    return SourceRecord(
        stream,
        id_,
        row,
        version=str(row.get("write_date") or row.get("counted_at") or ""),
        our_ref=ref if ref.startswith("xd-") else "",
        read_started_at=heard.read_started_at if heard else None,
    )
