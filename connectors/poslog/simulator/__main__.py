"""``python -m connectors.poslog.simulator --port N --state FILE --folder DIR``"""

from __future__ import annotations

from connectors.poslog.simulator.app import build
from connectors.sdk.simulation.app import serve

if __name__ == "__main__":
    serve(build, "Tills that write POSLog")
