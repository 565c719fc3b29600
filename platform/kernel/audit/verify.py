"""Walk the chain of the active schema and name the first row that isn't as it was written."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.audit.models import AuditEntry
from kernel.audit.record import GENESIS, seal
from kernel.schema import active_schema

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rows`` that hold, ``head`` (hex seal of the last of them), and what broke first.

    A chain can't show that its newest rows were cut off: compare ``rows`` and ``head`` with the
    ones kept elsewhere.
    """

    rows: int
    head: str
    broken_seq: int | None = None
    problem: str = ""

    @property
    def intact(self) -> bool:
        return self.broken_seq is None


def verify() -> Verdict:
    """Check every row of the active schema's audit, oldest first."""
    schema = active_schema()
    previous, count = GENESIS, 0
    for entry in AuditEntry.objects.order_by("seq").iterator(chunk_size=CHUNK):
        problem = _problem(schema, entry, count + 1, previous)
        if problem:
            return Verdict(count, previous.hex(), entry.seq, problem)
        previous, count = bytes(entry.seal), count + 1
    return Verdict(count, previous.hex())


def _problem(schema: str, entry: AuditEntry, expected: int, previous: bytes) -> str:
    if entry.seq != expected:
        return f"row {expected} is missing: row {entry.seq} follows row {expected - 1}"
    if bytes(entry.previous) != previous:
        return f"row {entry.seq} does not follow the row before it"
    if bytes(entry.seal) != seal(schema, entry):
        return f"row {entry.seq} was changed after it was written"
    return ""
