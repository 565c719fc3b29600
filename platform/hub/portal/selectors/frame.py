"""What the frame around every page counts."""

from __future__ import annotations

from django.db import connection

from tenants.merchants.models import Environment

BADGES = """
SELECT (SELECT count(*) FROM sync_businessexception
         WHERE environment_id = %(environment)s AND state = 'open'),
       (SELECT count(*) FROM sync_delivery d JOIN connections_connection c
            ON c.id = d.connection_id
         WHERE c.environment_id = %(environment)s AND d.problem = 'dead')
"""


def badges(environment: Environment) -> tuple[int, int]:
    """(open exceptions, dead letters). One query."""
    with connection.cursor() as cursor:
        cursor.execute(BADGES, {"environment": environment.pk})
        exceptions, dead = cursor.fetchone()
    return exceptions, dead
