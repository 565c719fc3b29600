"""What every registered connector must have, so that its author writes none of these tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import connectors
from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError
from connectors.sdk.records import Heard, WebhookRequest
from hub.canonical.entities import ENTITIES, RecordClass
from hub.connections.config import with_defaults
from hub.mappings.rules import validate_rules
from hub.mappings.selectors import mapping_names, shipped_path, shipped_rules

Kind = type[Connector]
ROOT = Path(__file__).parents[2]


def every() -> list[Any]:
    return [pytest.param(kind, id=name) for name, kind in sorted(connectors().items())]


def every_mapping() -> list[Any]:
    return [
        pytest.param(name, mapping, id=f"{name}:{mapping}")
        for name in sorted(connectors())
        for mapping in mapping_names(connectors()[name].manifest)
    ]


@pytest.mark.parametrize("kind", every())
def test_it_says_who_it_is(kind: Kind) -> None:
    manifest = kind.manifest
    assert manifest.folder.name == manifest.name, "the folder is called as the connector"
    assert manifest.title and manifest.category and manifest.summary.endswith(".")
    assert manifest.limits.concurrency >= 1
    declared = "manifest_for" in vars(kind)  # its streams and resources are each connection's own
    assert manifest.streams or manifest.resources or declared


@pytest.mark.parametrize("kind", every())
def test_everything_a_person_fills_in_is_explained(kind: Kind) -> None:
    fields = kind.manifest.fields
    assert len({f.name for f in fields}) == len(fields)
    for field in fields:
        assert field.label and field.label[0].isupper()
        given = not field.required or field.default is not None
        assert field.help or given, f"{field.name}: say where to find it"
        assert not (field.kind == "secret" and field.default), f"{field.name}: a shipped secret"
        assert field.required or field.default is not None or field.kind in ("secret", "text")


@pytest.mark.parametrize("kind", every())
def test_its_streams_and_resources_speak_of_canonical_entities(kind: Kind) -> None:
    manifest = kind.manifest
    assert len({s.name for s in manifest.streams}) == len(manifest.streams)
    slots = [(r.entity, r.name) for r in manifest.resources]
    assert len(set(slots)) == len(slots)
    for stream in manifest.streams:
        assert set(stream.produces) <= set(ENTITIES)
        assert stream.push or stream.poll_every or stream.file or not stream.produces, stream.name
    for resource in manifest.resources:
        assert resource.entity in ENTITIES
        assert resource.batch >= 1 and resource.deadline > 0


@pytest.mark.parametrize("kind", every())
def test_documents_and_facts_can_be_proved_at_the_target(kind: Kind) -> None:
    """A level may be set again; of anything else an unknown outcome must be resolvable."""
    for resource in kind.manifest.resources:
        if ENTITIES[resource.entity].record_class is not RecordClass.LEVEL:
            assert resource.proof in ("key", "lookup"), resource.name
        if resource.writes == "set":
            assert ENTITIES[resource.entity].record_class is not RecordClass.DOCUMENT or (
                resource.binds
            ), f"{resource.name}: a document is created once, not set"


@pytest.mark.parametrize("kind", every())
def test_it_tells_a_person_how_to_connect(kind: Kind) -> None:
    text = (kind.manifest.folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ") and len(text) > 400
    for field in kind.manifest.fields:
        if field.required and field.default is None:
            told = field.label.lower() in text.lower() or f"`{field.name}`" in text
            assert told, f"README.md doesn't mention {field.label!r}"


@pytest.mark.parametrize(("name", "mapping"), every_mapping())
def test_every_mapping_is_there_and_compiles(name: str, mapping: str) -> None:
    rules = shipped_rules(name, mapping)
    assert validate_rules(rules) == []
    first, second = mapping.split(".")
    inward = "entity" in rules
    assert rules["entity" if inward else "resource"] == second
    assert inward is (first in {s.name for s in connectors()[name].manifest.streams}) or not inward


@pytest.mark.parametrize("kind", every())
def test_no_mapping_is_there_for_nothing(kind: Kind) -> None:
    manifest = kind.manifest
    there = {path.stem for path in (manifest.folder / "mappings").glob("*.json")}
    assert there == set(mapping_names(manifest))


@pytest.mark.parametrize(("name", "mapping"), every_mapping())
def test_every_mapping_has_a_sample(name: str, mapping: str) -> None:
    folder = shipped_path(name, mapping).parents[1] / "samples"
    first, second = mapping.split(".")
    if "entity" in shipped_rules(name, mapping):
        records = [
            record
            for path in folder.glob(f"{first}.*.canonical.json")
            if not path.with_name(path.name.replace(".canonical.", ".target.")).exists()
            for record in json.loads(path.read_text(encoding="utf-8"))
        ]
        assert any(record["entity"] == second for record in records)
    else:
        assert list(folder.glob(f"{first}.{second}.*.target.json"))


@pytest.mark.parametrize("kind", every())
def test_it_survives_bytes_that_are_none_of_its_own(kind: Kind, tmp_path: Path) -> None:
    """Understanding is pure, and anything but a record is an error of the SDK."""
    connector = kind(config=_config(kind, tmp_path), secrets=_secrets(kind), http=_NoNetwork())
    for stream in kind.manifest.streams:
        for body in (b"", b"\x00\xff\xfe", b"<html>maintenance</html>", b"[]", b"null", b'{"a":'):
            try:
                connector.understand(Heard(stream.name, "x", body))
            except ConnectorError as error:
                assert error.code and str(error)


@pytest.mark.parametrize("kind", every())
def test_a_push_nobody_signed_is_not_taken(kind: Kind) -> None:
    request = WebhookRequest("POST", {"content-type": "application/json"}, "", b'{"id": 1}')
    verdict = kind.webhook(request, [_secrets(kind)])
    assert verdict.status >= 400 and verdict.why and not verdict.heard


@pytest.mark.parametrize("kind", every())
def test_its_simulator_can_be_started(kind: Kind) -> None:
    folder = kind.manifest.folder / "simulator"
    assert (folder / "__main__.py").exists()


def _config(kind: Kind, folder: Path) -> dict[str, Any]:
    """Defaults, and something of the right kind for what a person must fill in."""
    made = {"url": "https://shop.example.com", "folder": str(folder), "number": 1, "flag": False,
            "list": [], "table": {}, "text": "text"}  # fmt: skip
    filled = {
        field.name: made[field.kind]
        for field in kind.manifest.fields
        if field.kind != "secret" and field.default is None
    }
    return with_defaults(kind.manifest, filled)


def _secrets(kind: Kind) -> dict[str, str]:
    return dict.fromkeys(kind.manifest.secret_fields, "secret")


class _NoNetwork:
    """A connector that calls out where it must not, fails."""

    def request(self, *args: object, **kwargs: object) -> Any:
        raise AssertionError("understanding stored bytes must not call anyone")
