"""The functions of the mapping language: exact, and loud about what they can't take."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mappings.functions import FUNCTIONS

amounts = st.decimals(
    min_value=-(10**12), max_value=10**12, places=4, allow_nan=False, allow_infinity=False
)


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("text", [7], "7"),
        ("text", [7.0], "7"),
        ("text", [True], "true"),
        ("decimal", ["19.00"], "19.00"),
        ("decimal", [" -0.00 "], "0.00"),
        ("decimal", [19.9], "19.9"),
        ("decimal", ["1e3"], "1000"),
        ("decimal", [1e-07], "0.0000001"),
        ("neg", ["-2.55"], "2.55"),
        ("neg", ["0.00"], "0.00"),
        ("abs", [-3], "3"),
        ("add", ["0.1", "0.2", 0.3], "0.6"),
        ("sub", ["20.00", "15.30"], "4.70"),
        ("mul", ["999999999999999.999999", "2.000001"], "2000000999999999.999997999999"),
        ("div", ["10", "4"], "2.5"),
        ("div", ["2", "3"], "0.666667"),
        ("sum", [["1.10", 2, 0.3]], "3.40"),
        ("sum", [[]], "0"),
        ("round2", ["2.675"], "2.68"),
        ("round2", ["-2.675"], "-2.68"),
        ("scale", ["1.23456", 4], "1.2346"),
        ("scale", ["5", "3"], "5.000"),
        ("utc", ["2011-08-08T09:15:00"], "2011-08-08T09:15:00.000Z"),
        ("utc", ["2011-08-08 09:15:00"], "2011-08-08T09:15:00.000Z"),
        ("utc", ["2011-08-08T09:15:00.123456+02:00"], "2011-08-08T07:15:00.123456Z"),
        ("utc", ["2011-08-08T09:15:00Z"], "2011-08-08T09:15:00.000Z"),
        ("local_utc", ["2011-08-08T09:15:00", "Europe/London"], "2011-08-08T08:15:00.000Z"),
        ("local_utc", ["2011-12-08T09:15:00", "Europe/London"], "2011-12-08T09:15:00.000Z"),
        ("local_utc", ["2011-10-30T01:30:00", "Europe/London"], "2011-10-30T00:30:00.000Z"),
        ("day", ["2011-08-08T23:30:00Z"], "2011-08-08"),
        ("day", ["2011-08-08T23:30:00Z", "Europe/London"], "2011-08-09"),
        ("date_only", ["2011-08-08T23:30:00-05:00"], "2011-08-08"),
        ("sql_time", ["2011-08-08T09:15:00.000Z"], "2011-08-08 09:15:00"),
        ("lower", ["ÀB"], "àb"),
        ("upper", ["ab"], "AB"),
        ("strip", ["  a "], "a"),
        ("join", [["a", 1], "-"], "a-1"),
        ("count", [[1, 2]], 2),
        ("slug", ["Crème Brûlée & Co."], "creme-brulee-co"),
        ("int", ["12"], 12),
        ("int", [12.0], 12),
        ("float_text", [0.1], "0.1"),
        ("float_text", [3.0], "3"),
        ("float_text", [1234567.891], "1234567.891"),
    ],
)  # fmt: skip
def test_results(name: str, args: list[Any], result: Any) -> None:
    found = FUNCTIONS[name].call(*args)
    assert found == result and type(found) is type(result)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("decimal", ["12,50"]),
        ("decimal", [""]),
        ("decimal", ["NaN"]),
        ("decimal", ["1e999999"]),
        ("decimal", [True]),
        ("decimal", [["1"]]),
        ("div", ["1", "0"]),
        ("scale", ["1", 99]),
        ("int", ["3.5"]),
        ("utc", ["yesterday"]),
        ("utc", [1312794900]),
        ("local_utc", ["2011-08-08T09:15:00", "Mars/Phobos"]),
        ("local_utc", ["2011-08-08T09:15:00", "../../etc/passwd"]),
        ("date_only", ["8 August"]),
        ("text", [{}]),
        ("join", ["abc"]),
        ("count", ["abc"]),
    ],
)
def test_refusals(name: str, args: list[Any]) -> None:
    with pytest.raises(ValueError):
        FUNCTIONS[name].call(*args)


@given(st.lists(amounts, min_size=1, max_size=30))
def test_a_sum_is_exact_to_the_last_digit(values: list[Decimal]) -> None:
    scaled = sum(int(v * 10_000) for v in values)
    assert Decimal(FUNCTIONS["sum"].call([str(v) for v in values])) * 10_000 == scaled


@given(amounts)
def test_a_number_survives_json_floats_by_its_shortest_text(value: Decimal) -> None:
    short = value.quantize(Decimal("0.01"))
    decoded = msgspec.json.decode(str(short).encode())
    assert Decimal(FUNCTIONS["decimal"].call(decoded)) == short
