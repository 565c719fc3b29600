"""Tokens of a connection, kept in the vault; renewed by one caller at a time.

A connector calls from threads that own no partner context and no transaction, so each call enters
the partner's schema by itself and gives its database connection back.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection as database
from django.db import transaction

from connectors.sdk.tokens import Secrets
from hub.connections.lifecycle import PREVIOUS
from kernel.security import vault
from tenants.context import partner_context


class VaultTokens:
    """The SDK's `Tokens` over the vault."""

    def __init__(self, schema: str, connection_id: uuid.UUID) -> None:
        self._schema = schema
        self._connection = connection_id

    def current(self) -> Secrets:
        """See `connectors.sdk.tokens.Tokens`."""
        with self._inside():
            return self._kept()

    def renew(self, field: str, seen: str, exchange: Callable[[Secrets], Secrets]) -> Secrets:
        """See `connectors.sdk.tokens.Tokens`. The lock is held while the system is asked: whoever
        comes second waits, and then finds the new token."""
        with self._inside(), transaction.atomic():
            with database.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                    [f"tokens {self._schema} {self._connection}"],
                )
            kept = self._kept()
            if kept.get(field, "") != seen:
                return kept
            for name, value in exchange(kept).items():
                vault.put(self._connection, name, value)
            return self._kept()

    def _kept(self) -> dict[str, str]:
        stored = vault.get_all(self._connection)
        return {name: value for name, value in stored.items() if not name.endswith(PREVIOUS)}

    @contextmanager
    def _inside(self) -> Iterator[None]:
        outside = not database.in_atomic_block and database.connection is None
        with partner_context(self._schema):
            try:
                yield
            finally:
                if outside:
                    database.close()
