"""What a line and an order come to, in minor units, as Square computes it.

Square rounds half to even ("bankers' rounding" in its guide on how orders are priced). The stand-in
rounds each line's tax by itself; Square may move a unit between the lines of one tax.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from connectors.sdk.simulation.store import Row

#: Currencies without minor units that Square trades in (ISO 4217).
WHOLE = {"JPY"}


def minor(amount: str | Decimal, currency: str) -> int:
    """ "2.55" GBP → 255; "300" JPY → 300."""
    places = 0 if currency in WHOLE else 2
    return int((Decimal(amount) * 10**places).to_integral_value(ROUND_HALF_EVEN))


def major(amount: int, currency: str) -> str:
    places = 0 if currency in WHOLE else 2
    return f"{Decimal(amount).scaleb(-places):.{places}f}"


def tax_on(base: int, percent: str, *, inclusive: bool) -> int:
    """The tax inside ``base``, or to be added to it."""
    share = Decimal(percent) / ((100 + Decimal(percent)) if inclusive else 100)
    return int((base * share).to_integral_value(ROUND_HALF_EVEN))


def line_amounts(price: int, quantity: str, discount: int, tax: Row | None) -> Row:
    """{gross, discount, tax, total}."""
    gross = int((Decimal(price) * Decimal(quantity)).to_integral_value(ROUND_HALF_EVEN))
    due = gross - discount
    if tax is None:
        return {"gross": gross, "discount": discount, "tax": 0, "total": due}
    inclusive = tax["type"] == "INCLUSIVE"
    part = tax_on(due, tax["percentage"], inclusive=inclusive)
    total = due if inclusive else due + part
    return {"gross": gross, "discount": discount, "tax": part, "total": total}


def shared(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount over several, in proportion; what rounding leaves goes to the last."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    parts[-1] += amount - sum(parts)
    return parts
