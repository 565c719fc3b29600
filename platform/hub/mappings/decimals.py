"""Exact decimal arithmetic on what JSON gives: text, integers and floats by their shortest text."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

#: Wide enough for products of the widest amounts; nothing below rounds silently.
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
#: Most digits on either side of the point; beyond it a value is not an amount but an attack.
_WIDEST = 40
#: The canonical model keeps at most six places (values.Amount).
_PLACES = 6
_is_plain = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,20})?").fullmatch


class NotANumber(ValueError):
    """The value is no finite decimal number."""


def number(value: Any) -> Decimal:
    """Text, int or float as an exact Decimal; a float counts as its shortest text (`repr`).

    Raises NotANumber.
    """
    kind = type(value)
    if kind is float:
        value = repr(value)
    if kind is str or kind is float:
        if _is_plain(value):  # the common case, checked by form alone
            return Decimal(value)
    elif kind is int:
        return Decimal(value) if -(10**_WIDEST) < value < 10**_WIDEST else _refuse(value)
    elif kind is Decimal:
        return _narrow(value)
    else:
        return _refuse(value)
    try:
        return _narrow(Decimal(value.strip()))
    except InvalidOperation:
        return _refuse(value)


def _narrow(found: Decimal) -> Decimal:
    if not found.is_finite():
        return _refuse(found)
    exponent = found.as_tuple().exponent
    if found.adjusted() > _WIDEST or not isinstance(exponent, int) or exponent < -_WIDEST:
        return _refuse(found)
    return found


def _refuse(value: Any) -> Decimal:
    raise NotANumber(f"{str(value)[:40]!r} is no decimal number.")


def plain(found: Decimal) -> str:
    """Without an exponent and without minus zero."""
    text = format(found, "f")
    return text[1:] if text.startswith("-") and not found else text


def decimal_text(value: Any) -> str:
    """The number as text, trailing zeros of a text kept: "19.00" stays, 19.0 becomes "19"."""
    if type(value) is str and _is_plain(value) and value[:2] != "-0":
        return value
    if type(value) is float:
        return float_text(value)
    return plain(number(value))


def float_text(value: Any) -> str:
    """The shortest decimal text of a JSON number: 3.0 → "3", 0.1 → "0.1", 1e-07 → "0.0000001"."""
    if type(value) is float:
        short = repr(value)
        if _is_plain(short) and short[:2] != "-0":
            return short[:-2] if short[-2:] == ".0" else short
    found = number(value)
    return plain(found.to_integral_value() if found == found.to_integral_value() else found)


def add(first: Any, *others: Any) -> str:
    total = number(first)
    for other in others:
        total = _EXACT.add(total, number(other))
    return plain(total)


def sub(first: Any, *others: Any) -> str:
    total = number(first)
    for other in others:
        total = _EXACT.subtract(total, number(other))
    return plain(total)


def mul(first: Any, *others: Any) -> str:
    total = number(first)
    for other in others:
        total = _EXACT.multiply(total, number(other))
    return plain(_narrow(total))


def div(value: Any, by: Any) -> str:
    """Quotient, half up to six places (the canonical model's finest), zeros at the end dropped."""
    divisor = number(by)
    if not divisor:
        raise NotANumber("nothing can be divided by zero.")
    quotient = _EXACT.divide(number(value), divisor)
    rounded = quotient.quantize(Decimal(1).scaleb(-_PLACES), context=_EXACT).normalize(_EXACT)
    return plain(rounded)


def total(*values: Any) -> str:
    """Sum of a list, or of several values and lists; of nothing "0"."""
    found = Decimal(0)
    for value in values:
        for part in value if type(value) is list else (value,):
            found = _EXACT.add(found, number(part))
    return plain(found)


def neg(value: Any) -> str:
    return plain(-number(value))


def absolute(value: Any) -> str:
    return plain(abs(number(value)))


def scale(value: Any, places: Any) -> str:
    """Half up to ``places`` decimals."""
    wanted = int(number(places))
    if not 0 <= wanted <= 20:
        raise NotANumber(f"{wanted} is no number of places: use 0 to 20.")
    return plain(number(value).quantize(Decimal(1).scaleb(-wanted), context=_EXACT))


def round2(value: Any) -> str:
    return scale(value, 2)


def integer(value: Any) -> int:
    """A whole number as int. Raises NotANumber for one with a fraction."""
    found = number(value)
    if found != found.to_integral_value():
        raise NotANumber(f"{plain(found)} is no whole number.")
    return int(found)
