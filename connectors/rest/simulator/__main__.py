"""``python -m connectors.rest.simulator --port N --state FILE``"""

from __future__ import annotations

from connectors.rest.simulator.app import build
from connectors.sdk.simulation.app import serve

if __name__ == "__main__":
    serve(build, "A house-made shop and back office with a JSON API")
