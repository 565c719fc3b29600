"""Strikes at what keeps our state: Redis, PostgreSQL, the disk, the schema."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import redis

from hub.proof.chaos import disk
from hub.proof.chaos.field import Field
from hub.proof.chaos.world import ELDER, TENANTS
from hub.runtime.home import ROOT

#: Seconds Redis is away, drawn from these.
REDIS_AWAY = (4.0, 8.0, 15.0)
DISK_FULL, NOTICED_BY = 4.0, 12.0
MIGRATE = ("django", "migrate_schemas", "--no-color")


def flush_redis(field: Field) -> None:
    """Row 3: every doorbell and lease of a rate is gone."""
    url = field.world.installation.embedded.redis_url
    with redis.Redis.from_url(url) as client, field.ledger.fault(3, "FLUSHALL") as fault:
        keys = int(client.dbsize())
        client.flushall()
        fault.evidence = {"keys": keys}


def kill_redis(field: Field) -> None:
    """Row 3: kill -9."""
    with field.ledger.fault(3, "kill -9 redis") as fault:
        before = field.pid("valkey")
        field.world.installation.kill("valkey")
        if field.back("valkey", before):
            fault.evidence = {"pid": before, "next": field.pid("valkey")}


def redis_away(field: Field) -> None:
    """Row 3: stopped, and back after a while."""
    seconds = field.luck.choice(REDIS_AWAY)
    with field.ledger.fault(3, "redis away") as fault:
        before = field.pid("valkey")
        field.world.installation.stop("valkey")
        field.pause(seconds)
        field.world.installation.restart("valkey")
        fault.evidence = {"pid": before, "next": field.pid("valkey"), "seconds": seconds}


def kill_postgres(field: Field) -> None:
    """Row 4: kill -9 of the postmaster; its sessions die with it."""
    _postgres(field, "kill -9 postgres", lambda: field.world.installation.kill("postgres"))


def restart_postgres(field: Field) -> None:
    """Row 4: a restart in good order, sessions cut off."""
    _postgres(field, "restart postgres", lambda: field.world.installation.restart("postgres"))


def _postgres(field: Field, what: str, strike: Callable[[], None]) -> None:
    with field.ledger.fault(4, what, outage=True) as fault:
        before = field.pid("postgres")
        strike()
        if field.back("postgres", before) and _answers(field):
            fault.evidence = {"pid": before, "next": field.pid("postgres")}


def cut_sessions(field: Field) -> None:
    """Row 4: every session of ours is terminated."""
    with field.ledger.fault(4, "terminate sessions") as fault, field.world.database() as line:
        cut = line.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE usename = current_user AND pid <> pg_backend_pid()"
        ).fetchone()
        if cut and cut[0]:
            fault.evidence = {"sessions": cut[0]}


def fill_disk(field: Field) -> None:
    """Row 5: nothing more fits on the disk the database lies on, for some seconds."""
    ballast = field.world.home.postgres / "ballast"
    log = field.world.home.logs / "postgres.log"
    before = log.stat().st_size
    with field.ledger.fault(5, "disk full", outage=True) as fault:
        if field.world.small_disk:
            try:
                _fill(ballast, field, lambda: _refused(log.read_bytes()[before:]))
            finally:
                ballast.unlink(missing_ok=True)
        else:
            disk.no_growth(field.pid("postgres"), DISK_FULL)
        told = log.read_bytes()[before:]
        full, panics = _refused(told), told.count(b"PANIC")
        if _answers(field) and full:
            fault.evidence = {"refused_writes": full, "panics": panics}


def _refused(log: bytes) -> int:
    """How often the database says that nothing more fits."""
    return sum(log.count(words) for words in (b"No space left on device", b"File too large"))


def _fill(path: Path, field: Field, refused: Callable[[], int]) -> None:
    """Until it has been full for some seconds; longer while the database has not noticed."""
    began = time.monotonic()
    with path.open("ab", buffering=0) as file:
        while not field.over.is_set():
            try:
                file.write(b"\0" * 2**20)
            except OSError:
                _fill_the_rest(file)
                time.sleep(0.05)
            full_for = time.monotonic() - began
            if full_for > NOTICED_BY or (full_for > DISK_FULL and refused()):
                return


def _fill_the_rest(file: Any) -> None:
    with contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def migrate_and_die(field: Field) -> None:
    """Row 16: a schema that is behind, migrated while traffic flows, killed on its way, then
    again."""
    if field.world.child("-m", "hub.proof.chaos.elder").returncode:
        return  # the database is away just now
    with field.ledger.fault(16, "migration killed") as fault:
        behind = len(_behind(field))
        argv = (sys.executable, "-m", *MIGRATE)
        env = field.world.installation.environ()
        with subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as child:  # fmt: skip
            time.sleep(field.luck.uniform(1.2, 3.5))
            child.kill()
        done = field.world.child("-m", *MIGRATE)
        for _ in range(5):
            if done.returncode == 0:
                break
            time.sleep(1.0)  # the database itself may have been struck meanwhile
            done = field.world.child("-m", *MIGRATE)
        left = _behind(field)
        if done.returncode or left:
            field.ledger.complain(f"migrate_schemas did not converge: {left} {done.stderr[-300:]}")
        elif behind:
            fault.evidence = {"behind": behind, "killed": child.returncode, "again": 0}


def _behind(field: Field) -> list[str]:
    """Migrations that the elder's schema lacks."""
    statement = "SELECT app || '.' || name FROM {schema}.django_migrations"
    newest, elder = (
        {name for (name,) in field.world.ask(tenant, statement)} for tenant in (TENANTS[0], ELDER)
    )
    return sorted(newest - elder)


def _answers(field: Field) -> bool:
    def well() -> bool:
        try:
            with field.world.database() as line:
                return line.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    return field.until(well)
