"""Numbered system checks: mistakes of an installation that would lose, leak or stall later.

    E001 a Python file directly in platform/      E006 plain http on a public host
    E002 no usable vault key                      E007 cookies or hosts cross partners
    E003 a search_path could be kept too long     E008 the cache is shared between partners
    E004 debug pages outside a developer's machine  E009 an egress allowance can't be read
    E005 a pooler that forgets session settings   E010 a broker that retries or loses partners
    W011 no certificate authorities

E005 asks the database and runs with `check --database default` and before migrations.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError, connection
from dramatiq import Broker
from dramatiq.middleware import Retries

from kernel.security.addresses import BadAllowance, Policy
from kernel.security.egress import authorities
from kernel.security.envelope import KEY_BYTES
from tenants.context import PartnerMiddleware

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "[::1]"}
Run = Callable[[str], Any]
"""Runs one statement in a transaction of its own and returns its first value."""


def register() -> None:
    """Hook the checks into Django's registry."""
    for check in (
        platform_is_no_package,
        vault_has_a_key,
        search_path_is_set_every_time,
        no_debug_in_public,
        no_plain_http_in_public,
        hosts_and_cookies_stay_apart,
        cache_is_per_partner,
        egress_is_readable,
        broker_neither_retries_nor_forgets,
        authorities_are_known,
    ):
        checks.register(check, "crossdock")
    checks.register(database_keeps_session_settings, checks.Tags.database)


def platform_is_no_package(**_: Any) -> list[CheckMessage]:
    """E001: `platform/` is a source folder; as a package it would shadow Python's own module."""
    return misplaced_in(Path(settings.ROOT) / "platform")


def misplaced_in(folder: Path) -> list[CheckMessage]:
    """One error for each Python file directly in the folder."""
    return [
        Error(
            f"{file.name} lies directly in platform/ and can shadow a standard module.",
            hint="Move it into platform/hub or platform/kernel.",
            id="crossdock.E001",
        )
        for file in sorted(folder.glob("*.py"))
    ]


def vault_has_a_key(**_: Any) -> list[CheckMessage]:
    """E002: every configured key is 32 bytes and not all alike."""
    keys = [settings.VAULT_KEY, *settings.VAULT_KEYS_OLD]
    if all(len(key) == KEY_BYTES and len(set(key)) > 4 for key in keys):
        return []
    return [
        Error(
            "A vault key is missing, has the wrong length or is no random value.",
            hint=f"Set CROSSDOCK_VAULT_KEY to {KEY_BYTES} random bytes in base64.",
            id="crossdock.E002",
        )
    ]


def search_path_is_set_every_time(**_: Any) -> list[CheckMessage]:
    """E003: with TENANT_LIMIT_SET_CALLS a reused connection may still point at another partner."""
    if not getattr(settings, "TENANT_LIMIT_SET_CALLS", False):
        return []
    return [
        Error(
            "TENANT_LIMIT_SET_CALLS is on: a query could run in another partner's schema.",
            hint="Remove the setting.",
            id="crossdock.E003",
        )
    ]


def no_debug_in_public(**_: Any) -> list[CheckMessage]:
    """E004: debug pages show settings and local variables."""
    if not settings.DEBUG or settings.HTTP:
        return []
    return [
        Error(
            "Debug pages are on outside a loopback installation.",
            hint="Unset CROSSDOCK_DEBUG.",
            id="crossdock.E004",
        )
    ]


def no_plain_http_in_public(**_: Any) -> list[CheckMessage]:
    """E006: CROSSDOCK_HTTP is for the demo on this machine."""
    strangers = sorted(set(settings.PUBLIC_HOSTS) - LOOPBACK_HOSTS)
    if not settings.HTTP or not strangers:
        return []
    return [
        Error(
            f"Plain http is switched on although {strangers[0]} is a public host.",
            hint="Unset CROSSDOCK_HTTP and put a TLS proxy in front.",
            id="crossdock.E006",
        )
    ]


def hosts_and_cookies_stay_apart(**_: Any) -> list[CheckMessage]:
    """E007: a parent cookie domain or a forwarded host lets one partner act on another's portal."""
    crossing = [
        name
        for name in ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN", "USE_X_FORWARDED_HOST")
        if getattr(settings, name)
    ]
    return [
        Error(
            f"{name} is set: partners' hosts must stay apart.",
            hint=f"Remove {name}.",
            id="crossdock.E007",
        )
        for name in crossing
    ]


def cache_is_per_partner(**_: Any) -> list[CheckMessage]:
    """E008: one key space for all partners showed one's data to another (django-tenants #1052)."""
    return [
        Error(
            f"The cache {name!r} has no key function of its own per partner.",
            hint="Set KEY_FUNCTION to django_tenants.cache.make_key.",
            id="crossdock.E008",
        )
        for name, cache in settings.CACHES.items()
        if cache.get("KEY_FUNCTION") != "django_tenants.cache.make_key"
    ]


def egress_is_readable(**_: Any) -> list[CheckMessage]:
    """E009: an allowance with a typing error would refuse, or worse."""
    try:
        Policy.of(settings.EGRESS_ALLOW)
    except BadAllowance as problem:
        return [Error(str(problem), hint="Correct CROSSDOCK_EGRESS_ALLOW.", id="crossdock.E009")]
    return []


def broker_neither_retries_nor_forgets(**_: Any) -> list[CheckMessage]:
    """E010: the schedule of retries is in the rows, and each message runs as its partner."""
    if not settings.REDIS_URL or find_spec("hub.config.worker") is None:
        return []
    return broker_problems(import_module("hub.config.worker").broker)


def broker_problems(broker: Broker) -> list[CheckMessage]:
    """What is wrong with a broker's middleware."""
    problems: list[CheckMessage] = []
    if any(isinstance(part, Retries) for part in broker.middleware):
        problems.append(
            Error(
                "The broker retries by itself, beside the schedule in the database.",
                hint="Build it without dramatiq's Retries middleware.",
                id="crossdock.E010",
            )
        )
    if not any(isinstance(part, PartnerMiddleware) for part in broker.middleware):
        problems.append(
            Error(
                "The broker doesn't activate the partner of a message.",
                hint="Add tenants.context.PartnerMiddleware.",
                id="crossdock.E010",
            )
        )
    return problems


def authorities_are_known(**_: Any) -> list[CheckMessage]:
    """W011: without certificate authorities every https call fails."""
    return authority_problems(authorities())


def authority_problems(file: str) -> list[CheckMessage]:
    """What is wrong with the file of authorities that was found; empty means none was."""
    if file:
        return []
    return [
        Warning(
            "No file of certificate authorities was found: every https call will fail.",
            hint="Install the system's ca-certificates, or point SSL_CERT_FILE at such a file.",
            id="crossdock.W011",
        )
    ]


def database_keeps_session_settings(
    databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """E005: a pooler in transaction mode loses `SET search_path` (django-tenants #1112)."""
    if not databases or "default" not in databases:
        return []
    own, other = connection.copy(), connection.copy()
    try:
        kept = keeps_session(_runner(own), _holding(other))
    except DatabaseError:
        return []
    finally:
        own.close()
        other.close()
    return [] if kept else [pooler_forgets()]


def pooler_forgets() -> Error:
    """The error of E005."""
    return Error(
        "The database connection forgets session settings between transactions.",
        hint="Use PgBouncer in session mode, or connect to PostgreSQL directly.",
        id="crossdock.E005",
    )


def keeps_session(run: Run, hold: Callable[[], Any]) -> bool:
    """Whether a setting survives while somebody else holds a transaction open.

    ``hold`` begins a transaction on another connection: a pooler hands it the server session that
    was just released, and ours ends up on another one.
    """
    mark = uuid.uuid4().hex
    run(f"SELECT set_config('crossdock.probe', '{mark}', false)")
    hold()
    return bool(run("SELECT current_setting('crossdock.probe', true)") == mark)


def _runner(wrapper: Any) -> Run:
    def run(statement: str) -> Any:
        with wrapper.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]

    return run


def _holding(wrapper: Any) -> Callable[[], Any]:
    def hold() -> Any:
        wrapper.set_autocommit(False)
        return _runner(wrapper)("SELECT 1")

    return hold
