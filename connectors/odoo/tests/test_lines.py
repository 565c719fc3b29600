"""Amounts come out to the cent whatever is divided by whatever."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connectors.odoo.lines import Priced, priced, shares

cents = st.integers(-5_000_000, 5_000_000).map(lambda n: Decimal(n) / 100)


@given(cents, st.integers(1, 5000))
def test_whole_pieces_always_make_the_total(total: Decimal, qty: int) -> None:
    parts = priced(total, Decimal(qty))
    assert sum(p.total for p in parts) == total
    assert sum(p.qty for p in parts) == qty
    assert len(parts) <= 2
    assert all(p.unit == p.unit.quantize(Decimal("0.01")) and p.qty > 0 for p in parts)


def test_three_for_ten_pounds() -> None:
    assert priced(Decimal("10"), Decimal(3)) == [
        Priced(Decimal(2), Decimal("3.33")),
        Priced(Decimal(1), Decimal("3.34")),
    ]
    assert priced(Decimal("9.99"), Decimal(3)) == [Priced(Decimal(3), Decimal("3.33"))]


@given(cents, st.lists(cents.map(abs), min_size=1, max_size=6))
def test_shares_add_up(amount: Decimal, weights: list[Decimal]) -> None:
    parts = shares(amount, dict(enumerate(weights)))
    assert sum(parts.values(), Decimal(0)) == amount
