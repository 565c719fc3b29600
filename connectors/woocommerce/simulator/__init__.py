"""A faithful small stand-in of a WooCommerce 11 shop: its REST API v3 and its webhooks."""

from connectors.woocommerce.simulator.routes import build

__all__ = ["build"]
