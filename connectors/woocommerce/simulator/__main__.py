"""``python -m connectors.woocommerce.simulator --port N --state FILE``."""

from connectors.sdk.simulation.app import serve
from connectors.woocommerce.simulator.routes import build

serve(build, "A stand-in WooCommerce shop")
