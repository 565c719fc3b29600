"""The hot path speaks SQL: set-wise statements on Django's connection, in the active schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

Row = tuple[Any, ...]


def rows(statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Run a statement and return what it returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def execute(statement: str, parameters: Sequence[Any] = ()) -> int:
    """Run a statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
