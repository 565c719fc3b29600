"""``python -m connectors.odoo.simulator --port N --state FILE``"""

from __future__ import annotations

from connectors.odoo.simulator.app import build
from connectors.sdk.simulation.app import serve

serve(build, "A stand-in for Odoo 19")
