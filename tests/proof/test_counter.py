"""The counter notices whatever is lost, doubled, a cent off or a piece short."""

from __future__ import annotations

import ast
import copy
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from hub.proof import counter
from hub.proof.stage import EXTRACT, HERE


@pytest.fixture(scope="module")
def expected() -> counter.Expected:
    return counter.from_extract(EXTRACT)


def perfect(expected: counter.Expected) -> counter.Found:
    """Outside systems in which everything went right."""
    e = copy.deepcopy(expected)
    found = counter.Found(
        shop_orders=e.orders, shop_refunds=e.refunds, erp_orders=copy.deepcopy(e.orders),
        erp_invoices=copy.deepcopy(e.orders), erp_refunds=copy.deepcopy(e.refunds),
        erp_sales=e.sales, erp_returns=e.returns, shop_stock=e.shop_stock or {},
        till_prices={"S01": dict(e.prices or {})},
    )  # fmt: skip
    found.stock = {key: (there, 0) for key, there in (e.stock or {}).items()}
    return found


@pytest.mark.parametrize("name", ["counter.py", "cut.py"])
def test_it_imports_nothing_of_ours(name: str) -> None:
    tree = ast.parse((HERE / name).read_text())
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        for alias in (
            node.names
            if isinstance(node, ast.Import)
            else [ast.alias(node.module or ".")]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= set(sys.stdlib_module_names)
    assert imported


def test_it_runs_where_none_of_our_packages_can_be_found(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(HERE / "counter.py"), "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "--sabotage" in done.stdout


def test_it_is_content_when_everything_is_right(expected: counter.Expected) -> None:
    report = counter.compare(expected, perfect(expected))
    assert report.good
    assert report.shown()["counts"]["erp"]["orders"] == {
        "expected": len(expected.orders),
        "found": len(expected.orders),
        "right": len(expected.orders),
    }


def lose(found: counter.Found) -> None:
    found.erp_sales.pop(next(iter(found.erp_sales)))


def double(found: counter.Found) -> None:
    amounts = next(iter(found.erp_orders.values()))
    amounts.append(amounts[0])


def cent(found: counter.Found) -> None:
    amounts = next(iter(found.erp_returns.values()))
    amounts[0] += Decimal("0.01")


def credit_twice(found: counter.Found) -> None:
    amounts = next(iter(found.erp_refunds.values()))
    amounts.append(amounts[0])


def take_one(found: counter.Found) -> None:
    key, (there, held) = next(iter(found.stock.items()))
    found.stock[key] = (there - 1, held)


def reserve_one(found: counter.Found) -> None:
    key, (there, _) = next(iter(found.stock.items()))
    found.stock[key] = (there, 1)


def oversell(found: counter.Found) -> None:
    found.shop_stock[next(iter(found.shop_stock))] += 1


def forget_article(found: counter.Found) -> None:
    found.shop_stock.pop(next(iter(found.shop_stock)))


def wrong_price(found: counter.Found) -> None:
    found.till_prices["S01"].pop(next(iter(found.till_prices["S01"])))


def strange_order(found: counter.Found) -> None:
    found.erp_orders["ERP S99999"] = [Decimal("1.00")]


def leave_open(found: counter.Found) -> None:
    found.unpaid.append("INV/1")


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lose, "lost"),
        (double, "doubled"),
        (strange_order, "doubled"),
        (credit_twice, "doubled"),
        (cent, "cents_off"),
        (take_one, "stock_wrong"),
        (reserve_one, "stock_wrong"),
        (oversell, "stock_wrong"),
        (forget_article, "stock_wrong"),
        (wrong_price, "prices_wrong"),
        (leave_open, "unpaid"),
    ],
)
def test_one_damage_is_one_finding(
    expected: counter.Expected, damage: Callable[[counter.Found], None], kind: str
) -> None:
    found = perfect(expected)
    damage(found)
    report = counter.compare(expected, found).shown()
    kinds = ("lost", "doubled", "cents_off", "stock_wrong", "prices_wrong", "unpaid")
    assert {name: report[name] for name in kinds if report[name]} == {kind: 1}
    assert not report["good"]
    assert len(report["ids"][kind]) == 1


def test_two_refunds_of_one_order_are_told_apart(expected: counter.Expected) -> None:
    found = perfect(expected)
    found.erp_refunds["562670"].pop()
    assert counter.compare(expected, found).shown()["lost"] == 1
