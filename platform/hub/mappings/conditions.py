"""Conditions: pure questions about a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.mappings.paths import BadPath, compile_path
from hub.mappings.problems import MappingError, Problem
from hub.mappings.scope import ABSENT, Node, Run, Scope

Test = Callable[[Scope], bool]
Complain = Callable[[str], object]

_OPERATORS = ("is", "is_not", "in", "not_in", "exists", "truthy")


def compile_condition(condition: Any) -> Callable[[dict[str, Any]], bool]:
    """For flows: a test of a record's content; no condition (None) always holds.

    Raises MappingError naming every problem of the condition.
    """
    if condition is None:
        return lambda content: True
    problems: list[Problem] = []
    test = condition_node(condition, lambda m: problems.append(Problem("condition", "bad-rule", m)))
    if problems:
        raise MappingError(problems)
    return lambda content: test(Scope(content, Run(content)))


def condition_node(condition: Any, complain: Complain) -> Test:
    """Compile inside a mapping; ``complain`` takes what is wrong with it."""
    if not isinstance(condition, dict):
        complain(f"{condition!r} is no condition: it must be an object.")
        return _never
    for word, joiner in (("all", all), ("any", any)):
        if word in condition:
            parts = condition[word]
            if len(condition) > 1 or not isinstance(parts, list):
                complain(f"'{word}' stands alone and takes a list of conditions.")
                return _never
            tests = [condition_node(part, complain) for part in parts]
            return _joined(joiner, tests)
    if "not" in condition:
        if len(condition) > 1:
            complain("'not' stands alone and takes one condition.")
        inner = condition_node(condition["not"], complain)
        return lambda s: not inner(s)
    return _comparison(condition, complain)


def _never(scope: Scope) -> bool:
    return False


def _joined(joiner: Callable[..., bool], tests: list[Test]) -> Test:
    return lambda s: joiner(test(s) for test in tests)


def _comparison(condition: dict[str, Any], complain: Complain) -> Test:
    operators = [key for key in condition if key != "path"]
    path = condition.get("path")
    if len(operators) != 1 or operators[0] not in _OPERATORS or not isinstance(path, str):
        complain(f"A condition has a path and one of {', '.join(_OPERATORS)}: {condition!r}.")
        return _never
    try:
        get = compile_path(path)
    except BadPath as error:
        complain(str(error))
        return _never
    operator = operators[0]
    wanted = condition[operator]
    if operator in ("in", "not_in") and not isinstance(wanted, list):
        complain(f"'{operator}' takes a list.")
        return _never
    if operator in ("exists", "truthy") and not isinstance(wanted, bool):
        complain(f"'{operator}' takes true or false.")
        return _never
    return _operator(operator, get, wanted)


def _operator(operator: str, get: Node, wanted: Any) -> Test:
    if operator == "exists":
        return lambda s: (get(s) is not ABSENT) is wanted
    if operator == "truthy":
        return lambda s: bool(get(s)) is wanted
    if operator in ("in", "not_in"):
        positive = operator == "in"
        return lambda s: any(_same(get(s), w) for w in wanted) is positive
    positive = operator == "is"
    return lambda s: _same(get(s), wanted) is positive


def _same(found: Any, wanted: Any) -> bool:
    """Equal, and of one kind: Odoo's ``false`` (nothing) is not 0."""
    if found is ABSENT:
        return wanted is None
    return (type(found) is bool) is (type(wanted) is bool) and bool(found == wanted)
