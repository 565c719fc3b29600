"""Everything a partner has, in one zip that anybody can read: its declaration, and every table as
JSON lines. Secrets are not in it.

    declaration.toml (and files it names)   what `apply` makes the partner of again
    tables/<table>.jsonl                     one row a line; bytes as JSON, text, hex or base64
    undelivered.jsonl                        what could not be delivered, and why
    usage.json                               what was counted, by environment, meter and month
    manifest.json                            {file: {rows, sha256}}, the partner, the time
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from hub.flows.declaration.export import CannotExport, Exported, export
from hub.sync.sql import rows
from tenants.context import partner_context
from tenants.partners.departure import Marks, marks_of, tables_of
from tenants.partners.models import Partner

CHUNK = 1000
#: Columns that would let a stranger speak for the partner.
HIDDEN = {("connections_connection", "webhook_token")}
HASHES = ("hash", "identity", "seal", "previous")

UNDELIVERED = """
SELECT r.entity, r.number, r.title, c.slug AS target, d.resource, d.problem, d.problem_code,
       w.since, w.attempts, d.record_id
FROM sync_work w JOIN sync_delivery d ON d.id = w.delivery_id
JOIN sync_record r ON r.id = d.record_id JOIN connections_connection c ON c.id = w.connection_id
ORDER BY w.since, d.id
"""

USAGE = """
SELECT m.slug, e.kind, u.meter, to_char(u.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM'),
       sum(u.units), count(*)
FROM billing_usageevent u JOIN merchants_environment e ON e.id = u.environment_id
JOIN merchants_merchant m ON m.id = e.merchant_id GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


@dataclass(slots=True)
class Archive:
    """``marks``: of the tables, taken before they were read, so a later write shows."""

    path: Path
    sha256: str = ""
    marks: Marks = field(default_factory=dict)
    usage: list[dict[str, Any]] = field(default_factory=list)


def write(partner: Partner, path: Path) -> Archive:
    """Write the partner's archive to ``path``, whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".partial")
    archive = Archive(path)
    with partner_context(partner), transaction.atomic():
        archive.marks = marks_of(partner.schema_name)
        archive.usage = _usage()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as folder,
        ):
            _fill(_Contents(folder), partner, archive)
        _sync(draft)
    archive.sha256 = _sha256(draft)
    draft.replace(path)
    told = path.with_name(path.name + ".sha256")
    told.write_text(f"{archive.sha256}  {path.name}\n")
    _sync(path.parent)
    return archive


@dataclass(slots=True)
class _Contents:
    """A zip being filled, and what its manifest will say."""

    folder: zipfile.ZipFile
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """One file; ``rows``: how many pieces it was written from."""
        count, found = 0, hashlib.sha256()
        with self.folder.open(name, "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                found.update(piece)
                count += 1
        self.facts[name] = {"rows": count, "sha256": found.hexdigest()}


def _fill(contents: _Contents, partner: Partner, archive: Archive) -> None:
    declared = _declared(partner)
    contents.add("declaration.toml", [declared.text.encode()])
    for name, body in sorted(declared.files.items()):
        contents.add(name, [body])
    contents.add("undelivered.jsonl", _lines(UNDELIVERED))
    contents.add("usage.json", [_json(archive.usage)])
    for table in tables_of(partner.schema_name):
        contents.add(f"tables/{table}.jsonl", _lines(_all_of(partner, table)))
    manifest = {
        "partner": {"slug": partner.slug, "name": partner.name, "id": str(partner.pk)},
        "written_at": datetime.now(UTC).isoformat(),
        "files": contents.facts,
    }
    contents.add("manifest.json", [_json(manifest)])


def _declared(partner: Partner) -> Exported:
    """A partner that can't be declared leaves all the same: its tables say everything."""
    try:
        return export(partner)
    except CannotExport as error:
        return Exported(f"# {error}\n")


def _usage() -> list[dict[str, Any]]:
    names = ("merchant", "environment", "meter", "month", "units", "events")
    return [dict(zip(names, (*r[:4], int(r[4]), int(r[5])), strict=True)) for r in rows(USAGE)]


def _all_of(partner: Partner, table: str) -> str:
    """Every row; instants as text, since a row that waits for somebody waits until infinity."""
    columns = rows(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [f'"{partner.schema_name}"."{table}"'],
    )
    told = [
        f'to_jsonb("{name}") #>> \'{{}}\' AS "{name}"' if "timestamp" in kind else f'"{name}"'
        for name, kind in columns
        if (table, name) not in HIDDEN
    ]
    return f'SELECT {", ".join(told)} FROM "{table}"'  # noqa: S608 - names of the catalogue


def _lines(statement: str) -> Iterator[bytes]:
    """One JSON object a row, read in chunks however large the table is."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        while chunk := cursor.fetchmany(CHUNK):
            names = [column.name for column in cursor.description]
            for row in chunk:
                told = zip(names, row, strict=True)
                yield _json({name: _readable(name, value) for name, value in told})


def _readable(name: str, value: Any) -> Any:
    """Bytes as what they are: a hash, JSON, text, or something else in base64."""
    if not isinstance(value, bytes | memoryview):
        return value
    body = bytes(value)
    if name.endswith(HASHES):
        return body.hex()
    with suppress(ValueError):
        return json.loads(body)
    with suppress(UnicodeDecodeError):
        return body.decode()
    return {"base64": base64.b64encode(body).decode()}


def _json(found: Any) -> bytes:
    return json.dumps(found, default=str, ensure_ascii=False).encode() + b"\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """The archive may soon be all there is: it must have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
