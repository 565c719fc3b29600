"""PostgreSQL and Valkey of our own: anywhere, as anybody, after anything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from hub.runtime import leftovers
from hub.runtime.account import Program, reachable, socket_folder, unprivileged
from hub.runtime.complaint import Complaint
from hub.runtime.embedded import Embedded, running_urls
from hub.runtime.home import ROOT, Home
from hub.runtime.postgres import SETTINGS, Postgres, find_binaries
from tests.runtime.conftest import alive, eventually

# Real servers started, killed and recovered, a second or two each.
pytestmark = pytest.mark.slow

HOLD = """
import json, sys, time
from pathlib import Path
from hub.runtime.embedded import Embedded
from hub.runtime.home import Home
with Embedded(Home(Path(sys.argv[1])), environ={}) as embedded:
    facts = {"urls": [embedded.database_url, embedded.redis_url]}
    sys.stdout.write(json.dumps(facts | {"pids": embedded.supervisor.pids()}) + "\\n")
    time.sleep(60)
"""

FULL_DISK = """
import subprocess, sys
from pathlib import Path
from hub.runtime.complaint import Complaint
from hub.runtime.embedded import Embedded
from hub.runtime.home import Home
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
try:
    with Embedded(Home(disk / "home"), environ={}):
        pass
except Complaint as complaint:
    sys.stdout.write(str(complaint))
"""


@pytest.fixture
def far_away(tmp_path: Path) -> Path:
    """A home where nobody else may go, with spaces, longer than any socket's name."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    return closed / f"a home {'x' * 90}" / f"{'y' * 90} and more"


def test_it_runs_anywhere_as_anybody(far_away: Path) -> None:
    with Embedded(Home(far_away), environ={}) as embedded:
        with psycopg.connect(embedded.database_url) as connection:
            facts = connection.execute(
                "SELECT current_setting('timezone'), current_setting('data_checksums'),"
                " pg_encoding_to_char(encoding), datlocale, rolsuper, rolcreatedb"
                " FROM pg_database JOIN pg_roles ON rolname = current_user"
                " WHERE datname = current_database()"
            ).fetchone()
            assert facts == ("UTC", "on", "UTF8", "C.UTF-8", False, True)
            for name, value in SETTINGS.items():
                if name not in ("unix_socket_permissions", "idle_in_transaction_session_timeout"):
                    asked = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                    assert asked == (value,), name
        with redis.Redis.from_url(embedded.redis_url) as client:
            facts = client.config_get("append*", "maxmemory-policy", "port")
            assert (facts["appendonly"], facts["appendfsync"]) == ("yes", "everysec")
            assert (facts["maxmemory-policy"], facts["port"]) == ("noeviction", "0")
    assert not list(far_away.glob("run/services.json"))


def test_the_database_refuses_who_does_not_know_the_password(home: Home) -> None:
    with Embedded(home, environ={}) as embedded:
        wrong = embedded.database_url.replace(home.password("postgres"), "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        sockets = Path(str(home.services()["sockets"]))
        assert sockets.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root runs it under their own name")
def test_started_by_root_it_does_not_run_as_root(far_away: Path) -> None:
    with Embedded(Home(far_away), environ={}) as embedded:
        status = Path(f"/proc/{embedded.supervisor.pids()['postgres']}/status").read_text()
        assert "Uid:\t65534" in status


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root runs the programs where they are")
def test_programs_that_nobody_can_reach_are_copied_to_where_they_run(tmp_path: Path) -> None:
    found, account = find_binaries(), unprivileged()
    closed, public = tmp_path / "closed", Path(tempfile.mkdtemp())
    closed.mkdir(mode=0o700)
    public.chmod(0o755)
    try:
        for part in found.parts:
            shutil.copytree(found.base / part, closed / part)
        hidden = Program(closed / found.programs.relative_to(found.base), closed, found.parts)
        programs = reachable(hidden, ("postgres", "initdb"), account, (public,))
        assert programs.is_relative_to(public)
        assert account.can_run(programs / "initdb")
        assert reachable(hidden, ("postgres", "initdb"), account, (public,)) == programs

        # A copy that others could have written to is not trusted.
        next(public.iterdir()).chmod(0o777)
        with pytest.raises(Complaint, match="DATABASE_URL"):
            reachable(hidden, ("postgres", "initdb"), account, (public,))
    finally:
        shutil.rmtree(public)


def test_a_warm_start_takes_no_time_and_keeps_the_data(home: Home) -> None:
    with (
        Embedded(home, environ={}) as embedded,
        psycopg.connect(embedded.database_url) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    began = time.monotonic()
    with Embedded(home, environ={}) as embedded:
        assert time.monotonic() - began < 2  # 0.08 s on a quiet machine
        with psycopg.connect(embedded.database_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_killed_server_is_back_at_the_same_address(home: Home, name: str) -> None:
    with Embedded(home, environ={}) as embedded:
        with psycopg.connect(embedded.database_url) as connection:
            connection.execute("CREATE TABLE kept (answer int)")
        first = embedded.supervisor.pids()[name]
        embedded.supervisor.kill(name)
        assert eventually(lambda: embedded.supervisor.pids().get(name, first) != first)
        embedded.supervisor.wait_ready(name)
        with psycopg.connect(embedded.database_url) as connection:
            connection.execute("SELECT * FROM kept")
        with redis.Redis.from_url(embedded.redis_url) as client:
            client.ping()


def test_after_kill_9_of_everything_the_next_start_recovers(
    home: Home, script: Callable[..., subprocess.Popen[str]]
) -> None:
    running = script(HOLD, str(home.path))
    assert running.stdout
    facts = json.loads(running.stdout.readline())
    database, doorbells = facts["urls"]
    connection = psycopg.connect(database)
    connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    connection.commit()
    connection.execute("INSERT INTO kept VALUES (43)")  # never committed
    with redis.Redis.from_url(doorbells) as client:
        client.set("rung", "yes")
    for pid in (*facts["pids"].values(), running.pid):
        os.kill(pid, signal.SIGKILL)
    running.wait()

    with Embedded(home, environ={}) as embedded:
        with psycopg.connect(embedded.database_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
        with redis.Redis.from_url(embedded.redis_url) as client:
            assert client.get("rung") == b"yes"


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its parent-death signal")
def test_servers_do_not_outlive_who_started_them(
    home: Home, script: Callable[..., subprocess.Popen[str]]
) -> None:
    running = script(HOLD, str(home.path))
    assert running.stdout
    pids = json.loads(running.stdout.readline())["pids"].values()
    running.kill()
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    assert not leftovers.working_in(home.postgres / "data")
    sockets = Path(str(home.services()["sockets"]))
    with Embedded(home, environ={}):
        assert not sockets.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PostgreSQL's own checks have to do")
def test_a_server_nobody_knows_of_any_more_gives_way(home: Home) -> None:
    """It still holds the data, and no list of processes names it."""
    with Embedded(home, environ={}):
        pass
    sockets = socket_folder(unprivileged())
    process = Postgres(home, sockets).process()
    orphan = subprocess.Popen(
        process.argv,
        env=process.env,
        cwd=process.cwd,
        user=process.account.user,
        group=process.account.group,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.ready and eventually(lambda: process.ready and process.ready(orphan.pid))
        with Embedded(home, environ={}) as embedded:
            psycopg.connect(embedded.database_url).close()
            assert not alive(orphan.pid)
    finally:
        orphan.kill()
        orphan.wait()
        shutil.rmtree(sockets, ignore_errors=True)


def test_a_first_start_that_broke_off_is_done_anew(home: Home) -> None:
    half = home.postgres / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with Embedded(home, environ={}) as embedded:
        psycopg.connect(embedded.database_url).close()
    assert not half.exists()


def test_only_what_the_environment_does_not_name_is_started(home: Home) -> None:
    given = {"DATABASE_URL": "postgresql://elsewhere/db"}
    with Embedded(home, environ=given) as embedded:
        assert list(embedded.supervisor.pids()) == ["valkey"]
        assert embedded.environ()["DATABASE_URL"] == "postgresql://elsewhere/db"
        assert running_urls(home) == ("postgresql://elsewhere/db", embedded.redis_url)
    assert running_urls(home) is None


def may_mount() -> bool:
    """Whether this machine lets us have a small disk of our own to fill."""
    command = ["unshare", "--mount", "--map-root-user", "true"]
    return bool(shutil.which("unshare")) and not subprocess.run(command, check=False).returncode


@pytest.mark.skipif(not may_mount(), reason="needs a mount namespace to have a disk to fill")
def test_a_full_disk_is_said_in_one_line(
    tmp_path: Path, script: Callable[..., subprocess.Popen[str]]
) -> None:
    root = () if os.geteuid() == 0 else ("--map-root-user",)
    disk = tmp_path / "disk"
    disk.mkdir()
    running = script(FULL_DISK, str(disk), prefix=("unshare", "--mount", *root))
    out, err = running.communicate(timeout=60)
    assert out == (
        f"The disk that holds {disk}/home is full. "
        "Free some space on it, or keep the state on another disk with --home DIR."
    ), err
    assert str(ROOT) not in out
