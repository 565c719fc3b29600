"""The installation's keys: the one in force first, then former ones while a rotation lasts.

They lie in a file (``VAULT_KEY_FILE``), a key a line in base64, or in the environment. The file is
looked at again whenever it changes, so that a rotation reaches processes that run already.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from django.conf import settings

from kernel.security.envelope import KEY_BYTES

Seen = tuple[int, int, int]
_kept: tuple[str, Seen, list[bytes]] | None = None


class FromEnvironment(RuntimeError):
    """The keys come from the environment, which only the operator can change."""


class Unreadable(RuntimeError):
    """The key file can't be read or is damaged; the operator restores it."""


def keys() -> list[bytes]:
    """Every key that may open something; the one in force first. Never empty."""
    return _of_file() or [settings.VAULT_KEY, *settings.VAULT_KEYS_OLD]


def in_force() -> bytes:
    """The key that wraps what is wrapped from now on."""
    return keys()[0]


def is_ours_to_change() -> bool:
    """Whether the keys lie in a file of ours."""
    return bool(settings.VAULT_KEY_FILE)


def add() -> bytes:
    """Put a new key in force beside the others; returns it. Raises FromEnvironment, and Unreadable
    rather than write over a file that may hold a key we can't read."""
    fresh = secrets.token_bytes(KEY_BYTES)
    _write([fresh, *_readable()])
    return fresh


def forget_former() -> None:
    """Keep only the key in force. Raises FromEnvironment and Unreadable."""
    _write(_readable()[:1])


def _readable() -> list[bytes]:
    found = _of_file()
    if is_ours_to_change() and not found:
        raise Unreadable(
            f"{settings.VAULT_KEY_FILE} does not hold keys: restore it from your backup."
        )
    return found


def _of_file() -> list[bytes]:
    """What the file holds; [] where there is none or it can't be read, or holds no key."""
    global _kept
    name = settings.VAULT_KEY_FILE
    try:
        facts = Path(name).stat() if name else None
        if facts is None:
            return []
        seen = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if _kept is None or _kept[:2] != (name, seen):
            _kept = (name, seen, _decoded(Path(name).read_text()))
    except (OSError, ValueError):
        return []
    return _kept[2]


def _decoded(text: str) -> list[bytes]:
    """Raises ValueError for a line that is no key."""
    found = [base64.b64decode(line.strip(), validate=True) for line in text.split("\n") if line]
    if any(len(key) != KEY_BYTES for key in found):
        raise ValueError("A line of the key file is no key.")
    return found


def _write(wanted: list[bytes]) -> None:
    """Replace the file at once and for good: a key that is lost takes every secret with it."""
    if not is_ours_to_change():
        raise FromEnvironment(
            "The vault's keys come from the environment: put a new one into CROSSDOCK_VAULT_KEY "
            "and the former into CROSSDOCK_VAULT_KEYS_OLD, restart all processes, and run this "
            "again."
        )
    path = Path(settings.VAULT_KEY_FILE)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(base64.b64encode(key) + b"\n" for key in wanted)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
