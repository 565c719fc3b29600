"""What the settings read from the machine: addresses of services, keys, flags, lists."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from hub.runtime import home

UNREACHABLE_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
"""Stands in where no database is running (`check`, mypy, `makemigrations --check`): importing the
settings works, the first query says that nothing listens there."""


def flag(name: str) -> bool:
    """Whether the variable is set to something that means yes (1, true, yes, on)."""
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def listed(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list without blanks."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def service_urls() -> tuple[str, str]:
    """(database URL, Redis URL) of the environment, else of the running installation's home."""
    database_url, redis_url = home.resolve().urls()
    return database_url or UNREACHABLE_DATABASE, redis_url


def secrets() -> tuple[bytes, bytes]:
    """(Django's secret key, the vault's key): from the environment, else the home's key files."""
    here = home.resolve()
    return here.key("secret_key"), here.key("vault.key")


def database(url: str) -> dict[str, Any]:
    """Django's DATABASES fields of a ``postgresql://user:password@host:port/name?option=value``."""
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "")),
        "OPTIONS": options,
    }
