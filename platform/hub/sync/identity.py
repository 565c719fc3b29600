"""Ids, fences, hashes and the reference we leave at other systems."""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid


def new_id() -> uuid.UUID:
    """UUIDv7 (RFC 9562): 48 bits of milliseconds, then random, so that inserts stay together."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=value)


#: Environment variables: random mark of this life of the process, 16 hex digits, and of the life
#: before it, which the supervisor saw end. Set by the supervisor; none = nothing is inherited.
LIFE, LIFE_BEFORE = "CROSSDOCK_LIFE", "CROSSDOCK_LIFE_BEFORE"
_MARK = re.compile(r"[0-9a-f]{16}")


def new_fence() -> uuid.UUID:
    """Random per claim: a counter would repeat after a failover or a restore (engine rule 3.6).
    Its first half is the mark of the process's life, so that what a dead one held can be told."""
    return uuid.UUID(bytes=(_mark(LIFE) or os.urandom(8)) + os.urandom(8))


def fences_of_the_life_before() -> tuple[uuid.UUID, uuid.UUID] | None:
    """First and last fence of the life that ended before this one began."""
    mark = _mark(LIFE_BEFORE)
    if mark is None:
        return None
    return uuid.UUID(bytes=mark + bytes(8)), uuid.UUID(bytes=mark + b"\xff" * 8)


def _mark(name: str) -> bytes | None:
    text = os.environ.get(name, "")
    return bytes.fromhex(text) if _MARK.fullmatch(text) else None


def digest(*parts: bytes | str) -> bytes:
    """16 bytes over the parts, each kept apart from its neighbours by its length."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.digest()


def reference(environment: uuid.UUID, record: uuid.UUID) -> str:
    """What we write into a record at another system, to find it again: ``xd-<env>-<record>``.

    The environment is part of it, so a sandbox never adopts what production made.
    """
    return f"xd-{environment.hex[:12]}-{record.hex}"


def record_of(ref: str, environment: uuid.UUID) -> uuid.UUID | None:
    """The record a reference names, if it is one of ours and of this environment."""
    prefix = f"xd-{environment.hex[:12]}-"
    if not ref.startswith(prefix) or len(ref) != len(prefix) + 32:
        return None
    try:
        return uuid.UUID(hex=ref[len(prefix) :])
    except ValueError:
        return None
