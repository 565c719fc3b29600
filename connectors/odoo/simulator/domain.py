"""Odoo's search domains: Polish notation over (field, operator, value) conditions.

Conditions joined by *and* at the top are answered from indexes where one fits (id, indexed
fields, write_date); what is left is evaluated row by row.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.database import Database
from connectors.odoo.simulator.schema import SCHEMA
from connectors.sdk.simulation.store import Row

Test = Callable[[Row], bool]
Leaf = tuple[str, str, Any]

#: Above this many, a condition on a related record is tested row by row instead of listed.
FEW = 2000

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def search(db: Database, model: str, domain: list[Any], enough: int | None = None) -> list[Row]:
    """Rows that match, by id; at most ``enough`` of them.

    Raises OdooError 500 for a field or domain Odoo doesn't know.
    """
    tree = _parse(model, domain)
    test = _test(db, model, tree)
    rows = db.rows(model)
    ids = _candidates(db, model, tree)
    matching = (rows[i] for i in sorted(rows if ids is None else set(ids)) if i in rows)
    return list(islice(filter(test, matching), enough))


def _parse(model: str, domain: list[Any]) -> list[Any]:
    """A tree: ["&", tree, …], ["|", tree, …], ["!", tree] or a Leaf."""
    items = list(domain)
    parsed: list[Any] = ["&"]
    while items:
        parsed.append(_take(model, items))
    return parsed


def _take(model: str, items: list[Any]) -> Any:
    if not items:
        raise errors.value_error("Domain() invalid item in domain: operator without operands")
    item = items.pop(0)
    if item in ("&", "|"):
        return [item, _take(model, items), _take(model, items)]
    if item == "!":
        return ["!", _take(model, items)]
    if not isinstance(item, (list, tuple)) or len(item) != 3:
        raise errors.value_error(f"Domain() invalid item in domain: {item!r}")
    name, op, value = item
    _check(model, str(name), str(op), value)
    return (str(name), str(op), value)


def _check(model: str, path: str, op: str, value: Any) -> None:
    here = model
    for name in path.split("."):
        field = SCHEMA[here].get(name) if here else None
        if field is None and name != "id":
            condition = (path, op, value)
            raise errors.value_error(f"Invalid field {here}.{name} in condition {condition!r}")
        here = field.relation if field is not None else ""


def _test(db: Database, model: str, tree: Any) -> Test:
    if isinstance(tree, tuple):
        return _leaf(db, model, *tree)
    kind, *parts = tree
    tests = [_test(db, model, part) for part in parts]
    if kind == "!":
        return lambda row: not tests[0](row)
    if kind == "|":
        return lambda row: any(t(row) for t in tests)
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(t(row) for t in tests)


def _leaf(db: Database, model: str, path: str, op: str, value: Any) -> Test:
    name, _, rest = path.partition(".")
    if rest:
        field = SCHEMA[model][name]
        matching = {row["id"] for row in search(db, field.relation, [[rest, op, value]])}
        return _relation_test(db, name, field.type, field.inverse, field.relation, matching)
    field_ = SCHEMA[model].get(name)
    if field_ is not None and field_.type in ("one2many", "many2many"):
        wanted = {value} if op == "=" and value is not False else set(_listed(value))
        inside = _relation_test(db, name, field_.type, field_.inverse, field_.relation, wanted)
        return inside if op in ("=", "in") else lambda row: not inside(row)
    compare = _operator(op, value)
    return lambda row: compare(row.get(name, False))


def _relation_test(
    db: Database, name: str, kind: str, inverse: str, relation: str, ids: set[int]
) -> Test:
    if kind == "one2many":
        owners = {db.rows(relation)[i][inverse] for i in ids if i in db.rows(relation)}
        return lambda row: row["id"] in owners
    if kind == "many2many":
        return lambda row: not ids.isdisjoint(row.get(name) or ())
    return lambda row: row.get(name) in ids


def _operator(op: str, value: Any) -> Callable[[Any], bool]:
    if op in ("=", "=="):
        return lambda have: have == value or (not have and value is False and have is not True)
    if op in ("!=", "<>"):
        same = _operator("=", value)
        return lambda have: not same(have)
    if op in ("in", "not in"):
        wanted = set(_listed(value))
        if op == "in":
            return lambda have: have in wanted
        return lambda have: have not in wanted
    if op in _COMPARE:
        compare = _COMPARE[op]
        return lambda have: have is not False and compare(have, value)
    if "like" in op:
        return _pattern(op, str(value))
    raise errors.value_error(f"Invalid operator {op!r}")


def _pattern(op: str, value: str) -> Callable[[Any], bool]:
    """``like`` finds inside, ``=like`` matches whole; % and _ are wild; ``i`` ignores case."""
    text = value if "=" in op else f"%{value}%"
    regex = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in text)
    flags = re.DOTALL | (re.IGNORECASE if "ilike" in op else 0)
    matches = re.compile(regex, flags).fullmatch
    if op.startswith("not"):
        return lambda have: not matches(str(have or ""))
    return lambda have: bool(have) and matches(str(have)) is not None


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple, set)) else [value]


def _candidates(db: Database, model: str, tree: Any) -> Iterable[int] | None:
    """The shortest id list an index gives for one of the and-ed conditions; None: scan."""
    best: Iterable[int] | None = None
    size = len(db.rows(model))
    for part in tree[1:]:
        if isinstance(part, list):
            found = _candidates(db, model, part) if part[0] == "&" else None
        else:
            found = _by_index(db, model, *part)
        if found is not None:
            found = list(found)
            if len(found) <= size:
                best, size = found, len(found)
    return best


def _by_index(db: Database, model: str, path: str, op: str, value: Any) -> Iterable[int] | None:
    name, _, rest = path.partition(".")
    if rest:
        field = SCHEMA[model][name]
        if field.type != "many2one" or not db.indexed(field.relation, rest) or op != "=":
            return None
        groups = [db.ids_where(model, name, r) for r in db.ids_where(field.relation, rest, value)]
        few = sum(map(len, groups)) <= FEW
        return [i for group in groups for i in group] if few else None
    if name == "id" and op in ("=", "in"):
        return [i for i in _listed(value) if isinstance(i, int)]
    if name == "id" and op == ">":
        ids = sorted(db.rows(model))
        return ids[bisect_right(ids, value) :]
    if name == "write_date" and op in (">", ">="):
        return db.written_since(model, str(value))
    if op in ("=", "in") and db.indexed(model, name) and value is not False:
        return [i for v in _listed(value) for i in db.ids_where(model, name, v)]
    return None
