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


def vault_key_file() -> str:
    """The file that holds the vault's keys; "" where the environment holds them."""
    if os.environ.get("CROSSDOCK_VAULT_KEY"):
        return ""
    return str(home.resolve().keys / "vault.key")


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


def mail(url: str) -> dict[str, Any]:
    """Django's EMAIL settings of ``smtp://user:password@host:port`` (STARTTLS), ``smtps://…`` (TLS
    from the start) or, without one, of mails written to the log. Raises ValueError otherwise.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("CROSSDOCK_SMTP_URL must look like smtp://user:password@host:587.")
    wrapped = parts.scheme == "smtps"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if wrapped else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": wrapped,
        "EMAIL_USE_TLS": not wrapped,
        "EMAIL_TIMEOUT": 10,
    }
