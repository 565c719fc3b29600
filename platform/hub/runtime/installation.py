"""A whole Crossdock on one home: databases, migrations, processes; all stopped on leaving."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import redis

from hub.runtime import processes as usual
from hub.runtime.complaint import Complaint, explained
from hub.runtime.embedded import Embedded
from hub.runtime.home import ROOT, Home
from hub.runtime.process import Process
from hub.runtime.processes import DEFAULT_PORT, HOST, Ports
from hub.runtime.supervise import Supervisor, last_words

MIGRATE = (sys.executable, "-m", "django", "migrate_schemas", "--no-color")

DECIDES_MIGRATIONS = ("requirements.lock", "platform/hub/config/settings.py")
"""Besides the migrations themselves: other packages' migrations, and which apps there are."""


class Installation:
    """Everything that runs, as a context manager and as the hand that breaks and mends it.

    ``compose(ports, environ)`` names the processes (``processes.processes`` unless a test has its
    own; the first is ready before the others start), ``migrate`` the command that brings the
    database up to date (None: leave it). ``served_after``: seconds until that first one, the web,
    answered.
    Raises Complaint: home in use, port taken, disk full, a process that does not start.
    """

    def __init__(
        self,
        home: Home,
        port: int = DEFAULT_PORT,
        *,
        environ: Mapping[str, str] = os.environ,
        compose: Callable[[Ports, Mapping[str, str]], list[Process]] = usual.processes,
        migrate: tuple[str, ...] | None = MIGRATE,
    ) -> None:
        self.home = home
        self.ports = Ports(port)
        self.embedded = Embedded(home, environ=environ)
        self._compose = compose
        self._migrate = migrate
        self._added: list[str] = []
        self.served_after = 0.0
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        began = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(self.embedded)
            usual.check_ports(self.ports.web, self.ports.ingress)
            self._bring_up_to_date()
            stack.callback(self._stop_processes)
            for number, process in enumerate(self._compose(self.ports, self.embedded.environ())):
                self.start(process)
                if number == 0:
                    # The pages come first: the others' start would share the processor.
                    self.supervisor.wait_ready(process.name)
                    self.served_after = round(time.monotonic() - began, 1)
            self.supervisor.wait_ready(*self._added)
            self.embedded.announce(url=self.url, ingress_url=self.ingress_url)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def supervisor(self) -> Supervisor:
        """What keeps the processes running."""
        return self.embedded.supervisor

    @property
    def url(self) -> str:
        """The bare host; a partner's portal is at ``http://<partner>.localhost:<port>``."""
        return f"http://localhost:{self.ports.web}"

    @property
    def ingress_url(self) -> str:
        """Where webhooks are sent to."""
        return f"http://{HOST}:{self.ports.ingress}"

    def environ(self) -> dict[str, str]:
        """The environment for a process that belongs to this installation."""
        return self.embedded.environ()

    def start(self, process: Process) -> None:
        """Starts one more process without waiting for it."""
        self.supervisor.start(process)
        self._added.append(process.name)

    def add(self, process: Process) -> None:
        """Starts one more process (a simulator, say) and waits until it is ready."""
        self.start(process)
        self.supervisor.wait_ready(process.name)

    def kill(self, name: str, number: int = 9) -> None:
        """Signals ``name`` and all it started (SIGKILL unless told); it is then started again."""
        self.supervisor.kill(name, number)

    def stop(self, name: str) -> None:
        """Stops ``name`` in good order; it stays down until ``restart``."""
        self.supervisor.stop([name])

    def restart(self, name: str) -> None:
        """Stops ``name`` in good order, starts it again and waits until it is ready."""
        self.supervisor.restart(name)

    def wait_ready(self, name: str) -> None:
        """Returns when ``name`` is ready, again or still."""
        self.supervisor.wait_ready(name)

    def pids(self) -> dict[str, int]:
        """The pid of every process that runs, by name; ``postgres`` and ``valkey`` included."""
        return dict(self.supervisor.pids())

    def flush_redis(self) -> None:
        """Empties Redis: every doorbell, lease of a rate and cache entry."""
        with redis.Redis.from_url(self.embedded.redis_url) as client:
            client.flushall()

    def _stop_processes(self) -> None:
        self.supervisor.stop(self._added)

    # Migrations -------------------------------------------------------------------------------

    def _bring_up_to_date(self) -> None:
        """Migrates, unless this home's own database is known to be where the code wants it."""
        if self._migrate is None:
            return
        # A stamp says nothing about a database that lives elsewhere and may have been replaced.
        ours = not self.embedded.given.get("DATABASE_URL")
        stamp, data = self.home.postgres / "migrated", self.home.postgres / "data"
        wanted = f"{migrations_hash()} {data.stat().st_ino if ours else ''}"
        if ours and stamp.exists() and stamp.read_text() == wanted:
            return
        self._run_migrations()
        if ours:
            with explained(self.home.path):
                stamp.write_text(wanted)

    def _run_migrations(self) -> None:
        path = self.home.logs / "migrate.log"
        with explained(self.home.path), path.open("wb") as log:
            done = subprocess.run(
                self._migrate or (),
                env=self.embedded.environ(),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise Complaint(
                f"The database could not be migrated: {last_words(path)}",
                f"The whole story is in {path}.",
            )


def migrations_hash() -> str:
    """A hash of all that decides which migrations there are and what they do."""
    found = hashlib.sha256()
    for path in [*(ROOT / name for name in DECIDES_MIGRATIONS), *_migrations()]:
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        found.update(path.read_bytes() if path.exists() else b"")
    return found.hexdigest()


def _migrations() -> list[Path]:
    folders = ("platform", "tenants", "billing")
    return sorted(file for name in folders for file in (ROOT / name).rglob("migrations/*.py"))
