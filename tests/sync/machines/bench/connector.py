"""A connector to systems in the test's own memory, and those systems."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.sdk.connector import Connector
from connectors.sdk.errors import ConnectorError, OutcomeUnknown, Rejected, Unavailable
from connectors.sdk.manifest import load_manifest
from connectors.sdk.records import Done, Found, Heard, SourceRecord, Step, WriteItem

#: The systems of the test that runs now, by the name in the connection's settings.
SYSTEMS: dict[str, System] = {}


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that happened at a system, in the order in which it happened."""

    resource: str
    op: str
    ref: str
    key: str
    value: str
    external_id: str


@dataclass
class System:
    """An outside system: what it has to tell, what was done to it, how it behaves.

    ``before``: called with the resource and the item of every write before its effect; it may wait
    and may raise. ``after``: likewise after the effect, before the answer.
    """

    told: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    objects: dict[str, Effect] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    before: Callable[[str, WriteItem], None] | None = None
    after: Callable[[str, WriteItem], None] | None = None
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, resource: str, item: WriteItem) -> str:
        """Have the effect and answer, unless a fault or a story's hook comes between."""
        if self.before is not None:
            self.before(resource, item)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "away":
            raise Unavailable("The bench is away.")
        if fault == "unheard":
            raise OutcomeUnknown("No answer came, and nothing was done.")
        with self.lock:
            external_id = self._effect(resource, item)
        if fault == "unanswered":
            raise OutcomeUnknown("No answer came.")
        if self.after is not None:
            self.after(resource, item)
        return external_id

    def _effect(self, resource: str, item: WriteItem) -> str:
        if resource == "keyed" and item.key in self.answers:
            return self.answers[item.key]
        external_id = item.external_id or f"{resource}-{len(self.effects) + 1}"
        value = str(item.body.get("value", ""))
        effect = Effect(resource, item.op, item.ref, item.key, value, external_id)
        self.effects.append(effect)
        self.objects[external_id] = effect
        self.answers[item.key] = external_id
        return external_id

    def holds(self, resource: str, ref: str) -> list[str]:
        """Values of the objects that bear our reference."""
        return [o.value for o in self.objects.values() if (o.resource, o.ref) == (resource, ref)]

    def made(self, resource: str, ref: str) -> int:
        """How often it was made."""
        return sum(
            1 for e in self.effects if (e.resource, e.ref, e.op) == (resource, ref, "create")
        )


class Bench(Connector):
    """Tells and takes what a `System` does."""

    manifest = load_manifest(Path(__file__).parent)

    @property
    def system(self) -> System:
        return SYSTEMS[self.config["system"]]

    def understand(self, heard: Heard) -> SourceRecord:
        body = json.loads(heard.body)
        return SourceRecord(heard.stream, body["id"], body, body.get("version", ""),
                            read_started_at=heard.read_started_at)  # fmt: skip

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        started = datetime.now(UTC)
        found = {i: self.system.told.get((stream, i)) for i in external_ids}
        return {
            i: None if body is None else SourceRecord(
                stream, i, dict(body), body.get("version", ""), read_started_at=started)
            for i, body in found.items()
        }  # fmt: skip

    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        yield from ()
        return Done(self.system.write(resource, item))

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        return [Done(self.system.write(resource, item)) for item in items]

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        found = {
            o.external_id for o in self.system.objects.values()
            if (o.resource, o.ref) == (resource, item.ref)
        }  # fmt: skip
        if len(found) > 1:
            raise Rejected("Two bear our reference.", code="duplicate-exact")
        return Found(found.pop()) if found else None
