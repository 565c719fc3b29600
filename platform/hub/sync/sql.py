"""The hot path speaks SQL: set-wise statements on Django's connection, in the active schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

Row = tuple[Any, ...]


def rows(statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Run a statement and return what it returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def clock() -> datetime:
    """Now, by the database: the one clock that all our processes share."""
    now: datetime = rows("SELECT clock_timestamp()")[0][0]
    return now


def execute(statement: str, parameters: Sequence[Any] = ()) -> int:
    """Run a statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
