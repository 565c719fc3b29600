"""``python -m connectors.csvtill.simulator --port N --state FILE --folder DIR``"""

from __future__ import annotations

from connectors.csvtill.simulator.app import build
from connectors.sdk.simulation.app import serve

if __name__ == "__main__":
    serve(build, "The tills of eighteen stores")
