"""Pointers between records: from a source's words to ours, and from ours to a target's id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hub.mappings.functions import text
from hub.mappings.problems import shown
from hub.mappings.scope import ABSENT, Node, Run, Scope


@dataclass(frozen=True, slots=True)
class PendingRef:
    """A record a source points to, in the source's words: by ``external_id`` of ``object`` at the
    same connection, or by ``key`` ({kind: raw value}). ``expect``: make a placeholder if unknown.
    """

    entity: str
    object: str = ""
    external_id: str = ""
    key: dict[str, str] = field(default_factory=dict)
    expect: bool = True

    def __hash__(self) -> int:
        return hash((self.entity, self.object, self.external_id, *self.key.items()))


@dataclass(frozen=True, slots=True)
class External:
    """A target's id that a body needs: of ``record`` (our id) as ``object``, or of its ``part``
    (e.g. a SKU). ``optional``: the body does without."""

    record: str
    entity: str
    object: str
    part: str = ""
    optional: bool = False


def _placeholder(scope: Scope, made: PendingRef) -> dict[str, Any]:
    """The placeholder put into the content; `ToCanonical` fills in its ``record``."""
    content: dict[str, Any] = {"entity": made.entity}
    if made.key:
        content["key"] = dict(made.key)
    scope.run.pointers.append((made, content))
    return content


def by_external_id(entity: str, object_: str, value: Node, place: str) -> Node:
    """``{"ref": …, "external_id": …}``; nothing to point to → ABSENT."""

    def node(scope: Scope) -> Any:
        found = _key_text(scope, value(scope), place)
        if found is ABSENT:
            return ABSENT
        return _placeholder(scope, PendingRef(entity, object_ or entity, found))

    return node


def by_key(entity: str, kinds: list[tuple[str, Node]], expect: bool, place: str) -> Node:
    """``{"ref": …, "key": {kind: …}}``; no kind with a value → ABSENT."""

    def node(scope: Scope) -> Any:
        key = {}
        for kind, value in kinds:
            found = _key_text(scope, value(scope), f"{place}.{kind}")
            if found is not ABSENT:
                key[kind] = found
        if not key:
            return ABSENT
        return _placeholder(scope, PendingRef(entity, key=key, expect=expect))

    return node


def _key_text(scope: Scope, value: Any, place: str) -> Any:
    if value is ABSENT or value is None or value == "":
        return ABSENT
    if type(value) is str:
        return value
    try:
        return text(value)
    except ValueError:
        return scope.fault(place, "type-mismatch", f"{shown(value)} can't name a record.")


def target_id(path: Node, object_: str, part: Node | None, optional: bool, place: str) -> Node:
    """``{"external": …}``: asks the run's ``resolve`` for the id; remembers who was asked for.

    A `Ref` without a record (its source didn't expect one) is as good as none.
    """

    def node(scope: Scope) -> Any:
        ref = path(scope)
        if ref is ABSENT:
            return ABSENT
        if type(ref) is not dict or "entity" not in ref:
            return scope.fault(place, "type-mismatch", f"{shown(ref)} is no reference.")
        record = ref.get("record")
        if not record:
            return ABSENT
        wanted = ABSENT if part is None else part(scope)
        if part is not None and wanted is ABSENT:
            return (
                ABSENT
                if optional
                else scope.fault(
                    place, "missing-required", "The part (e.g. the SKU) to point to is not there."
                )
            )
        asked = External(
            str(record),
            ref["entity"],
            object_ or ref["entity"],
            "" if part is None else text(wanted),
            optional,
        )
        return _answer(scope.run, asked)

    return node


def _answer(run: Run, asked: External) -> Any:
    found = run.resolve(asked) if run.resolve is not None else None
    run.pointers.append((asked, found is not None))
    return ABSENT if found is None else found
