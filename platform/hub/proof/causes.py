"""Business exceptions of every partner as JSON, for the demo's verdict: {partner: {code: …}}.

A child process of its own, so that the demo itself stays outside of Django.
"""

from __future__ import annotations

import json
import sys

import django

django.setup()

from hub.monitoring.selectors import exceptions_by_cause, owed  # noqa: E402 - after setup
from tenants.context import each_partner  # noqa: E402


def main() -> int:
    found = {p.slug: {"exceptions": exceptions_by_cause(), "owed": owed()} for p in each_partner()}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
