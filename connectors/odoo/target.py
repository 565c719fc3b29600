"""What every write to Odoo shares: the client, the catalogue and looking up by our reference."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.odoo.catalogue import Catalogue
from connectors.odoo.client import Client, Json
from connectors.sdk.errors import NotYet, OutcomeUnknown, Rejected
from connectors.sdk.records import Done, Found, Step, WriteItem

Writing = Generator[Step, None, Done]


@dataclass(frozen=True, slots=True)
class Target:
    """``address``: where people open Odoo. ``config``: the connection's settings."""

    client: Client
    catalogue: Catalogue
    config: Json
    address: str

    def url(self, model: str, id_: int | str) -> str:
        return f"{self.address}/web#id={id_}&model={model}&view_type=form"

    def found(self, model: str, domain: list[Any], fields: list[str]) -> Json | None:
        """The record our reference names, or None. Two of them raise Rejected: nothing in Odoo
        is unique by itself, and picking one would hide the other.
        """
        rows = self.client.search_read(model, domain, fields, limit=2)
        if len(rows) > 1:
            ids = " and ".join(str(row["id"]) for row in rows)
            raise Rejected(
                f"Odoo holds two records of {model} with our reference ({ids}): delete or cancel "
                "the wrong one there, then resend.",
                code="duplicate-exact",
            )
        return rows[0] if rows else None

    def needed(self, model: str, id_: int | str, fields: list[str]) -> Json:
        """A record we wrote before. Raises Rejected when a person has deleted it."""
        row = self.client.read_one(model, int(id_), fields)
        if row is None:
            raise Rejected(
                f"Record {id_} of {model} is gone from Odoo: recreate it from its own page here, "
                "or ignore this one.",
                code="reference-missing",
            )
        return row


class Resource(Protocol):
    """A kind of thing Odoo takes: a module of this package with these two functions."""

    def write(self, odoo: Target, item: WriteItem) -> Writing: ...

    def look_up(self, odoo: Target, item: WriteItem) -> Found | None: ...


def made(action: Any, what: str) -> int:
    """The id of what a wizard made. Raises OutcomeUnknown when its answer names none."""
    if isinstance(action, dict) and isinstance(action.get("res_id"), int) and action["res_id"]:
        return int(action["res_id"])
    raise OutcomeUnknown(f"Odoo didn't say which {what} it made; we look it up by ourselves.")


def must(reached: bool, what: str) -> None:
    """State re-read after a button. Raises NotYet: a 200 that did nothing is tried again."""
    if not reached:
        raise NotYet(
            f"Odoo accepted the request and yet {what}: look in Odoo for a question it asks, "
            "answer it, then resend.",
            code="not-ready",
        )
