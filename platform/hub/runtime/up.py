"""``manage.py up``: an installation for real use, until it is asked to stop."""

from __future__ import annotations

import argparse
import sys

from hub.runtime.home import resolve
from hub.runtime.installation import Installation
from hub.runtime.processes import DEFAULT_PORT
from hub.runtime.signals import interruptible, wait_to_be_stopped


def main(argv: list[str]) -> int:
    """Runs all processes; 0 when asked to stop. Raises Complaint when they cannot run."""
    parser = argparse.ArgumentParser("manage.py up", description=__doc__)
    parser.add_argument("--home", help="folder that holds all state (CROSSDOCK_HOME, else var)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="web; the ingress takes the next one"
    )
    options = parser.parse_args(argv)
    try:
        with interruptible(), Installation(resolve(options.home), options.port) as installation:
            _say(f"Portal    {installation.url}  (partners: http://<partner>.localhost:…)")
            _say(f"Webhooks  {installation.ingress_url}")
            _say(f"State     {installation.home.path}")
            _say("Running; Ctrl-C stops everything.")
            wait_to_be_stopped()
            _say("Stopping.")
    except KeyboardInterrupt:
        _say("Stopped.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
