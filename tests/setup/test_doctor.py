"""One line for each thing that is wrong, with the mend; while the installation is up and down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from hub.connections.models import Connection
from hub.monitoring.progress import SWEPT
from hub.runtime.doctor import inside, machine, servers
from hub.runtime.doctor.findings import Finding, looked
from hub.runtime.home import ROOT, Home
from kernel.security.models import DataKey
from tenants.context import partner_context
from tenants.partners import departure, lifecycle
from tenants.partners import selectors as partners
from tenants.partners.models import Departure, Partner
from tests.apply.conftest import Apply


def wrong(findings: Iterable[Finding], topic: str) -> str:
    """The one thing that is wrong about the topic; it has a mend."""
    (found,) = [f for f in findings if f.topic == topic and f.level == "wrong"]
    assert found.mend
    return str(found)


def levels(findings: Iterable[Finding]) -> set[str]:
    return {finding.level for finding in findings}


# ------------------------------------------------------------------ without a database


def test_while_it_is_down_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "never"
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json", "--home", str(home)],
        cwd=ROOT, env=kept, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert not told["well"]
    (down,) = [f for f in told["findings"] if f["level"] == "wrong"]
    assert "not running" in down["says"] and "manage.py up" in down["mend"]
    assert not home.exists(), "a doctor changes nothing"


def test_keys_others_can_read_and_keys_that_are_none(tmp_path: Path) -> None:
    home = Home(tmp_path).prepare()
    home.key("vault.key")
    home.key("secret_key")
    assert levels(machine.keys(home, {})) == {"ok"}
    (home.keys / "secret_key").chmod(0o644)
    assert "chmod 600" in wrong(machine.keys(home, {}), "keys")
    (home.keys / "secret_key").chmod(0o600)
    (home.keys / "vault.key").write_text("c2hvcnQ=")
    assert "Restore it from your backup" in wrong(machine.keys(home, {}), "keys")
    assert "random bytes" in wrong(machine.keys(home, {"CROSSDOCK_VAULT_KEY": "abc"}), "keys")


def test_addresses_nobody_set_are_noted() -> None:
    said = " ".join(str(finding) for finding in machine.variables({"CROSSDOCK_HTTP": "1"}))
    for name in ("CROSSDOCK_INGRESS_URL", "CROSSDOCK_PUBLIC_HOSTS", "CROSSDOCK_HTTP"):
        assert name in said
    assert levels(machine.variables({})) == {"note"}


def test_servers_that_do_not_answer_are_named() -> None:
    gone = "postgresql://nobody@127.0.0.1:1/none"
    assert "correct DATABASE_URL" in wrong(servers.database(gone), "database")
    assert "correct REDIS_URL" in wrong(servers.doorbells("redis://127.0.0.1:1"), "redis")
    assert "doesn't answer" in wrong(
        servers.answers("front door", "http://127.0.0.1:1"), "front door"
    )


def test_one_broken_look_does_not_hide_the_others() -> None:
    def look() -> Iterable[Finding]:
        raise RuntimeError("the disk is on fire\nand more")

    (found,) = looked("disk", look)
    assert found.level == "wrong" and "the disk is on fire)" in found.says


# ------------------------------------------------------------------ the servers of the tests


@pytest.mark.django_db
def test_a_database_that_may_forget_is_wrong() -> None:
    """The tests' own database trades safety for speed."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        assert cursor.fetchone() == ("off",)
    said = [str(f) for f in servers.database(settings.DATABASE_URL) if f.level == "wrong"]
    assert any("fsync is off" in line and "fsync = on" in line for line in said)


def test_a_redis_that_evicts_is_wrong_and_silence_means_no_workers() -> None:
    url = settings.REDIS_URL
    with redis.Redis.from_url(url) as client:
        before = client.config_get("maxmemory-policy")["maxmemory-policy"]
        try:
            client.config_set("maxmemory-policy", "allkeys-lru")
            assert "noeviction" in wrong(servers.doorbells(url), "redis")
            client.config_set("maxmemory-policy", "noeviction")
            assert levels(servers.doorbells(url)) == {"ok"}
        finally:
            client.config_set("maxmemory-policy", before)
        client.delete("dramatiq:__heartbeats__")
    assert "manage.py up" in wrong(servers.workers(url), "workers")


# ------------------------------------------------------------------ inside


@pytest.mark.django_db
def test_a_sound_installation_has_nothing_wrong_inside(
    make_partner: Callable[..., Partner],
) -> None:
    make_partner("northwind")
    cache.set(SWEPT, timezone.now().timestamp())
    for look in (inside.migrations, inside.pace, inside.partners, inside.vault, inside.audit):
        assert levels(look()) == {"ok"}, look


@pytest.mark.django_db
def test_a_schema_that_lacks_a_migration_is_named(partner: Partner) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sync'")
    said = wrong(inside.migrations(), "migrations")
    assert partner.schema_name in said and "migrate_schemas" in said


@pytest.mark.django_db
def test_nobody_who_rings_is_wrong() -> None:
    cache.delete(SWEPT)
    assert "no sweep is known" in wrong(inside.pace(), "scheduler")
    cache.set(SWEPT, timezone.now().timestamp() - 600)
    assert "600 s ago" in wrong(inside.pace(), "scheduler")


@pytest.mark.django_db
def test_what_waits_for_a_person_is_named_with_whose_move_it_is(apply: Apply) -> None:
    apply()
    partner = partners.partner_by_slug("northwind")
    lifecycle.add_domain(partner, "portal.example.com", actor="system:tests")
    with partner_context(partner):
        Connection.objects.filter(slug="shop").update(
            state="attention", paused_at=timezone.now(), paused_reason="The key was refused.",
            paused_owner="merchant",
        )  # fmt: skip
    found = list(inside.partners())
    said = wrong(found, "connections")
    assert "northwind/hartley/shop needs attention: The key was refused. The merchant" in said
    assert any(f.level == "note" and "portal.example.com" in f.says for f in found)


@pytest.mark.django_db
def test_a_key_that_is_gone_and_a_partner_half_gone(apply: Apply) -> None:
    apply()
    partner = partners.partner_by_slug("northwind")
    with partner_context(partner):
        DataKey.objects.update(kek="0" * 16)
    assert "locks secrets of northwind" in wrong(inside.vault(), "vault")
    gone = departure.begin(partner, actor="system:tests")
    closing = [f for f in inside.partners() if f.topic == "departures"]
    assert "--confirm northwind" in closing[0].mend
    Departure.objects.filter(pk=gone.pk).update(
        state="renamed", drop_at=timezone.now() - timedelta(days=1)
    )
    assert "drop_deleted" in wrong(inside.partners(), "departures")


@pytest.mark.django_db
def test_a_touched_audit_row_is_found(partner: Partner, apply: Apply) -> None:
    apply()
    northwind = partner.schema_name
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{northwind}".audit_auditentry DISABLE TRIGGER USER')
        cursor.execute(f"UPDATE \"{northwind}\".audit_auditentry SET actor = 'nobody'")
    said = wrong(inside.audit(), "audit")
    assert "chain of northwind is broken" in said and "backup" in said
