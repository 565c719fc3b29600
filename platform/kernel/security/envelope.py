"""Envelope encryption as pure functions: bytes in, bytes out.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. A ciphertext is bound to where it lies:
the additional data names schema, row and field, so a copy elsewhere doesn't open.

    ciphertext = generation (1 byte) · nonce (12) · encrypted value · tag (16)

The installation's key (KEK) wraps the data keys (DEK) of a schema, in the same form. A schema has
one data key, and two while it is changed: the generation says which of them sealed a value.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FIRST = 1
"""Generation of a schema's first data key, and of everything the installation's key wraps."""
LAST = 255
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32


class CannotOpen(ValueError):
    """The ciphertext was changed, moved, or belongs to another key; store the secret again."""


def seal(key: bytes, place: tuple[str, ...], value: bytes, generation: int = FIRST) -> bytes:
    """Encrypt ``value`` for ``place``, e.g. (schema, row id, field)."""
    nonce = os.urandom(NONCE_BYTES)
    bound = _bound_to(place, generation)
    return bytes([generation]) + nonce + AESGCM(key).encrypt(nonce, value, bound)


def open_sealed(key: bytes, place: tuple[str, ...], ciphertext: bytes) -> bytes:
    """The value sealed for exactly this place. Raises CannotOpen."""
    if len(ciphertext) < 1 + NONCE_BYTES + TAG_BYTES:
        raise CannotOpen("The stored secret has a form this version can't read: store it again.")
    nonce, body = ciphertext[1 : 1 + NONCE_BYTES], ciphertext[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, _bound_to(place, ciphertext[0]))
    except InvalidTag:
        raise CannotOpen(
            "The stored secret doesn't open here: it was changed or copied from elsewhere, or the "
            "vault key is another one. Restore the key, or store the secret again."
        ) from None


def generation_of(ciphertext: bytes) -> int:
    """Which of the schema's data keys sealed it."""
    return ciphertext[0]


def next_generation(generation: int) -> int:
    """1 to 255, then 1 again: by then nothing is left of the first."""
    return FIRST if generation >= LAST else generation + 1


def new_key() -> bytes:
    """A random data key."""
    return os.urandom(KEY_BYTES)


def fingerprint(key: bytes) -> str:
    """16 hexadecimal digits that name a key without telling it."""
    return hashlib.sha256(b"crossdock key fingerprint" + key).hexdigest()[:16]


def wrap(kek: bytes, schema: str, dek: bytes) -> bytes:
    """The schema's data key, encrypted by the installation's key."""
    return seal(kek, ("data-key", schema), dek)


def unwrap(keks: Iterable[bytes], named: str, schema: str, wrapped: bytes) -> bytes:
    """The schema's data key. ``named``: fingerprint of the key that wrapped it.

    Raises CannotOpen when that key isn't among ``keks``.
    """
    for kek in keks:
        if fingerprint(kek) == named:
            return open_sealed(kek, ("data-key", schema), wrapped)
    raise CannotOpen(
        f"The vault key {named} that locks these secrets is not configured: put it back as "
        "CROSSDOCK_VAULT_KEY, or among CROSSDOCK_VAULT_KEYS_OLD."
    )


def _bound_to(place: tuple[str, ...], generation: int) -> bytes:
    """Each part with its length, so that two places never read the same."""
    parts = [part.encode() for part in place]
    return bytes([generation]) + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
