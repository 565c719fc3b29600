"""The expression compiler: one rule in, one closure out.

Each form of docs/mappings.md is one method ``_form``; what is wrong with a rule is collected, so
that its author sees every mistake at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hub.mappings import lookups, nodes, references
from hub.mappings.conditions import Test, condition_node
from hub.mappings.functions import FUNCTIONS
from hub.mappings.jsonata import BadExpression, compile_expression
from hub.mappings.paths import BadPath, compile_path
from hub.mappings.problems import Problem, shown
from hub.mappings.scope import ABSENT, Node, Scope

#: Nesting of rules; deeper is a mistake and would exhaust Python's stack.
DEEPEST = 30

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def nothing(scope: Scope) -> Any:
    """The node of a rule that could not be compiled."""
    return ABSENT


class Compiler:
    """Compiles the expressions of one mapping. ``to_canonical``: references by the source's
    words are allowed, else references to the target's ids."""

    def __init__(self, tables: lookups.Tables, *, to_canonical: bool) -> None:
        self.tables = tables
        self.to_canonical = to_canonical
        self.problems: list[Problem] = []
        self.points = False
        self._depth = 0

    def complain(self, place: str, message: str) -> Node:
        self.problems.append(Problem(place, "bad-rule", message))
        return nothing

    def condition(self, rule: Any, place: str) -> Test:
        return condition_node(rule, lambda message: self.complain(place, message))

    def path(self, text: Any, place: str) -> Node:
        if not isinstance(text, str):
            return self.complain(place, f"{shown(text)} is no path.")
        try:
            return compile_path(text)
        except BadPath as error:
            return self.complain(place, str(error))

    def compile(self, rule: Any, place: str) -> Node:
        """``place``: where the value goes, ``[*]`` standing for each item of a list."""
        if isinstance(rule, str):
            return self.path(rule, place)
        if not isinstance(rule, dict):
            return self.complain(place, f"{shown(rule)} is no expression: write {{'const': …}}.")
        word = next((word for word in _FORMS if word in rule), None)
        if word is None:
            return self.complain(place, f"No form is known with the keys {sorted(rule)}.")
        form, allowed = _FORMS[word]
        unknown = sorted(set(rule) - allowed - {word})
        if unknown:
            return self.complain(place, f"'{word}' knows no {', '.join(map(repr, unknown))}.")
        if self._depth >= DEEPEST:
            return self.complain(place, f"Rules are nested deeper than {DEEPEST}.")
        self._depth += 1
        try:
            return form(self, rule, place)
        finally:
            self._depth -= 1

    # ---- values
    def _const(self, rule: dict[str, Any], place: str) -> Node:
        value = rule["const"]
        return lambda s: value

    def _path(self, rule: dict[str, Any], place: str) -> Node:
        node = self.path(rule["path"], place)
        if "lookup" in rule:
            node = self._looked_up(node, rule["lookup"], "default" not in rule, place)
        names = rule.get("fn", [])
        for name in [names] if isinstance(names, str) else names:
            node = self._applied(name, [node], place)
        return nodes.defaulted(node, rule["default"]) if "default" in rule else node

    def _looked_up(self, inner: Node, name: Any, strict: bool, place: str) -> Node:
        if not isinstance(name, str):
            return self.complain(place, "'lookup' takes the name of a table.")
        table = self.tables.get(name, {})

        def node(scope: Scope) -> Any:
            value = inner(scope)
            if value is ABSENT:
                return ABSENT
            try:
                found = lookups.find(table, value)
            except ValueError as error:
                return scope.fault(place, "type-mismatch", f"Lookup '{name}': {error}")
            if found is ABSENT and strict:
                message = f"{shown(value)} is not in the lookup '{name}': add it there."
                return scope.fault(place, "lookup-missing", message)
            return found

        return node

    def _call(self, rule: dict[str, Any], place: str) -> Node:
        rules = rule.get("args", [])
        if not isinstance(rules, list):
            return self.complain(place, "'args' takes a list of expressions.")
        args = [self.compile(arg, place) for arg in rules]
        return self._applied(rule["call"], args, place)

    def _applied(self, name: Any, args: list[Node], place: str) -> Node:
        function = FUNCTIONS.get(name) if isinstance(name, str) else None
        if function is None:
            return self.complain(place, f"There is no function {shown(name)}.")
        if len(args) < function.least or (function.most is not None and len(args) > function.most):
            return self.complain(place, f"'{name}' does not take {len(args)} arguments.")
        return (
            nodes.single(name, function.call, args[0], place)
            if len(args) == 1
            else nodes.several(name, function.call, args, place)
        )

    def _money(self, rule: dict[str, Any], place: str) -> Node:
        amount = self.compile(rule["money"], f"{place}.amount")
        if "currency" not in rule:
            return self.complain(place, "'money' needs a 'currency'.")
        return nodes.money(amount, self.compile(rule["currency"], f"{place}.currency"), place)

    def _template(self, rule: dict[str, Any], place: str) -> Node:
        source = rule["template"]
        if not isinstance(source, str):
            return self.complain(place, "'template' takes text.")
        pieces = _PLACEHOLDER.split(source)
        parts = [self.path(piece, place) if i % 2 else piece for i, piece in enumerate(pieces)]
        return nodes.template(parts, place)

    def _expr(self, rule: dict[str, Any], place: str) -> Node:
        try:
            evaluate = compile_expression(str(rule["expr"]))
        except BadExpression as error:
            return self.complain(place, str(error))

        def node(scope: Scope) -> Any:
            try:
                return evaluate(scope.item, scope.run.top)
            except ValueError as error:
                return scope.fault(place, "type-mismatch", f"The expression failed: {error}")

        return node

    # ---- structures
    def fields(self, rules: Any, place: str) -> list[tuple[str, Node]]:
        if not isinstance(rules, dict):
            self.complain(place, "'fields' takes an object of expressions.")
            return []
        dot = f"{place}." if place else ""
        return [(name, self.compile(rule, f"{dot}{name}")) for name, rule in rules.items()]

    def _fields(self, rule: dict[str, Any], place: str) -> Node:
        build = nodes.builder(self.fields(rule["fields"], place))

        def node(scope: Scope) -> Any:
            return build(scope) or ABSENT

        return node

    def _each(self, rule: dict[str, Any], place: str) -> Node:
        listed = self.path(rule["each"], place)
        test = self.condition(rule["when"], place) if "when" in rule else None
        if ("fields" in rule) is ("value" in rule):
            return self.complain(place, "'each' needs either 'fields' or 'value'.")
        inside = f"{place}[*]"
        if "fields" in rule:
            make: Node = nodes.builder(self.fields(rule["fields"], inside))
        else:
            make = self.compile(rule["value"], inside)
        return nodes.each(listed, test, make, place)

    def _concat(self, rule: dict[str, Any], place: str) -> Node:
        return nodes.concat(self._several(rule["concat"], "concat", place), place)

    def _first(self, rule: dict[str, Any], place: str) -> Node:
        return nodes.first(self._several(rule["first"], "first", place))

    def _several(self, rules: Any, word: str, place: str) -> list[Node]:
        if not isinstance(rules, list):
            self.complain(place, f"'{word}' takes a list of expressions.")
            return []
        return [self.compile(rule, place) for rule in rules]

    def _if(self, rule: dict[str, Any], place: str) -> Node:
        test = self.condition(rule["if"], place)
        then = self.compile(rule["then"], place) if "then" in rule else nothing
        other = self.compile(rule["else"], place) if "else" in rule else nothing
        return lambda s: then(s) if test(s) else other(s)

    # ---- pointers
    def _ref(self, rule: dict[str, Any], place: str) -> Node:
        if not self.to_canonical:
            return self.complain(place, "'ref' belongs to a mapping to canonical: use 'external'.")
        entity, object_ = rule["ref"], rule.get("object", "")
        if not isinstance(entity, str) or not isinstance(object_, str):
            return self.complain(place, "'ref' and 'object' are names.")
        if ("external_id" in rule) is ("key" in rule):
            return self.complain(place, "'ref' needs either 'external_id' or 'key'.")
        if "external_id" in rule:
            value = self.compile(rule["external_id"], place)
            return references.by_external_id(entity, object_, value, place)
        return references.by_key(
            entity, self.fields(rule["key"], place), rule.get("expect", True), place
        )

    def _external(self, rule: dict[str, Any], place: str) -> Node:
        if self.to_canonical:
            return self.complain(place, "'external' belongs to a mapping from canonical.")
        self.points = True
        part = self.compile(rule["part"], place) if "part" in rule else None
        path = self.path(rule["external"], place)
        optional = rule.get("optional", False)
        return references.target_id(path, rule.get("object", ""), part, optional, place)


#: word that marks a form → its compiler and the other keys it knows.
_FORMS: dict[str, tuple[Callable[[Compiler, dict[str, Any], str], Node], set[str]]] = {
    "const": (Compiler._const, set()),
    "concat": (Compiler._concat, set()),
    "first": (Compiler._first, set()),
    "if": (Compiler._if, {"then", "else"}),
    "call": (Compiler._call, {"args"}),
    "money": (Compiler._money, {"currency"}),
    "ref": (Compiler._ref, {"object", "external_id", "key", "expect"}),
    "external": (Compiler._external, {"object", "part", "optional"}),
    "template": (Compiler._template, set()),
    "expr": (Compiler._expr, set()),
    "each": (Compiler._each, {"when", "fields", "value"}),
    "fields": (Compiler._fields, set()),
    "path": (Compiler._path, {"default", "fn", "lookup"}),
}
