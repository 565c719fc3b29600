"""What a person at a partner's desk does after credentials were mended: resume the connections.

A child process of its own, so that the harness itself stays outside of Django.
"""

from __future__ import annotations

import sys

import django

django.setup()

from hub.connections.lifecycle import resume  # noqa: E402 - after setup
from hub.connections.models import Connection  # noqa: E402
from tenants.context import each_partner  # noqa: E402


def main() -> int:
    resumed = 0
    for _ in each_partner():
        for connection in Connection.objects.filter(state="attention"):
            resume(connection, actor="command:chaos")
            resumed += 1
    sys.stdout.write(f"{resumed}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
