"""Sets a partner's schema back to where the engine's first migration left it: one who is behind.

The partner has no traffic of its own. A child process, so that the harness stays outside of Django.
"""

from __future__ import annotations

import django

django.setup()

from django.db import connection  # noqa: E402 - after setup
from django.db.migrations.executor import MigrationExecutor  # noqa: E402

from tenants.context import partner_context  # noqa: E402
from tenants.partners.selectors import partner_by_slug  # noqa: E402

SLUG = "elder"
FIRST = [("sync", "0001_initial")]


def main() -> int:
    partner = partner_by_slug(SLUG)
    if partner is None:
        return 1
    with partner_context(partner):
        MigrationExecutor(connection).migrate(FIRST)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
