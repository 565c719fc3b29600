"""What compiled rules are made of: small closures from a scope to a value.

None of them raises for a record's sake: what is wrong is noted in the run, and the value is absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.mappings import decimals, functions
from hub.mappings.conditions import Test
from hub.mappings.problems import shown
from hub.mappings.scope import ABSENT, Node, Scope

#: Types whose falsy value (0, false) is a value nevertheless.
_NEVER_EMPTY = (bool, int, float)


def builder(named: list[tuple[str, Node]]) -> Callable[[Scope], dict[str, Any]]:
    """An object from its fields, absent ones left out."""

    def build(scope: Scope) -> dict[str, Any]:
        made = {}
        for name, node in named:
            value = node(scope)
            if value is not ABSENT:
                made[name] = value
        return made

    return build


def defaulted(inner: Node, default: Any) -> Node:
    def node(scope: Scope) -> Any:
        value = inner(scope)
        return default if value is ABSENT else value

    return node


def single(name: str, call: Callable[..., Any], arg: Node, place: str) -> Node:
    def node(scope: Scope) -> Any:
        value = arg(scope)
        if value is ABSENT:
            return ABSENT
        try:
            return call(value)
        except ValueError as error:
            return scope.fault(place, "type-mismatch", f"'{name}': {error}")

    return node


def several(name: str, call: Callable[..., Any], args: list[Node], place: str) -> Node:
    """One absent argument makes the result absent: a sum with a hole is no sum."""
    if len(args) == 2:
        return pair(name, call, args[0], args[1], place)

    def node(scope: Scope) -> Any:
        values = [arg(scope) for arg in args]
        if any(value is ABSENT for value in values):
            return ABSENT
        try:
            return call(*values)
        except (ValueError, TypeError) as error:
            return scope.fault(place, "type-mismatch", f"'{name}': {error}")

    return node


def pair(name: str, call: Callable[..., Any], left: Node, right: Node, place: str) -> Node:
    """`several` for the commonest number of arguments, without a list."""

    def node(scope: Scope) -> Any:
        first = left(scope)
        if first is ABSENT:
            return ABSENT
        second = right(scope)
        if second is ABSENT:
            return ABSENT
        try:
            return call(first, second)
        except (ValueError, TypeError) as error:
            return scope.fault(place, "type-mismatch", f"'{name}': {error}")

    return node


def money(amount: Node, currency: Node, place: str) -> Node:
    def node(scope: Scope) -> Any:
        value = amount(scope)
        if value is ABSENT:
            return ABSENT
        unit = currency(scope)
        if unit is ABSENT:
            return scope.fault(place, "missing-required", "The amount has no currency.")
        try:
            return {"amount": decimals.decimal_text(value), "currency": unit}
        except ValueError as error:
            return scope.fault(place, "type-mismatch", f"'money': {error}")

    return node


def template(parts: list[Any], place: str) -> Node:
    def node(scope: Scope) -> Any:
        made = []
        for part in parts:
            if type(part) is str:
                made.append(part)
                continue
            value = part(scope)
            if value is ABSENT:
                return ABSENT
            try:
                made.append(functions.text(value))
            except ValueError as error:
                return scope.fault(place, "type-mismatch", f"'template': {error}")
        return "".join(made)

    return node


def each(listed: Node, test: Test | None, make: Node, place: str) -> Node:
    def node(scope: Scope) -> Any:
        items = listed(scope)
        if items is ABSENT:
            return ABSENT
        if type(items) is not list:
            return scope.fault(place, "type-mismatch", f"{shown(items)} is not a list.")
        run, made = scope.run, []
        for index, item in enumerate(items):
            inner = Scope(item, run, scope, index)
            if test is None or test(inner):
                value = make(inner)
                if value is not ABSENT:
                    made.append(value)
        return made

    return node


def concat(nodes: list[Node], place: str) -> Node:
    def node(scope: Scope) -> Any:
        joined: list[Any] = []
        for one in nodes:
            value = one(scope)
            if type(value) is list:
                joined.extend(value)
            elif value is not ABSENT:
                scope.fault(place, "type-mismatch", f"{shown(value)} is not a list.")
        return joined

    return node


def first(nodes: list[Node]) -> Node:
    def node(scope: Scope) -> Any:
        for one in nodes:
            value = one(scope)
            if value or type(value) in _NEVER_EMPTY:
                return value
        return ABSENT

    return node
