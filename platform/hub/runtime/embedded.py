"""The database and the Redis of one home: those the environment names, else servers of our own."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from hub.runtime.account import socket_folder, unprivileged
from hub.runtime.home import ROOT, Home
from hub.runtime.postgres import Postgres
from hub.runtime.process import Process
from hub.runtime.supervise import Supervisor
from hub.runtime.valkey import Valkey

SETTINGS_MODULE = "hub.config.settings"


class Embedded:
    """Holds ``home`` and what runs on it; leaving the context stops it all.

    ``environ`` decides: what ``DATABASE_URL`` or ``REDIS_URL`` in it names is used and not started.
    ``durable=False`` trades safety from power failure for speed: for tests only.
    Raises Complaint: home in use, not writable, disk full, no server to be found.
    """

    def __init__(
        self, home: Home, *, environ: Mapping[str, str] = os.environ, durable: bool = True
    ) -> None:
        self.home = home
        self.given = dict(environ)
        self.database_url = self.given.get("DATABASE_URL", "")
        self.redis_url = self.given.get("REDIS_URL", "")
        self.postgres_port = 0
        self.supervisor: Supervisor
        self._durable = durable
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.home.lock())
            stack.callback(self.home.withdraw)
            before = self.home.services()
            self.supervisor = stack.enter_context(Supervisor(self.home))
            sockets = self._sockets(before, stack)
            started = self._start(sockets, int(str(before.get("postgres_port", 0))))
            self.home.publish(self._facts(sockets, started))
            self.supervisor.wait_ready(*started)
            self.home.publish(self._facts(sockets, started) | {"ready": True})
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def environ(self) -> dict[str, str]:
        """The environment in which our own code, in any process, finds this home."""
        return self.given | {
            "CROSSDOCK_HOME": str(self.home.path),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "DJANGO_SETTINGS_MODULE": SETTINGS_MODULE,
            "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
            "PYTHONUNBUFFERED": "1",
        }

    def announce(self, **more: object) -> None:
        """Adds facts (ports, addresses) to ``run/services.json``."""
        self.home.publish(self.home.services() | more)

    def _sockets(self, before: Mapping[str, object], stack: ExitStack) -> Path:
        # The folder of a run that was killed is nobody's now.
        if old := str(before.get("sockets", "")):
            shutil.rmtree(old, ignore_errors=True)
        folder = socket_folder(unprivileged())
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _start(self, sockets: Path, port: int) -> list[str]:
        processes: list[Process] = []
        if not self.database_url:
            postgres = Postgres(self.home, sockets, port=port, durable=self._durable)
            self.database_url = postgres.url
            processes.append(postgres.process())
            self.postgres_port = postgres.port
        if not self.redis_url:
            valkey = Valkey(self.home, sockets)
            self.redis_url = valkey.url
            processes.append(valkey.process())
        for process in processes:
            self.supervisor.start(process)
        return [process.name for process in processes]

    def _facts(self, sockets: Path, started: list[str]) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "sockets": str(sockets),
            "postgres_port": self.postgres_port,
            "ready": False,
        }


def running_urls(home: Home, patience: float = 30.0) -> tuple[str, str] | None:
    """(database, Redis) of the instance that runs on ``home``, once it is ready; None without."""
    deadline = time.monotonic() + patience
    while home.running() and time.monotonic() < deadline:
        facts = home.services()
        if facts.get("ready"):
            return str(facts["database_url"]), str(facts["redis_url"])
        time.sleep(0.05)
    return None
