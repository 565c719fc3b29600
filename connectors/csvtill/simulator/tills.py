"""The tills of a chain: they sell, remember what they sold, and write it into their folder."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from connectors.csvtill.simulator import printing
from connectors.csvtill.simulator.shelf import Shelf
from connectors.sdk.simulation.store import Store

STORES = tuple(f"S{n:02d}" for n in range(1, 19))
#: Receipts sold in the window are numbered from here on.
BY_HAND = 900_000
FAULTS = ("half_written", "drop_twice", "bad_line")


@dataclass(slots=True)
class Later:
    """A file to be written when its time has come."""

    due: float
    path: Path
    content: bytes


@dataclass
class Tills:
    """``store`` keeps every receipt; ``folder`` is the root of the stores' sub-folders."""

    store: Store
    folder: Path
    shelves: dict[str, Shelf] = field(default_factory=dict)
    later: list[Later] = field(default_factory=list)
    unplugged_until: float = 0.0
    bitten: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for code in STORES:
            (self.folder / code / "out").mkdir(parents=True, exist_ok=True)
            self.shelves[code] = Shelf(self.folder / code)
        for row in list(self.store.table("later").values()):
            self._write_later(Later(0.0, Path(row["path"]), bytes.fromhex(row["content"])))

    @property
    def receipts(self) -> dict[Any, dict[str, Any]]:
        return self.store.table("receipt")

    # ---- selling
    def take(self, receipts: Iterable[dict[str, Any]], fault: str = "", seconds: float = 3) -> int:
        """Ring receipts up and write a journal per store, till and day. Returns the files."""
        known = [self._rung_up(receipt) for receipt in receipts]
        known.sort(key=lambda r: (r["store"], r["till"], r["at"][:10]))
        files = 0
        for (store, till, day), group in groupby(
            known, key=lambda r: (r["store"], int(r["till"]), r["at"][:10])
        ):
            sequence = self.store.next_id(f"sequence {store} {till}")
            raw = printing.journal(
                store, till, day, sequence, list(group), spoil=fault == "bad_line"
            )
            name = f"J_{store}_{till}_{day.replace('-', '')}_{sequence:04d}.csv"
            self._drop(self.folder / store / "out" / name, raw, fault, seconds)
            files += 1
        return files

    def _rung_up(self, receipt: dict[str, Any]) -> dict[str, Any]:
        """A number that comes again is printed again, and the till remembers the first.

        Raises KeyError or ValueError for what no till would print.
        """
        if receipt["store"] not in STORES or receipt["kind"] not in (*printing.HEADS, "refused"):
            raise ValueError(f"no such store or kind: {receipt['store']}, {receipt['kind']}")
        if not receipt.get("number"):
            count = self.store.next_id(f"receipt {receipt['store']} {receipt['till']}")
            receipt["number"] = f"{receipt['store']}-{receipt['till']}-{BY_HAND + count}"
        total = printing.total_of(receipt)
        receipt["total"] = f"{total:.2f}"
        if receipt["kind"] in ("sale", "return"):
            receipt.setdefault("tenders", [{"kind": "cash", "amount": receipt["total"]}])
        known = self.receipts.get(receipt["number"])
        if known is not None:
            self.bitten["sent_again"] += 1
            self.store.put("receipt", receipt["number"], {**known, "sent_again": True})
            return receipt
        return self.store.put("receipt", receipt["number"], receipt)

    def _drop(self, path: Path, raw: bytes, fault: str, seconds: float) -> None:
        now = time.monotonic()
        if now < self.unplugged_until:
            self._remember(Later(self.unplugged_until, path, raw))
            return
        if fault in FAULTS:
            self.bitten[fault] += 1
        if fault == "half_written":
            half = len(raw) // 2
            path.write_bytes(raw[:half])
            # Kept whole: a till that is killed meanwhile writes the file anew.
            self._remember(Later(now + seconds, path, raw))
            return
        path.write_bytes(raw)
        if fault == "drop_twice":
            again = path.with_name(f"{path.stem}_copy{path.suffix}")
            self._remember(Later(now + min(seconds, 1), path, raw))
            self._remember(Later(now + seconds, again, raw))

    def _remember(self, later: Later) -> None:
        self.store.put(
            "later", str(later.path), {"path": str(later.path), "content": later.content.hex()}
        )
        self.later.append(later)

    # ---- time passing
    def tick(self) -> None:
        """Write what is due and pick up price files, unless the plug is pulled."""
        now = time.monotonic()
        if now < self.unplugged_until:
            return
        due = [later for later in self.later if later.due <= now]
        self.later = [later for later in self.later if later.due > now]
        for later in due:
            self._write_later(later)
        for shelf in self.shelves.values():
            shelf.pick_up()

    def _write_later(self, later: Later) -> None:
        later.path.write_bytes(later.content)
        self.store.drop("later", str(later.path))

    def pull_the_plug(self, seconds: float) -> None:
        self.bitten["plug"] += 1
        self.unplugged_until = time.monotonic() + seconds

    # ---- looking
    def counts(self) -> dict[str, Any]:
        by_kind = Counter(r["kind"] for r in self.receipts.values())
        by_store = Counter(r["store"] for r in self.receipts.values())
        money: defaultdict[str, Decimal] = defaultdict(Decimal)
        for receipt in self.receipts.values():
            money[receipt["kind"]] += Decimal(receipt["total"])
        return {
            "kinds": dict(by_kind),
            "totals": {kind: f"{total:.2f}" for kind, total in money.items()},
            "stores": dict(sorted(by_store.items())),
            "waiting": len(self.later),
            "unread": sum(1 for _ in self.folder.glob("*/out/*.csv")),
            "bitten": dict(self.bitten),
            "unplugged": time.monotonic() < self.unplugged_until,
        }
