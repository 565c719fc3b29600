"""A whole installation: with stand-ins for our processes, and with the real command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
import redis

from hub.runtime import processes
from hub.runtime.complaint import Complaint
from hub.runtime.home import ROOT, Home
from hub.runtime.installation import Installation
from hub.runtime.process import Process
from hub.runtime.processes import Ports
from tests.runtime.conftest import alive, eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installation")]


def free_ports(count: int = 3) -> int:
    """The first of so many free ports in a row, for other runs of this suite go on beside us."""
    start = 21000 + os.getpid() % 30
    for port in range(start, 21097):
        try:
            processes.check_ports(*range(port, port + count))
        except Complaint:
            continue
        return port
    raise AssertionError("no free ports between 21000 and 21099")


@pytest.fixture
def port() -> int:
    return free_ports()


SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(os.environ["CROSSDOCK_HOME"].encode())
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

MIGRATE = (
    "import os, psycopg\n"
    "with psycopg.connect(os.environ['DATABASE_URL']) as connection:\n"
    "    connection.execute('CREATE TABLE IF NOT EXISTS runs (at timestamptz DEFAULT now())')\n"
    "    connection.execute('INSERT INTO runs DEFAULT VALUES')\n"
)

WHOLE = """
import json, sys, time
from pathlib import Path
from hub.runtime.home import Home
from hub.runtime.installation import Installation
from tests.runtime.test_installation import stand_ins
with Installation(
    Home(Path(sys.argv[1])), int(sys.argv[2]), environ={}, compose=stand_ins, migrate=None
) as installation:
    sys.stdout.write(json.dumps(installation.pids()) + "\\n")
    time.sleep(60)
"""


def stand_ins(ports: Ports, environ: Mapping[str, str]) -> list[Process]:
    def server(name: str, port: int) -> Process:
        argv = (sys.executable, "-c", SERVER, str(port))
        return Process(name, argv, environ, ready=processes.answers(port))

    worker = (sys.executable, "-c", "import time; time.sleep(60)")
    return [
        server("web", ports.web),
        server("ingress", ports.ingress),
        Process("worker-1", worker, environ),
    ]


@pytest.fixture
def installation(home: Home, port: int) -> Iterator[Installation]:
    migrate = (sys.executable, "-c", MIGRATE)
    with Installation(home, port, environ={}, compose=stand_ins, migrate=migrate) as installation:
        yield installation


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def test_it_serves_breaks_and_heals(installation: Installation) -> None:
    assert set(installation.pids()) == {"postgres", "valkey", "web", "ingress", "worker-1"}
    assert page(installation.url) == page(installation.ingress_url) == str(installation.home.path)

    for name in ("worker-1", "web", "postgres", "valkey"):
        first = installation.pids()[name]
        installation.kill(name)
        assert eventually(lambda: installation.pids().get(name, first) != first), name  # noqa: B023
        installation.wait_ready(name)
    assert page(installation.url)

    with redis.Redis.from_url(installation.embedded.redis_url) as client:
        client.set("bell", "rung")
        installation.flush_redis()
        assert client.dbsize() == 0

    argv = (sys.executable, "-c", SERVER, str(installation.ports.simulators))
    ready = processes.answers(installation.ports.simulators)
    installation.add(Process("shop", argv, installation.environ(), ready=ready))
    assert page(f"http://127.0.0.1:{installation.ports.simulators}")


def test_migrations_run_once_on_our_own_database_and_always_on_another(
    home: Home, port: int
) -> None:
    migrate = (sys.executable, "-c", MIGRATE)

    def runs(environ: dict[str, str], at: Home) -> int:
        nothing = {"compose": lambda *_: [], "migrate": migrate}
        with (
            Installation(at, port, environ=environ, **nothing) as there,  # type: ignore[arg-type]
            psycopg.connect(there.embedded.database_url) as connection,
        ):
            row = connection.execute("SELECT count(*) FROM runs").fetchone()
            return int(row[0]) if row else 0

    assert [runs({}, home), runs({}, home)] == [1, 1]
    with Installation(home, port, environ={}, compose=lambda *_: [], migrate=None) as there:
        given = {"DATABASE_URL": there.embedded.database_url}
        other = Home(home.path.parent / "other")
        assert [runs(given, other), runs(given, other)] == [2, 3]


def test_a_migration_that_fails_stops_the_start_with_its_last_words(home: Home, port: int) -> None:
    migrate = (sys.executable, "-c", "raise SystemExit('column is missing')")
    with (
        pytest.raises(Complaint, match=r"could not be migrated: column is missing.*migrate\.log"),
        Installation(home, port, environ={}, compose=stand_ins, migrate=migrate),
    ):
        pass
    assert not home.running()


def test_after_kill_9_of_everything_the_next_start_serves_again(
    home: Home, port: int, script: Callable[..., subprocess.Popen[str]]
) -> None:
    first = script(WHOLE, str(home.path), str(port))
    assert first.stdout
    pids = json.loads(first.stdout.readline())
    for pid in (*pids.values(), first.pid):
        os.kill(pid, signal.SIGKILL)
    first.wait()

    began = time.monotonic()
    with Installation(home, port, environ={}, compose=stand_ins, migrate=None) as again:
        assert page(again.url)
        assert time.monotonic() - began < 8
        assert not any(alive(pid) for pid in pids.values())


def command(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    """``manage.py`` as a person starts it."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=kept | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_taken_port_is_named_with_the_way_out(home: Home, port: int) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        process = command("up", "--home", str(home.path), "--port", str(port))
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == (
        f"Port {port + 1} cannot be had: another program uses it, or it is reserved. "
        "Stop that program, or choose another with --port N.\n"
    )
    assert out == ""


def test_a_second_instance_is_refused_by_the_command(home: Home, port: int) -> None:
    with home.lock():
        process = command("up", "--home", str(home.path), "--port", str(port))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.startswith(f"Another Crossdock (process {os.getpid()}) already uses {home.path}.")
    assert len(err.splitlines()) == 1


def test_a_django_command_brings_its_own_database(home: Home) -> None:
    source = "from django.db import connection as c; c.ensure_connection(); print('connected')"
    process = command("shell", "-c", source, "--home", str(home.path))
    out, err = process.communicate(timeout=60)
    assert "connected" in out, err
    assert not home.running()


def test_a_django_command_uses_what_runs(home: Home, port: int) -> None:
    source = "from django.conf import settings as s; print(s.DATABASES['default']['PORT'])"
    with Installation(home, port, environ={}, compose=lambda *_: [], migrate=None) as running:
        process = command("shell", "-c", source, "--home", str(home.path))
        out, err = process.communicate(timeout=60)
        assert f":{out.split()[-1]}/" in running.embedded.database_url, err


def test_up_serves_until_it_is_asked_to_stop(home: Home, port: int) -> None:
    process = command("up", "--home", str(home.path), "--port", str(port))
    assert process.stdout
    try:
        said = [process.stdout.readline() for _ in range(4)]
        assert said[0].startswith(f"Portal    http://localhost:{port}"), process.communicate()
        assert page(f"http://localhost:{port}/healthz")
        pids = [pid for pid, _ in _noted(home).values()]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert not any(alive(pid) for pid in pids)
    finally:
        process.kill()
        process.communicate()


def _noted(home: Home) -> dict[str, tuple[int, str]]:
    noted: dict[str, tuple[int, str]] = json.loads(Path(home.run / "processes.json").read_text())[
        "processes"
    ]
    return noted
