"""What the tills of a store know: articles, prices and taxes, from the files given to them.

Files are applied in the order of their names and moved to ``in/done``. A till that starts again
reads ``done`` from the beginning: its knowledge is its files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

Known = dict[str, dict[str, Any]]


class Shelf:
    """``articles``: {code: {title, tax, price}}; ``taxes``: {code: percent}."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in"
        self.done = self.folder / "done"
        self.done.mkdir(parents=True, exist_ok=True)
        self.articles: Known = {}
        self.taxes: dict[str, str] = {}
        self.files = 0
        for path in sorted(self.done.glob("*.csv")):
            self._apply(path.read_bytes())

    def pick_up(self) -> int:
        """Apply what waits; the number of files."""
        waiting = sorted(self.folder.glob("*.csv"))
        for path in waiting:
            self._apply(path.read_bytes())
            path.replace(self.done / path.name)
        return len(waiting)

    def _apply(self, raw: bytes) -> None:
        records = [line.split(";") for line in raw.decode("cp1252").splitlines() if line]
        if not records or records[-1] != ["Z", str(len(records) - 2)]:
            raise ValueError("a price file without its end reached the till")
        self.files += 1
        for fields in records[1:-1]:
            self._learn(fields)

    def _learn(self, fields: list[str]) -> None:
        kind, code, gone = fields[0], fields[1], fields[-1] == "D"
        if kind == "V":
            self.taxes[code] = fields[2].replace(",", ".")
        elif gone and kind == "P":
            self.articles.pop(code, None)
        elif kind == "P":
            self.articles.setdefault(code, {}).update(title=fields[2], tax=fields[3])
        elif kind == "C":
            price = None if gone else fields[2].replace(",", ".")
            self.articles.setdefault(code, {})["price"] = price
