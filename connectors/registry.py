"""Every connector, one line each."""

from __future__ import annotations

from functools import cache

from connectors.csvtill.connector import CsvTill
from connectors.files.connector import Files
from connectors.odoo.connector import Odoo
from connectors.poslog.connector import PosLog
from connectors.rest.connector import Rest
from connectors.sdk.connector import Connector
from connectors.sql.connector import Sql
from connectors.square.connector import Square
from connectors.woocommerce.connector import WooCommerce

CONNECTORS: tuple[type[Connector], ...] = (
    WooCommerce,
    Odoo,
    CsvTill,
    Rest,
    Square,
    Files,
    PosLog,
    Sql,
)


@cache
def connectors() -> dict[str, type[Connector]]:
    """Connector classes by the name of their manifest."""
    return {c.manifest.name: c for c in CONNECTORS}
