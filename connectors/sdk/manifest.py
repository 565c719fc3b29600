"""connector.toml, read into typed facts. Unknown keys are refused: a typo must not be silent."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec


class Field(msgspec.Struct, forbid_unknown_fields=True):
    """One thing a person fills in to connect. ``kind``: text, url, secret, folder, number, flag,
    list or table."""

    name: str
    label: str
    kind: Literal["text", "url", "secret", "folder", "number", "flag", "list", "table"] = "text"
    help: str = ""
    required: bool = True
    default: Any = None


class Stream(msgspec.Struct, forbid_unknown_fields=True):
    """Something a source tells: ``produces`` names the canonical entities, each with a mapping
    file ``mappings/<stream>.<entity>.json``.

    ``poll_every``: seconds between polls, 0 = never polled. ``push``: arrives by webhook.
    """

    name: str
    produces: list[str]
    label: str = ""
    poll_every: float = 0
    push: bool = False
    file: bool = False


class Resource(msgspec.Struct, forbid_unknown_fields=True):
    """Something a target takes; its mapping file is ``mappings/<entity>.<resource>.json``.

    ``writes``: *set* (last value wins, resending is harmless), *create* (create once, amend until
    locked), *append* (a fact, never changed), *delta* (adds to what is there).
    ``proof``: how an unknown outcome is resolved: *key* (the target honours our key), *lookup*
    (we can find it by our reference), *none* (a person decides).
    ``binds``: which of the target's objects its external ids name, so that resources sharing an
    object share ids (a product's price and its stock live in the product).
    """

    name: str
    entity: str
    label: str = ""
    writes: Literal["set", "create", "append", "delta"] = "set"
    proof: Literal["key", "lookup", "none"] = "lookup"
    binds: str = ""
    batch: int = 1
    deletes: bool = False
    lookup_settles_after: float = 2.0
    deadline: float = 20.0

    @property
    def object(self) -> str:
        return self.binds or self.name


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """``concurrency``: calls in flight on one connection."""

    concurrency: int = 4


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    title: str
    category: str
    summary: str
    limits: Limits = msgspec.field(default_factory=Limits)
    fields: list[Field] = []
    streams: list[Stream] = []
    resources: list[Resource] = []
    folder: Path = Path()

    def stream(self, name: str) -> Stream:
        return next(s for s in self.streams if s.name == name)

    def resource(self, name: str) -> Resource:
        return next(r for r in self.resources if r.name == name)

    @property
    def secret_fields(self) -> set[str]:
        return {f.name for f in self.fields if f.kind == "secret"}


@cache
def load_manifest(folder: Path) -> Manifest:
    """Read ``folder/connector.toml``. Raises msgspec.ValidationError naming the bad key."""
    raw = tomllib.loads((folder / "connector.toml").read_text(encoding="utf-8"))
    manifest = msgspec.convert(raw, Manifest)
    manifest.folder = folder
    return manifest
