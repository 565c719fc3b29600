"""HMAC over a text made from parts, and the clocks that stand in it. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

_NAME = re.compile(rb"\{([a-z0-9_]+)\}")
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


def mac(algorithm: str, key: bytes, template: str, parts: Mapping[str, bytes]) -> bytes:
    """HMAC of the template with its parts filled in, byte for byte."""
    said = template.replace("\\n", "\n").encode()
    message = _NAME.sub(lambda m: parts.get(m[1].decode(), m[0]), said)
    return hmac.new(key, message, _HASHES[algorithm]).digest()


def key(secret: str, form: str) -> bytes:
    """The secret's bytes. Raises ValueError when it isn't written that way."""
    if form == "hex":
        return bytes.fromhex(secret)
    return base64.b64decode(secret, validate=True) if form == "base64" else secret.encode()


def written(mac_: bytes, encoding: str) -> str:
    return mac_.hex() if encoding == "hex" else base64.b64encode(mac_).decode()


def equal(given: str, wanted: str) -> bool:
    """In constant time, whatever bytes came."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def stamp(clock: str, now: datetime) -> str:
    """``now`` as the other side writes it."""
    if clock == "unix":
        return str(int(now.timestamp()))
    if clock == "unix_ms":
        return str(int(now.timestamp() * 1000))
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(clock: str, said: str) -> datetime | None:
    """The other way round; None for what is no time."""
    try:
        if clock == "iso":
            when = datetime.fromisoformat(said)
            return when if when.tzinfo else when.replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(said) / (1000 if clock == "unix_ms" else 1), UTC)
    except (ValueError, OverflowError, OSError):
        return None
