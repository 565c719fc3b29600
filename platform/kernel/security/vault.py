"""Secrets of the active partner: put, get, delete. The key that opens them is not in the database.

Values are text (a password, a token, a JSON document). A reader outside Django's connection (the
ingress) reads the two tables by itself and calls `opened`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from kernel.schema import active_schema
from kernel.security import envelope, keyring
from kernel.security.models import DataKey, Secret
from kernel.security.rotation import hold_ring

READ = """
SELECT s.id, s.field, s.ciphertext, k.kek, k.wrapped FROM security_secret s
LEFT JOIN security_datakey k ON k.generation = get_byte(s.ciphertext, 0) WHERE """


class NoSuchSecret(LookupError):
    """Nothing is stored under that owner and field; ask its owner to enter it."""


def put(owner_id: UUID, field: str, value: str, *, owner_kind: str = "connection") -> UUID:
    """Store or replace one secret; returns its row's id."""
    schema = active_schema()
    with transaction.atomic():
        key, generation = _sealing_key(schema)
        secret = (
            Secret.objects.select_for_update()
            .filter(owner_kind=owner_kind, owner_id=owner_id, field=field)
            .first()
        )
        secret = secret or Secret(owner_kind=owner_kind, owner_id=owner_id, field=field)
        place = (schema, str(secret.id), field)
        secret.ciphertext = envelope.seal(key, place, value.encode(), generation)
        secret.save()
    return secret.id


def get(owner_id: UUID, field: str, *, owner_kind: str = "connection") -> str:
    """Raises NoSuchSecret, and envelope.CannotOpen for a ciphertext that isn't this row's."""
    found = _read("s.owner_kind = %s AND s.owner_id = %s AND s.field = %s",
                  [owner_kind, owner_id, field])  # fmt: skip
    if field not in found:
        raise NoSuchSecret(f"No {field} is stored for this {owner_kind}: enter it.")
    return found[field]


def get_all(owner_id: UUID, *, owner_kind: str = "connection") -> dict[str, str]:
    """Every secret of one owner, field to value; empty when there is none."""
    return _read("s.owner_kind = %s AND s.owner_id = %s", [owner_kind, owner_id])


def fields(owner_id: UUID, *, owner_kind: str = "connection") -> set[str]:
    """Names of the secrets stored for one owner; nothing is opened."""
    secrets = Secret.objects.filter(owner_kind=owner_kind, owner_id=owner_id)
    return set(secrets.values_list("field", flat=True))


def delete(owner_id: UUID, field: str | None = None, *, owner_kind: str = "connection") -> int:
    """Forget one secret, or all of an owner; returns how many there were."""
    secrets = Secret.objects.filter(owner_kind=owner_kind, owner_id=owner_id)
    if field is not None:
        secrets = secrets.filter(field=field)
    return secrets.delete()[0]


def opened(
    schema: str, secret_id: UUID | str, field: str, ciphertext: bytes, kek: str, wrapped: bytes
) -> str:
    """A secret from raw columns: of `security_secret`, and kek, wrapped of the `security_datakey`
    whose generation is the ciphertext's first byte."""
    key = envelope.unwrap(keyring.keys(), kek, schema, bytes(wrapped))
    place = (schema, str(secret_id), field)
    return envelope.open_sealed(key, place, bytes(ciphertext)).decode()


def _read(where: str, values: list[Any]) -> dict[str, str]:
    """Secrets and their keys in one statement: a rotation shows itself whole or not at all."""
    schema, found = active_schema(), {}
    with connection.cursor() as cursor:
        cursor.execute(READ + where, values)
        for secret_id, field, ciphertext, kek, wrapped in cursor.fetchall():
            if kek is None:
                raise envelope.CannotOpen(
                    "This partner's secrets were erased for good: store them again."
                )
            found[field] = opened(schema, secret_id, field, ciphertext, kek, wrapped)
    return found


def _sealing_key(schema: str) -> tuple[bytes, int]:
    """The schema's current key and its generation, held until the transaction ends; made on first
    use. Of two makers the first wins (one current key, one key a generation)."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT kek, wrapped, generation FROM security_datakey WHERE current FOR SHARE"
            )
            row = cursor.fetchone()
        if row is not None:
            kek, wrapped, generation = row
            return envelope.unwrap(keyring.keys(), kek, schema, bytes(wrapped)), generation
        # None yet; or the one we waited for has just been replaced, and we look again.
        if not DataKey.objects.exists():
            hold_ring()
            master = keyring.in_force()
            fresh = DataKey(
                kek=envelope.fingerprint(master),
                wrapped=envelope.wrap(master, schema, envelope.new_key()),
            )
            DataKey.objects.bulk_create([fresh], ignore_conflicts=True)
