"""The tills as a person or a story uses them, and the connector beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.csvtill.connector import CsvTill
from connectors.csvtill.simulator.app import build
from connectors.sdk.errors import Unreadable
from connectors.sdk.records import SourceRecord, WriteItem
from connectors.sdk.testing.simulators import Running, running

Chain = tuple[Running, Path]
Connect = Callable[..., CsvTill]


def sale(number: str = "", store: str = "S03", **more: object) -> dict[str, object]:
    line = {"sku": "85123A", "text": "HEART; white", "qty": 6, "price": "2.55", "tax": "VAT20"}
    receipt = {"kind": "sale", "store": store, "till": 1, "at": "2011-08-08T09:15:00"}
    return receipt | {"number": number, "lines": [line]} | more


def read_all(till: CsvTill) -> tuple[list[SourceRecord], int]:
    """Receipts by identity, as the hub counts them, and the number of lines refused."""
    seen: dict[str, SourceRecord | None] = {}
    for page in till.read("journal", {}):
        for heard in page.heard:
            if heard.stream != "journal":
                continue
            try:
                understood = till.understand(heard)
                seen[heard.identity] = understood if isinstance(understood, SourceRecord) else None
            except Unreadable:
                seen[heard.identity] = None
        till.archive(page.files)
    found = [record for record in seen.values() if record is not None]
    return found, len(seen) - len(found)


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_what_is_rung_up_is_read(chain: Chain, connect: Connect) -> None:
    simulator, root = chain
    back = sale("S03-1-000003", kind="return", original="S03-1-000001")
    lost = {"sku": "21033", "text": "", "qty": -30, "price": "0.00"}
    receipts = [
        sale("S03-1-000001"),
        back,
        sale("S04-1-000001", "S04"),
        sale("S04-1-000002", "S04", kind="write_off", lines=[lost], reason="BREAKAGE"),
        sale("S04-1-000003", "S04", kind="void"),
    ]
    assert simulator.control("receipts", receipts)["files"] == 2
    records, refused = read_all(connect(root))
    assert refused == 1  # the void is understood, as nothing
    assert {r.external_id: r.body["total"] for r in records} == {
        "S03-1-000001": "15.30",
        "S03-1-000003": "15.30",
        "S04-1-000001": "15.30",
        "S04-1-000002": "0.00",
    }
    counts = simulator.control("counts", method="GET")
    assert counts["kinds"] == {"sale": 2, "return": 1, "write_off": 1, "void": 1}
    assert counts["totals"]["sale"] == "30.60"


def test_bad_debt_is_printed_and_refused(chain: Chain, connect: Connect) -> None:
    simulator, root = chain
    debt = {"sku": "B", "text": "Adjust bad debt", "qty": 1, "price": "-11062.06"}
    simulator.control(
        "receipts", [sale("S03-1-000001"), sale("S03-1-000002", kind="refused", lines=[debt])]
    )
    records, refused = read_all(connect(root))
    assert [r.external_id for r in records] == ["S03-1-000001"]
    assert refused == 1


def test_a_half_written_file_is_read_when_the_till_has_finished(
    chain: Chain, connect: Connect
) -> None:
    simulator, root = chain
    simulator.control("receipts", {"receipts": [sale()], "fault": "half_written", "seconds": 0.8})
    till = connect(root)
    assert len(list(root.glob("*/out/*.csv"))) == 1
    assert read_all(till) == ([], 0)
    until(lambda: bool(list(till.read("journal", {}))))
    assert len(read_all(till)[0]) == 1
    assert simulator.control("counts", method="GET")["bitten"] == {"half_written": 1}


def test_a_file_dropped_twice_brings_the_same_messages(chain: Chain, connect: Connect) -> None:
    simulator, root = chain
    simulator.control("receipts", {"receipts": [sale()], "fault": "drop_twice", "seconds": 0.5})
    till = connect(root)
    first, _ = read_all(till)
    until(lambda: len(list(root.glob("*/out/*.csv"))) == 2)
    second, _ = read_all(till)
    assert [r.external_id for r in first] == [r.external_id for r in second]


def test_a_bad_line_costs_one_receipt(chain: Chain, connect: Connect) -> None:
    simulator, root = chain
    both = [sale("S03-1-000001"), sale("S03-1-000002")]
    simulator.control("receipts", {"receipts": both, "fault": "bad_line"})
    records, refused = read_all(connect(root))
    assert [r.external_id for r in records] == ["S03-1-000002"]
    assert refused == 1


def test_pulling_the_plug_keeps_sales_and_writes_them_later(chain: Chain, connect: Connect) -> None:
    simulator, root = chain
    simulator.control("plug", {"seconds": 0.8})
    simulator.control("receipts", [sale()])
    assert list(root.glob("*/out/*.csv")) == []
    assert simulator.control("counts", method="GET")["kinds"] == {"sale": 1}
    until(lambda: bool(list(root.glob("*/out/*.csv"))))
    assert len(read_all(connect(root))[0]) == 1


def test_prices_reach_every_till_and_are_sold_at(chain: Chain, connect: Connect) -> None:
    simulator, root = chain
    till = connect(root)
    item = {"title": "HEART", "tax_code": "VAT20", "items": [{"sku": "85123A"}]}
    shelf = {"sku": "85123A", "price": "2.55", "currency": "GBP"}
    tax = {"code": "VAT20", "title": "Standard", "percent": "20"}
    for resource, body in (("tax", tax), ("item", item), ("price", shelf)):
        list(till.write(resource, WriteItem(ref="r", key="k", op="create", body=body)))
    known = {"85123A": {"title": "HEART", "tax": "VAT20", "price": "2.55"}}
    until(lambda: simulator.control("prices?store=S18", method="GET") == known)
    sold = simulator.control("sell", {"store": "S18", "sku": "85123A"})
    assert sold["total"] == "2.55"
    back = simulator.control("refund")
    assert back["original"] == sold["number"]
    assert simulator.call("POST", "/_sim/refund", {}).status == 409
    assert len(read_all(till)[0]) == 2


def test_a_till_that_starts_again_knows_what_it_knew(tmp_path: Path, connect: Connect) -> None:
    root, state = tmp_path / "chain", tmp_path / "state.db"
    root.mkdir()
    shelf = {"sku": "85123A", "price": "2.55", "currency": "GBP"}
    with running(build, state=state, folder=root) as simulator:
        simulator.control("receipts", [sale()])
        connect(root).write_batch("price", [WriteItem(ref="r", key="k", op="update", body=shelf)])
        until(lambda: simulator.control("prices?store=S18", method="GET") != {})
        simulator.control("plug", {"seconds": 60})
        simulator.control("receipts", [sale(store="S05")])
    with running(build, state=state, folder=root) as simulator:
        assert simulator.control("prices?store=S18", method="GET")["85123A"]["price"] == "2.55"
        assert simulator.control("counts", method="GET")["kinds"] == {"sale": 2}
        assert len(list(root.glob("S05/out/*.csv"))) == 1


@pytest.mark.parametrize("path", ["/", "/?store=S03", "/?kind=sale", "/?store=<script>"])
def test_the_window_shows_receipts_and_escapes_what_it_shows(chain: Chain, path: str) -> None:
    simulator, _ = chain
    simulator.control("receipts", [sale("S03-1-<b>x", "S03")])
    page = simulator.call("GET", path)
    assert page.status == 200
    assert b"S03-1-&lt;b&gt;x" in page.body
    assert b"<script>" not in page.body


def test_what_no_till_prints_is_refused(chain: Chain) -> None:
    simulator, _ = chain
    assert simulator.call("POST", "/_sim/receipts", [sale(store="S99")]).status == 400
    assert simulator.call("POST", "/_sim/receipts", [sale(kind="gift")]).status == 400
