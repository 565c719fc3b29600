"""Make the extract again: ``python extract.py online-retail.csv.gz`` (the whole data set).

Keeps whole invoices of two trading weeks. All orders of the shop and every kind of dirt stay;
of the plain till invoices about half are left out by a stable rule, so that the story takes
minutes instead of an hour.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from pathlib import Path

from hub.proof import cut

FIRST, LAST = "2011-08-08", "2011-08-21"
KEPT_OF_TILLS = 50
TARGET = Path(__file__).parent / "data" / "online-retail-2011-08.csv.gz"
COLUMNS = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
    "CustomerID", "Country",
)  # fmt: skip


def chosen(rows: list[cut.Row]) -> set[str]:
    """Invoices to keep, of the two weeks."""
    window = [r for r in rows if FIRST <= r.at[:10] <= LAST]
    made = cut.plan(window)
    by_number = {d.number: d.invoice for d in made.documents}
    originals = {by_number[d.original] for d in made.documents if d.original}
    odd = {d.invoice for d in made.of("sale") if any(map(_odd, d.lines))}
    plain = {d.invoice for d in made.of("sale")} - originals - odd
    thinned = {i for i in plain if cut.number_of("thin" + i) % 100 >= KEPT_OF_TILLS}
    return {r.invoice for r in window} - thinned


def _odd(line: cut.Line) -> bool:
    """Free samples, vouchers and discounts are rare: keep them all."""
    return line.price == 0 or line.tax == "VAT0" or line.article in cut.MANUAL


def pack(source: Path, keep: set[str]) -> bytes:
    """The kept lines as they are, in their order; equal input gives equal bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["InvoiceNo"] in keep:
                row["CustomerID"] = row["CustomerID"].removesuffix(".0")
                writer.writerow(row)
    return gzip.compress(text.getvalue().encode(), 9, mtime=0)


def main(argv: list[str]) -> int:
    source = Path(argv[0])
    keep = chosen(cut.read(source))
    TARGET.write_bytes(pack(source, keep))
    sys.stdout.write(f"{len(keep)} invoices, {TARGET.stat().st_size} bytes in {TARGET.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
