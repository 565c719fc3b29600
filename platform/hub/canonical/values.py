"""Value rules of the canonical model: money, quantity, time, keys.

Sources: ISO 4217 for currencies and their exponents, UNECE Rec 20 for units, RFC 3339 for time.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

import msgspec

#: Exponents of ISO 4217 currencies that don't have two decimals.
EXPONENTS = {
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0,
    "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip

Amount = Annotated[str, msgspec.Meta(pattern=r"^-?\d{1,15}(\.\d{1,6})?$")]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
Quantity = Annotated[str, msgspec.Meta(pattern=r"^-?\d{1,12}(\.\d{1,6})?$")]
#: RFC 3339 in UTC with milliseconds at most microseconds: 2011-08-08T09:15:00.000Z
Instant = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d$")]


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decimal string and its currency; never a float, never a bare number."""

    amount: Amount
    currency: Currency

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.amount)


class Ref(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A pointer to another record. ``record`` is the hub's id, filled in when normalising;
    ``key`` ({kind: value}) is how the source named it, kept for people.
    """

    entity: str
    record: str = ""
    key: dict[str, str] = {}


def quantum(currency: str) -> Decimal:
    """The smallest unit of a currency, e.g. Decimal("0.01")."""
    return Decimal(1).scaleb(-EXPONENTS.get(currency, 2))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Half up to the currency's exponent (the model's rule for document totals)."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP)


def normalised_key(kind: str, value: str) -> str:
    """The form in which keys are compared.

    SKUs, e-mails and codes compare without case and outer blanks (shops and ERPs disagree on
    case; two SKUs that differ only by case are one article in every system we know). GTINs are
    padded to 14 digits (GS1 General Specifications); an impossible GTIN stays as it is.
    """
    value = value.strip()
    if kind == "gtin":
        digits = re.sub(r"\D", "", value)
        return digits.zfill(14) if 8 <= len(digits) <= 14 else value
    return value.casefold()
