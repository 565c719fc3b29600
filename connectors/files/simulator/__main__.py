"""python -m connectors.files.simulator --port 9000 --state objects.db"""

from __future__ import annotations

from connectors.files.simulator.objects import build
from connectors.sdk.simulation.app import serve

serve(build, "An object store in the S3 protocol")
