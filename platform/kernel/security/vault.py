"""Secrets of the active partner: put, get, delete. The key that opens them is not in the database.

Values are text (a password, a token, a JSON document). A reader outside Django's connection (the
ingress) reads the two tables by itself and calls `opened`.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction

from kernel.schema import active_schema
from kernel.security import envelope
from kernel.security.models import DataKey, Secret


class NoSuchSecret(LookupError):
    """Nothing is stored under that owner and field; ask its owner to enter it."""


def put(owner_id: UUID, field: str, value: str, *, owner_kind: str = "connection") -> UUID:
    """Store or replace one secret; returns its row's id."""
    schema = active_schema()
    with transaction.atomic():
        key = _data_key(schema)
        secret = (
            Secret.objects.select_for_update()
            .filter(owner_kind=owner_kind, owner_id=owner_id, field=field)
            .first()
        )
        secret = secret or Secret(owner_kind=owner_kind, owner_id=owner_id, field=field)
        secret.ciphertext = envelope.seal(key, (schema, str(secret.id), field), value.encode())
        secret.save()
    return secret.id


def get(owner_id: UUID, field: str, *, owner_kind: str = "connection") -> str:
    """Raises NoSuchSecret, and envelope.CannotOpen for a ciphertext that isn't this row's."""
    secret = Secret.objects.filter(owner_kind=owner_kind, owner_id=owner_id, field=field).first()
    if secret is None:
        raise NoSuchSecret(f"No {field} is stored for this {owner_kind}: enter it.")
    return _value(active_schema(), secret, _stored_key(active_schema()))


def get_all(owner_id: UUID, *, owner_kind: str = "connection") -> dict[str, str]:
    """Every secret of one owner, field to value; empty when there is none."""
    schema = active_schema()
    secrets = list(Secret.objects.filter(owner_kind=owner_kind, owner_id=owner_id))
    if not secrets:
        return {}
    key = _stored_key(schema)
    return {secret.field: _value(schema, secret, key) for secret in secrets}


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
    """A secret from raw columns: of `security_secret`, and kek, wrapped of `security_datakey`."""
    key = envelope.unwrap(_keks(), kek, schema, bytes(wrapped))
    place = (schema, str(secret_id), field)
    return envelope.open_sealed(key, place, bytes(ciphertext)).decode()


def rewrap() -> bool:
    """Put the active schema's data key under the current installation key; False if it was.

    Secrets stay as they are: only the wrapping changes, so it can run in traffic.
    """
    schema = active_schema()
    with transaction.atomic():
        row = DataKey.objects.select_for_update().first()
        if row is None or row.kek == envelope.fingerprint(settings.VAULT_KEY):
            return False
        key = envelope.unwrap(_keks(), row.kek, schema, bytes(row.wrapped))
        row.kek = envelope.fingerprint(settings.VAULT_KEY)
        row.wrapped = envelope.wrap(settings.VAULT_KEY, schema, key)
        row.save()
    return True


def _value(schema: str, secret: Secret, key: bytes) -> str:
    place = (schema, str(secret.id), secret.field)
    return envelope.open_sealed(key, place, bytes(secret.ciphertext)).decode()


def _stored_key(schema: str) -> bytes:
    row = DataKey.objects.first()
    if row is None:
        raise envelope.CannotOpen("This partner's secrets were erased for good: store them again.")
    return envelope.unwrap(_keks(), row.kek, schema, bytes(row.wrapped))


def _data_key(schema: str) -> bytes:
    """The schema's key, made on first use; of two makers the first wins (unique ``only``)."""
    if not DataKey.objects.exists():
        fresh = DataKey(
            kek=envelope.fingerprint(settings.VAULT_KEY),
            wrapped=envelope.wrap(settings.VAULT_KEY, schema, envelope.new_key()),
        )
        DataKey.objects.bulk_create([fresh], ignore_conflicts=True)
    return _stored_key(schema)


def _keks() -> list[bytes]:
    return [settings.VAULT_KEY, *settings.VAULT_KEYS_OLD]
