"""A source record → canonical records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.canonical.entities import ENTITIES
from hub.mappings.conditions import Test
from hub.mappings.expressions import Compiler, nothing
from hub.mappings.functions import text
from hub.mappings.lookups import Tables, merged
from hub.mappings.nodes import builder
from hub.mappings.problems import MappingError, Problem, shown
from hub.mappings.references import PendingRef
from hub.mappings.scope import ABSENT, Node, Run, Scope

_KNOWN = {
    "entity", "when", "each", "object", "external_id", "version", "deleted", "keys", "root",
    "lookups", "fields", "comment",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Canonical:
    """What a source says about one record.

    ``keys``: {kind: raw values} it is matched by. ``root``: the record it is ordered under.
    ``content``: as in `hub.canonical.entities`, its references not yet resolved; a deleted
    record has none. ``refs``: what it points to, in order, without repeats.
    """

    entity: str
    object: str
    external_id: str
    version: str
    deleted: bool
    keys: dict[str, list[str]]
    root: PendingRef | None
    content: dict[str, Any]
    refs: list[PendingRef] = field(default_factory=list)
    _holders: tuple[tuple[PendingRef, dict[str, Any]], ...] = field(default=(), repr=False)

    def bind(self, resolve: Callable[[PendingRef], str | None]) -> dict[str, Any]:
        """The content with each reference as {"entity", "record", "key"}.

        Fills the references in place: binding again (a retried transaction) overwrites. None
        from ``resolve`` leaves a reference without a record.
        """
        for ref, holder in self._holders:
            record = resolve(ref)
            if record:
                holder["record"] = record
            else:
                holder.pop("record", None)
        return self.content


@dataclass(frozen=True, slots=True)
class ToCanonical:
    """A compiled mapping of one stream to one entity."""

    entity: str
    object: str
    when: Test | None
    each: Node | None
    external_id: Node
    version: Node
    deleted: Test | None
    keys: list[tuple[str, Node]]
    root: Node
    build: Callable[[Scope], dict[str, Any]]

    def run(self, body: dict[str, Any], *, deleted: bool = False) -> list[Canonical]:
        """The records of this entity that ``body`` tells about; none if ``when`` doesn't hold.

        ``deleted``: the connector already knows that the record is gone.
        Raises MappingError naming every problem of the record.
        """
        run = Run(body)
        top = Scope(body, run)
        made = [one for scope in self._scopes(top) if (one := self._one(scope, deleted))]
        if run.problems:
            raise MappingError(run.problems)
        return made

    def _scopes(self, top: Scope) -> list[Scope]:
        if self.each is None:
            return [top]
        items = self.each(top)
        if items is ABSENT:
            return []
        if type(items) is not list:
            top.fault("", "type-mismatch", f"'each' found {shown(items)}, which is not a list.")
            return []
        return [Scope(item, top.run, top, index) for index, item in enumerate(items)]

    def _one(self, scope: Scope, gone: bool) -> Canonical | None:
        if self.when is not None and not self.when(scope):
            return None
        run = scope.run
        external_id = _text_of(scope, self.external_id, "external_id")
        if not external_id:
            scope.fault("external_id", "missing-required", "The record names no id of its own.")
        version = _text_of(scope, self.version, "version")
        keys = _keys(scope, self.keys)
        run.pointers = []
        root = run.pointers[0][0] if self.root(scope) is not ABSENT else None
        run.pointers = []
        deleted = gone or (self.deleted is not None and self.deleted(scope))
        content = {} if deleted else self.build(scope)
        holders = tuple(run.pointers)
        refs = list(dict.fromkeys(ref for ref, _ in holders))
        return Canonical(
            self.entity, self.object, external_id, version, deleted, keys, root, content, refs,
            holders,
        )  # fmt: skip


def _text_of(scope: Scope, node: Node, place: str) -> str:
    value = node(scope)
    if value is ABSENT or value is None:
        return ""
    try:
        return text(value)
    except ValueError as error:
        scope.fault(place, "type-mismatch", str(error))
        return ""


def _keys(scope: Scope, kinds: list[tuple[str, Node]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind, node in kinds:
        value = node(scope)
        values = value if type(value) is list else [] if value is ABSENT else [value]
        try:
            texts = [text(v) for v in values if v is not None]
        except ValueError as error:
            scope.fault(f"keys.{kind}", "type-mismatch", str(error))
            continue
        kept = list(dict.fromkeys(t for t in texts if t.strip()))
        if kept:
            found[kind] = kept
    return found


def compile_to_canonical(rules: dict[str, Any], lookups: Tables | None = None) -> ToCanonical:
    """``lookups``: the connection's own tables; they win over those in the rules.

    Raises MappingError naming every problem of the rules.
    """
    compiler = Compiler(merged(rules.get("lookups", {}), lookups or {}), to_canonical=True)
    entity = rules.get("entity", "")
    _check_shape(compiler, rules, entity)

    def optional(name: str) -> Node:
        return compiler.compile(rules[name], name) if name in rules else nothing

    root = optional("root")
    if "root" in rules and "ref" not in rules["root"]:
        compiler.complain("root", "'root' is a reference: {'ref': …, 'external_id': …}.")
    compiled = ToCanonical(
        entity=entity,
        object=rules.get("object") or entity,
        when=compiler.condition(rules["when"], "when") if "when" in rules else None,
        each=compiler.path(rules["each"], "each") if "each" in rules else None,
        external_id=optional("external_id"),
        version=optional("version"),
        deleted=compiler.condition(rules["deleted"], "deleted") if "deleted" in rules else None,
        keys=compiler.fields(rules.get("keys", {}), "keys"),
        root=root,
        build=builder(compiler.fields(rules.get("fields", {}), "")),
    )
    if compiler.problems:
        raise MappingError(compiler.problems)
    return compiled


def _check_shape(compiler: Compiler, rules: dict[str, Any], entity: Any) -> None:
    for name in sorted(set(rules) - _KNOWN):
        compiler.problems.append(Problem(name, "bad-rule", "A mapping knows no such part."))
    if entity not in ENTITIES:
        compiler.complain("entity", f"There is no entity {shown(entity)}.")
        return
    if "external_id" not in rules:
        compiler.complain("external_id", "Every record needs the source's own id.")
    known = ENTITIES[entity].__struct_fields__
    for name in rules.get("fields", {}):
        if name not in known:
            compiler.complain(name, f"A {entity} has no field '{name}'.")
