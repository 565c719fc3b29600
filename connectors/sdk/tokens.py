"""Credentials that change while we work: access tokens that run out, refresh tokens that rotate.

The hub keeps them and lets one caller at a time renew, whatever number of threads and processes
found the old token refused (engine rule: one refresh for any number of callers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

Secrets = Mapping[str, str]


class Tokens(Protocol):
    def current(self) -> Secrets:
        """Every secret of the connection as kept now."""

    def renew(self, field: str, seen: str, exchange: Callable[[Secrets], Secrets]) -> Secrets:
        """Every secret, renewed. If the kept ``field`` is no longer ``seen``, another caller was
        first and nothing is asked; else ``exchange(secrets)`` gives what to keep in their place
        (a mapping of the changed fields), and it is stored before anyone reads it.

        Raises what ``exchange`` raises; nothing is stored then.
        """


class Unkept:
    """Tokens of a connector that nobody keeps (a check before saving, a test)."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = dict(secrets)

    def current(self) -> Secrets:
        return dict(self._secrets)

    def renew(self, field: str, seen: str, exchange: Callable[[Secrets], Secrets]) -> Secrets:
        if self._secrets.get(field, "") == seen:
            self._secrets |= exchange(dict(self._secrets))
        return dict(self._secrets)
