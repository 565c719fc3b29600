"""Lists as CSV files, streamed row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

LIMIT = 50_000
"""Rows of one file; a spreadsheet program is no place for more."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file whose content is what was written last."""

    def write(self, text: str) -> str:
        return text


def csv_file(
    name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """A download ``name``.csv. Times in the active zone, with their offset."""
    zone = timezone.get_current_timezone()
    answer = StreamingHttpResponse(_lines(head, rows, zone), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _lines(head: Sequence[str], rows: Iterable[Sequence[Any]], zone: Any) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(head)
    for row in rows:
        yield writer.writerow([cell(value, zone) for value in row])


def cell(value: Any, zone: Any) -> str:
    """One value as text that no spreadsheet program takes for a formula (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
