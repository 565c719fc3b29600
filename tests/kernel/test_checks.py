"""Each numbered check finds the mistake it is for, and is silent without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dramatiq
import psycopg
import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Retries

from hub.config import checks
from tenants.context import PartnerMiddleware


def ids(**changed: object) -> set[str]:
    with override_settings(**changed):
        return {str(message.id) for message in run_checks(tags=["crossdock"])}


def test_this_installation_passes() -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        ("E002", {"VAULT_KEY": b""}),
        ("E002", {"VAULT_KEY": b"short"}),
        ("E002", {"VAULT_KEY": bytes(32)}),
        ("E002", {"VAULT_KEYS_OLD": [b"x"]}),
        ("E003", {"TENANT_LIMIT_SET_CALLS": True}),
        ("E004", {"DEBUG": True, "HTTP": False}),
        ("E006", {"HTTP": True, "PUBLIC_HOSTS": ["hub.example.com", "localhost"]}),
        ("E007", {"SESSION_COOKIE_DOMAIN": ".example.com"}),
        ("E007", {"CSRF_COOKIE_DOMAIN": ".example.com"}),
        ("E007", {"USE_X_FORWARDED_HOST": True}),
        ("E008", {"CACHES": {"default": {"BACKEND": "x"}}}),
        ("E009", {"EGRESS_ALLOW": ["10.0.0.0/99"]}),
    ],
)
def test_a_mistake_in_the_settings_is_found(number, changed) -> None:
    assert ids(**changed) == {f"crossdock.{number}"}


def test_a_file_in_the_source_folder_is_found(tmp_path) -> None:
    assert checks.misplaced_in(tmp_path) == []
    (tmp_path / "__init__.py").touch()
    assert [problem.id for problem in checks.misplaced_in(tmp_path)] == ["crossdock.E001"]


def test_a_broker_that_retries_or_forgets_is_found() -> None:
    def problems(middleware: list[dramatiq.Middleware]) -> int:
        found = checks.broker_problems(StubBroker(middleware=middleware))
        assert {problem.id for problem in found} <= {"crossdock.E010"}
        return len(found)

    assert problems([PartnerMiddleware()]) == 0
    assert problems([PartnerMiddleware(), Retries()]) == 1
    assert problems([Retries()]) == 2
    assert problems([]) == 1


def test_missing_certificate_authorities_are_found() -> None:
    assert [problem.id for problem in checks.authority_problems("")] == ["crossdock.W011"]


@pytest.mark.django_db(transaction=True)
def test_a_direct_connection_keeps_its_settings() -> None:
    assert checks.database_keeps_session_settings(databases=["default"]) == []


@pytest.mark.django_db(transaction=True)
def test_a_pooler_in_transaction_mode_is_found() -> None:
    """Stand-in for PgBouncer: two server sessions, given out anew for every transaction."""
    where = connection.get_connection_params()
    where = {
        key: where[key] for key in ("host", "port", "dbname", "user", "password") if key in where
    }
    free = [psycopg.connect(**where, autocommit=True) for _ in range(2)]
    sessions = list(free)

    def run(statement: str) -> object:
        session = free.pop()
        try:
            return session.execute(statement).fetchone()[0]
        finally:
            free.append(session)

    try:
        assert checks.keeps_session(run, lambda: None) is True
        assert checks.keeps_session(run, lambda: free.pop()) is False
    finally:
        for session in sessions:
            session.close()
    assert checks.pooler_forgets().id == "crossdock.E005"


def test_production_settings_pass_the_deployment_checks() -> None:
    """A process of its own, with the environment of a real installation: https, no demo switch."""
    environment = _environment()
    environment.pop("CROSSDOCK_HTTP", None)
    command = [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def _environment() -> dict[str, str]:
    root = Path(settings.ROOT)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(root / "platform"), str(root)]),
        "DJANGO_SETTINGS_MODULE": "hub.config.settings",
    }
