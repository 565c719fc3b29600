"""Change the keys of the active schema while its secrets are read and written.

A data key has a generation, which is the first byte of what it sealed. For a while there are two:
the current one, with which everything new is sealed, and the former one, which goes when nothing is
left under it. A reader takes secret and key in one statement and so never sees half of a change; a
writer holds a share lock on its key until its secret is committed, so a key can't go beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from kernel.schema import active_schema
from kernel.security import envelope, keyring
from kernel.security.models import DataKey, Secret

#: Secrets sealed anew in one transaction: their writers wait that long.
BATCH = 50
#: First half of the advisory lock that says "a key of the installation is in use for wrapping".
LOCK_CLASS = 0x7661756C


def rewrap() -> bool:
    """Put the active schema's data keys under the installation's key in force; False if they were.

    Secrets stay as they are.
    """
    schema, moved = active_schema(), False
    with transaction.atomic():
        hold_ring()
        keys = keyring.keys()
        named = envelope.fingerprint(keys[0])
        for row in DataKey.objects.select_for_update().exclude(kek=named):
            data_key = envelope.unwrap(keys, row.kek, schema, bytes(row.wrapped))
            row.kek, row.wrapped = named, envelope.wrap(keys[0], schema, data_key)
            row.save(update_fields=["kek", "wrapped"])
            moved = True
    return moved


def rotate(*, batch: int = BATCH) -> int:
    """Seal with the current data key whatever is under a former one, and destroy that; returns how
    many secrets. After `begin`, or after one that was cut short. Each batch commits by itself: call
    it outside a transaction.
    """
    moved = 0
    while former := _former():
        while count := reseal(former, batch):
            moved += count
        finish(former)
    return moved


def begin() -> bool:
    """Put a new data key in force; False if there is none yet or a former one is still there."""
    schema = active_schema()
    with transaction.atomic():
        hold_ring()
        rows = list(DataKey.objects.select_for_update())
        if len(rows) != 1:
            return False
        kek, old = keyring.in_force(), rows[0]
        old.current = False
        old.save(update_fields=["current"])
        DataKey.objects.create(
            generation=envelope.next_generation(old.generation),
            kek=envelope.fingerprint(kek),
            wrapped=envelope.wrap(kek, schema, envelope.new_key()),
        )
    return True


def reseal(former: int, batch: int = BATCH) -> int:
    """Seal up to ``batch`` secrets of that generation with the current key; returns how many."""
    schema = active_schema()
    with transaction.atomic():
        keys = {row.generation: row for row in DataKey.objects.all()}
        if former not in keys:
            return 0
        old = _opened(schema, keys[former])
        row = next(row for row in keys.values() if row.current)
        new = _opened(schema, row)
        found = _sealed_with(former, batch)
        for secret in found:
            place = (schema, str(secret.id), secret.field)
            value = envelope.open_sealed(old, place, bytes(secret.ciphertext))
            secret.ciphertext = envelope.seal(new, place, value, row.generation)
            secret.save(update_fields=["ciphertext"])
    return len(found)


def finish(former: int) -> bool:
    """Destroy the key of that generation; False if a secret is still under it."""
    with transaction.atomic():
        # Waits for writers that sealed with it and have not committed yet.
        row = DataKey.objects.select_for_update().filter(generation=former, current=False).first()
        if row is None or _sealed_with(former, 1):
            return False
        row.delete()
    return True


def in_use() -> set[str]:
    """Fingerprints of the installation's keys that the active schema's data keys are under."""
    return set(DataKey.objects.values_list("kek", flat=True))


def unfinished() -> bool:
    """Whether a rotation of the active schema's data key was cut short."""
    return _former() is not None


def hold_ring(*, alone: bool = False) -> None:
    """Until the transaction ends no key of the installation is forgotten (``alone``: nor used to
    wrap anything)."""
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, 0)", [LOCK_CLASS])


def _former() -> int | None:
    return DataKey.objects.filter(current=False).values_list("generation", flat=True).first()


def _opened(schema: str, row: DataKey) -> bytes:
    return envelope.unwrap(keyring.keys(), row.kek, schema, bytes(row.wrapped))


def _sealed_with(generation: int, most: int) -> Sequence[Secret]:
    return list(
        Secret.objects.raw(
            "SELECT * FROM security_secret WHERE get_byte(ciphertext, 0) = %s"
            " ORDER BY id LIMIT %s FOR UPDATE",
            [generation, most],
        )
    )
