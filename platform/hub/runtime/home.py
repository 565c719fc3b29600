"""The folder that holds all state of one installation: databases, keys, logs, addresses.

Light on purpose: the settings import it in every process.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.runtime.complaint import Complaint, explained

ROOT = Path(__file__).resolve().parents[3]
"""The folder of ``manage.py``."""

FOLDERS = ("postgres", "valkey", "run", "keys", "logs", "simulators")

KEY_BYTES = 32
"""AES-256 takes 32 bytes; Django's secret key is as long for the same strength."""

LOCK_PATIENCE = 0.5
"""Seconds to go on asking for a lock that somebody holds."""

KEY_VARIABLES = {"secret_key": "CROSSDOCK_SECRET_KEY", "vault.key": "CROSSDOCK_VAULT_KEY"}


@dataclass(frozen=True)
class Home:
    """All state of one installation, private to its user (mode 0700)."""

    path: Path

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL's data; belongs to the account it runs as."""
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        """The embedded Valkey's append-only file."""
        return self.path / "valkey"

    @property
    def run(self) -> Path:
        """Lock, addresses and process list of what runs now."""
        return self.path / "run"

    @property
    def keys(self) -> Path:
        """Secrets, one a file; back them up apart from the database."""
        return self.path / "keys"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.path / "logs"

    @property
    def simulators(self) -> Path:
        """What the simulated outside systems keep."""
        return self.path / "simulators"

    def prepare(self) -> Home:
        """Makes the folders. Raises Complaint when the place cannot be written or is full."""
        with explained(self.path):
            # A folder that was there before keeps its mode: it may be somebody's, even /tmp.
            for folder in (self.path, *(self.path / name for name in FOLDERS)):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    # Keys ---------------------------------------------------------------------------------

    def key(self, name: str) -> bytes:
        """The secret ``name``, made on first use: ``secret_key``, ``vault.key``, passwords.

        32 random bytes kept in base64, mode 0600. ``CROSSDOCK_SECRET_KEY`` (any text) and
        ``CROSSDOCK_VAULT_KEY`` (32 bytes in base64) take precedence over the file. Of a file with
        several lines the first is in force; the others are former ones, while a rotation lasts.
        """
        variable = KEY_VARIABLES.get(name, "")
        if value := os.environ.get(variable, ""):
            return value.encode() if name == "secret_key" else _decoded(value, variable)
        path = self.keys / name
        if not path.exists():
            self._make_key(path)
        return _decoded(path.read_text().partition("\n")[0], str(path))

    def password(self, name: str) -> str:
        """The key ``name`` as text that needs no quoting in a URL or a configuration file."""
        return self.key(name).hex()

    def _make_key(self, path: Path) -> None:
        self.prepare()
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with explained(path):
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # link() never replaces: of two processes that come at once, the first one's key holds.
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()

    # One instance at a time ---------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds this home for one process. Raises Complaint naming the other one's pid."""
        self.prepare()
        with explained(self.path):
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _locked(descriptor):
                raise Complaint(
                    f"Another Crossdock (process {self.holder()}) already uses {self.path}.",
                    "Stop that one, or give this one a folder of its own with --home DIR.",
                )
            with explained(self.path):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(descriptor)

    def holder(self) -> str:
        """The pid of the process that holds (or last held) this home, as text."""
        with contextlib.suppress(OSError):
            return self._lock.read_text().strip() or "unknown"
        return "unknown"

    def running(self) -> bool:
        """Whether some process, this one included, holds this home."""
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @property
    def _lock(self) -> Path:
        return self.run / "lock"

    # Addresses ----------------------------------------------------------------------------

    @property
    def _services(self) -> Path:
        return self.run / "services.json"

    def publish(self, facts: Mapping[str, object]) -> None:
        """Writes ``run/services.json``: database_url, redis_url, ports, pid."""
        draft = self._services.with_suffix(".draft")
        with explained(self.path):
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(facts, file, indent=1)
            draft.replace(self._services)

    def withdraw(self) -> None:
        """Removes ``run/services.json``: nothing runs here any more."""
        self._services.unlink(missing_ok=True)

    def services(self) -> dict[str, object]:
        """What ``publish`` wrote last, running or not; empty when nothing was."""
        with contextlib.suppress(OSError, ValueError):
            facts = json.loads(self._services.read_text())
            if isinstance(facts, dict):
                return facts
        return {}

    def urls(self) -> tuple[str, str]:
        """(database URL, Redis URL): from the environment, else of what runs on this home.

        An empty string stands for one that is in neither place.
        """
        facts = self.services() if self.running() else {}
        return (
            os.environ.get("DATABASE_URL") or str(facts.get("database_url", "")),
            os.environ.get("REDIS_URL") or str(facts.get("redis_url", "")),
        )


def resolve(given: str | os.PathLike[str] | None = None) -> Home:
    """The home that ``given`` (``--home``), ``CROSSDOCK_HOME`` or the default ``var`` names."""
    path = given or os.environ.get("CROSSDOCK_HOME") or ROOT / "var"
    return Home(Path(path).expanduser().absolute())


def _locked(descriptor: int) -> bool:
    """Takes the lock; asks for a moment, as ``running()`` holds it for the blink it looks."""
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _decoded(value: str, source: str) -> bytes:
    with contextlib.suppress(ValueError):
        key = base64.b64decode(value.strip(), validate=True)
        if len(key) == KEY_BYTES:
            return key
    raise Complaint(
        f"{source} does not hold a key.",
        f"Put {KEY_BYTES} random bytes in base64 there, or restore the key from your backup.",
    )
