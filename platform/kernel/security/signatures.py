"""HMACs over raw bytes, compared in constant time. `docs/webhooks` names who signs how."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Literal

Encoding = Literal["base64", "hex"]
Digest = Literal["sha256", "sha1", "sha512"]


def sign(
    secret: str | bytes, body: bytes, *, encoding: Encoding = "base64", digest: Digest = "sha256"
) -> str:
    """The HMAC of the body as the sender writes it into a header."""
    key = secret.encode() if isinstance(secret, str) else secret
    mac = hmac.new(key, body, getattr(hashlib, digest)).digest()
    return base64.b64encode(mac).decode() if encoding == "base64" else mac.hex()


def matches(
    secrets: Iterable[str | bytes],
    body: bytes,
    given: str,
    *,
    encoding: Encoding = "base64",
    digest: Digest = "sha256",
) -> bool:
    """Whether ``given`` is the body's HMAC under one of the secrets (two while one is rotated).

    Every secret is tried, so the time taken doesn't tell which one fitted. An empty secret never
    fits: a connection without one can't be signed for.
    """
    found = False
    claimed = given.strip()
    claimed_bytes = (claimed.lower() if encoding == "hex" else claimed).encode("utf-8", "replace")
    for secret in secrets:
        expected = sign(secret, body, encoding=encoding, digest=digest).encode()
        found |= hmac.compare_digest(expected, claimed_bytes) and bool(secret)
    return found


def fresh(timestamp: float, now: float, tolerance: float = 300.0) -> bool:
    """Whether a signed timestamp is within ``tolerance`` seconds of our clock, either way.

    300 s is what the Standard Webhooks reference uses.
    """
    return abs(now - timestamp) <= tolerance
