"""A connection's public settings against what the connector's manifest declares. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from connectors.sdk.connector import Connector
from connectors.sdk.manifest import Field, Manifest

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "text"),
    "url": ((str,), "an address"),
    "folder": ((str,), "the path of a folder"),
    "number": ((int, float), "a number"),
    "flag": ((bool,), "true or false"),
    "list": ((list,), "a list"),
    "table": ((dict,), "a table"),
}


def with_defaults(manifest: Manifest, config: dict[str, Any]) -> dict[str, Any]:
    """What the connector gets: every declared setting, defaults where nothing was said."""
    return {
        field.name: config.get(field.name, field.default)
        for field in manifest.fields
        if field.kind != "secret"
    }


def settings_problems(kind: type[Connector], config: dict[str, Any]) -> list[tuple[str, str]]:
    """What the manifest's fields can say, then what only the connector knows."""
    found = list(config_problems(kind.manifest, config))
    return found or list(kind.config_problems(with_defaults(kind.manifest, config)))


def config_problems(manifest: Manifest, config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(setting, what is wrong and the mend) for everything the manifest's fields can say."""
    fields = {field.name: field for field in manifest.fields if field.kind != "secret"}
    for name in config:
        if name in manifest.secret_fields:
            yield name, "This is a secret: put it under 'secrets' as {env = …} or {file = …}."
        elif name not in fields:
            known = ", ".join(sorted(fields)) or "no settings"
            yield name, f"{manifest.title} has no such setting; it knows {known}."
    for name, field in fields.items():
        if name in config:
            yield from ((name, problem) for problem in _value_problems(field, config[name]))
        elif field.required and field.default is None:
            yield name, f"{manifest.title} needs it ({field.label}): add it."


def secret_problems(manifest: Manifest, names: set[str]) -> Iterator[tuple[str, str]]:
    """(secret, what is wrong and the mend), given the names that are set."""
    for name in sorted(names - manifest.secret_fields):
        known = ", ".join(sorted(manifest.secret_fields)) or "none"
        yield name, f"{manifest.title} has no such secret; it knows {known}."
    for field in manifest.fields:
        if field.kind == "secret" and field.required and field.name not in names:
            yield field.name, f"{manifest.title} needs it ({field.label}): add it."


def _value_problems(field: Field, value: Any) -> Iterator[str]:
    kinds, words = _KINDS[field.kind]
    if not isinstance(value, kinds) or (field.kind == "number" and isinstance(value, bool)):
        yield f"{field.label} must be {words}."
    elif field.kind == "url":
        parts = urlsplit(str(value))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield f"{field.label} must be an address that begins with https:// or http://."
        elif parts.username or parts.password:
            yield f"{field.label} holds a user name: put credentials under 'secrets'."
    elif field.kind in ("text", "folder") and field.required and not str(value).strip():
        yield f"{field.label} must not be empty."
