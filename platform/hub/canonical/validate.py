"""Is this content sound, which bytes is it, who owns which part of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from hub.canonical.entities import ENTITIES
from hub.canonical.invariants import invariant_problems
from hub.canonical.problems import Problem, shown
from hub.canonical.shapes import structural_problems

#: Version of the model that `encode` writes. Minor = additive only.
SCHEMA = "1.0"

#: {(entity, from version): function to the next version's content and that version}.
UPCASTS: dict[tuple[str, str], Callable[[dict[str, Any]], tuple[dict[str, Any], str]]] = {}

#: The group of every field that is in no group of its own.
CORE = "core"

_encoder = msgspec.json.Encoder(order="sorted")


def validate(entity: str, content: dict[str, Any], *, partial: bool = False) -> list[Problem]:
    """Every problem with its path; [] = valid.

    ``partial``: content of one source that says only part of a record; missing fields are then
    no problem, and sums are checked only where everything they need is there.
    """
    kind = ENTITIES.get(entity)
    if kind is None:
        return [Problem("", "type-mismatch", f"There is no entity {shown(entity)}.")]
    try:
        record = msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        problems = list(structural_problems(kind, content, partial=partial))
        if not problems and not partial:
            return [Problem("", "type-mismatch", str(error))]
        return problems
    return list(invariant_problems(record, content))


def encode(entity: str, content: dict[str, Any]) -> bytes:
    """Canonical JSON: keys sorted at every depth, no blanks. Equal content, equal bytes."""
    return _encoder.encode(content)


def decode(data: bytes) -> dict[str, Any]:
    """What `encode` wrote."""
    found: dict[str, Any] = msgspec.json.decode(data)
    return found


def content_hash(data: bytes) -> bytes:
    """16 bytes of BLAKE2b over `encode`'s bytes: to tell equal from different, not to sign."""
    return hashlib.blake2b(data, digest_size=16).digest()


def upcast(entity: str, content: dict[str, Any], schema: str) -> dict[str, Any]:
    """Content stored under an older ``schema`` as today's.

    Contents are compared upcast, never by hashes of different versions (engine rule 2.10).
    Raises LookupError when no way leads from ``schema`` to SCHEMA.
    """
    while schema != SCHEMA:
        step = UPCASTS.get((entity, schema))
        if step is None:
            raise LookupError(f"No way from schema {schema} of {entity} to {SCHEMA}.")
        content, schema = step(content)
    return content


@cache
def groups_of(entity: str) -> dict[str, str]:
    """{field: group} for every field of the entity. Raises KeyError for an unknown entity."""
    kind = ENTITIES[entity]
    named = {field: group for group, fields in kind.groups.items() for field in fields}
    return {field: named.get(field, CORE) for field in kind.__struct_fields__}


def facet(entity: str, content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Content split by field group: {group: its fields}; groups without a field are left out."""
    groups = groups_of(entity)
    split: dict[str, dict[str, Any]] = {}
    for name, value in content.items():
        split.setdefault(groups.get(name, CORE), {})[name] = value
    return split
