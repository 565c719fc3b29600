"""Every connector, one line each."""

from __future__ import annotations

from functools import cache

from connectors.sdk.connector import Connector


@cache
def connectors() -> dict[str, type[Connector]]:
    """Connector classes by the name of their manifest."""
    from connectors.csvtill.connector import CsvTill
    from connectors.odoo.connector import Odoo
    from connectors.woocommerce.connector import WooCommerce

    return {c.manifest.name: c for c in (WooCommerce, Odoo, CsvTill)}
