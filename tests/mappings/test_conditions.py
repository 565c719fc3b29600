"""Conditions of flows and mappings: what a record must be."""

from __future__ import annotations

from typing import Any

import pytest

from hub.mappings.conditions import compile_condition
from hub.mappings.rules import MappingError

ORDER: dict[str, Any] = {
    "state": "paid",
    "zero": 0,
    "nothing": False,
    "empty": "",
    "cleared": None,
    "lines": [{"sku": "A"}],
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (None, True),
        ({"path": "state", "is": "paid"}, True),
        ({"path": "state", "is_not": "paid"}, False),
        ({"path": "state", "in": ["open", "paid"]}, True),
        ({"path": "state", "not_in": ["open", "paid"]}, False),
        ({"path": "missing", "not_in": ["open"]}, True),
        ({"path": "missing", "is_not": "x"}, True),
        ({"path": "missing", "is": None}, True),
        ({"path": "cleared", "exists": True}, False),
        ({"path": "empty", "exists": True}, True),
        ({"path": "empty", "truthy": True}, False),
        ({"path": "missing", "truthy": False}, True),
        ({"path": "nothing", "is": 0}, False),
        ({"path": "zero", "is": 0}, True),
        ({"path": "zero", "is": False}, False),
        ({"path": "lines[0].sku", "is": "A"}, True),
        ({"path": "$.state", "is": "paid"}, True),
        ({"all": []}, True),
        ({"any": []}, False),
        ({"all": [{"path": "state", "is": "paid"}, {"path": "zero", "truthy": True}]}, False),
        ({"any": [{"path": "state", "is": "paid"}, {"path": "zero", "truthy": True}]}, True),
        ({"not": {"path": "state", "is": "paid"}}, False),
    ],
)
def test_what_holds(condition: Any, holds: bool) -> None:
    assert compile_condition(condition)(ORDER) is holds


@pytest.mark.parametrize(
    "condition",
    [
        [],
        {},
        {"path": "state"},
        {"path": "state", "is": "a", "in": ["b"]},
        {"path": "state", "in": "paid"},
        {"path": "state", "exists": "yes"},
        {"path": "a..b", "is": 1},
        {"all": {"path": "state", "is": "a"}},
        {"not": {"path": "state", "equals": "a"}},
        {"any": [], "path": "x"},
    ],
)
def test_what_is_no_condition(condition: Any) -> None:
    with pytest.raises(MappingError):
        compile_condition(condition)
