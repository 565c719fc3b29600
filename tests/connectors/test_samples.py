"""Every sample of every connector: its mapping makes of the one file exactly the other.

    <stream>.<case>.json                      + <stream>.<case>.canonical.json
    <entity>.<resource>.<case>.canonical.json + <entity>.<resource>.<case>.target.json

Expected records are {entity, external_id, content, and any of object, version, deleted, keys,
root}. A reference by the source's id has the record ``<object>/<id>``; one by key has none; a
sample may leave ``record`` out. Beside the samples may lie ``lookups.json`` (the tables a person
would fill in) and ``ids.json`` ({object: {part or record: the target's id}}; an id that isn't
there is ``<object>/<part or record>``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.registry import connectors
from connectors.sdk.connector import Connector
from hub.canonical.validate import validate
from hub.mappings.rules import (
    Canonical,
    External,
    compile_from_canonical,
    compile_to_canonical,
)
from hub.mappings.selectors import shipped_rules

Kind = type[Connector]


def read(path: Path) -> Any:
    """As the path of a record reads JSON."""
    return msgspec.json.decode(path.read_bytes())


def beside(kind: Kind, name: str) -> dict[str, dict[str, Any]]:
    """``lookups.json`` or ``ids.json`` of a connector's samples."""
    path = kind.manifest.folder / "samples" / name
    return dict(read(path)) if path.exists() else {}


def target_of(path: Path) -> Path:
    return path.with_name(path.name.replace(".canonical.json", ".target.json"))


def source_of(path: Path) -> Path:
    return path.with_name(path.name.replace(".canonical.json", ".json"))


def samples() -> Iterator[tuple[Kind, Path]]:
    for _, kind in sorted(connectors().items()):
        for path in sorted((kind.manifest.folder / "samples").glob("*.canonical.json")):
            yield kind, path


def cases(other: Callable[[Path], Path]) -> list[Any]:
    return [
        pytest.param(kind, path, id=f"{kind.manifest.name}:{path.name}")
        for kind, path in samples()
        if other(path).exists()
    ]


def source_record(record: Canonical) -> dict[str, Any]:
    content = record.bind(lambda ref: ref.external_id and f"{ref.object}/{ref.external_id}")
    root = record.root and f"{record.root.object}/{record.root.external_id}"
    return {
        "entity": record.entity,
        "object": record.object,
        "external_id": record.external_id,
        "version": record.version,
        "deleted": record.deleted,
        "keys": record.keys,
        "root": root,
        "content": content,
    }


def as_detailed_as(wanted: Any, got: Any) -> Any:
    """``got`` without the ``record`` of references whose sample leaves it out."""
    if isinstance(got, dict) and isinstance(wanted, dict):
        bare = {"entity", "record"} <= got.keys() and "record" not in wanted
        return {
            name: as_detailed_as(wanted.get(name), value)
            for name, value in got.items()
            if not (bare and name == "record")
        }
    if isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        return [as_detailed_as(w, g) for w, g in zip(wanted, got, strict=True)]
    return got


def test_every_sample_is_half_of_a_pair() -> None:
    alone = [
        path.name for _, path in samples() if source_of(path).exists() is target_of(path).exists()
    ]
    assert alone == []


@pytest.mark.parametrize(("kind", "path"), cases(source_of))
def test_a_source_record_becomes_the_expected_records(kind: Kind, path: Path) -> None:
    stream = path.name.split(".")[0]
    made: list[Canonical] = []
    for entity in kind.manifest.stream(stream).produces:
        rules = shipped_rules(kind.manifest.name, f"{stream}.{entity}")
        mapping = compile_to_canonical(rules, beside(kind, "lookups.json"))
        made += mapping.run(read(source_of(path)))
    expected = sorted(read(path), key=itemgetter("entity", "external_id"))
    made.sort(key=attrgetter("entity", "external_id"))
    got = [source_record(record) for record in made]
    assert [(g["entity"], g["external_id"]) for g in got] == [
        (w["entity"], w["external_id"]) for w in expected
    ]
    for found, wanted in zip(got, expected, strict=True):
        told = {name: found[name] for name in wanted}
        assert as_detailed_as(wanted, told) == wanted
        partial = found["entity"] == "order" and "lines" not in found["content"]
        problems = validate(found["entity"], found["content"], partial=partial)
        assert found["deleted"] or problems == []


@pytest.mark.parametrize(("kind", "path"), cases(target_of))
def test_canonical_content_becomes_the_expected_body(kind: Kind, path: Path) -> None:
    entity, resource = path.name.split(".")[:2]
    rules = shipped_rules(kind.manifest.name, f"{entity}.{resource}")
    mapping = compile_from_canonical(rules, beside(kind, "lookups.json"))
    content, known = read(path), beside(kind, "ids.json")
    plain = {name: value for name, value in content.items() if not name.startswith("_")}
    assert validate(entity, plain, partial=True) == []

    def target_id(asked: External) -> str:
        name = asked.part or asked.record
        return str(known.get(asked.object, {}).get(name, f"{asked.object}/{name}"))

    assert mapping.applies(content)
    rendered = mapping.render(content, target_id)
    assert rendered.missing == []
    assert msgspec.json.decode(msgspec.json.encode(rendered.body)) == read(target_of(path))
