"""``python -m connectors.square.simulator --port N --state FILE``"""

from __future__ import annotations

from connectors.sdk.simulation.app import serve
from connectors.square.simulator.app import build

if __name__ == "__main__":
    serve(build, "A seller on Square")
