"""Keeps named processes running, and leaves none behind.

One thread starts and reaps them all: Linux sends a child its parent-death signal when the *thread*
that started it ends, so that thread lives as long as the children do.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hub.runtime import leftovers
from hub.runtime.complaint import Complaint, explained
from hub.runtime.home import Home
from hub.runtime.process import Process

LOG_BYTES = 10_000_000
"""A log longer than this is set aside (one generation) when its process starts."""

HEALTHY = 10.0
"""Seconds a process must have lived for its crash to count as the first one again."""

STABLE = 2.0
"""Seconds after which a process that crashed before, and can't be asked, is taken for ready."""

HOPELESS = 4
"""Quick crashes in a row after which waiting for readiness is given up."""

TICK = 0.05
"""Seconds between two looks at the children: how late a crash may be noticed."""

ERROR_LINE = re.compile(r"^[\w.]*(Error|Exception)\b|\b(FATAL|error):", re.ASCII)
"""How Python, PostgreSQL and most others begin the line that matters."""

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def back_off(crashes: int) -> float:
    """Seconds to wait before the start that follows ``crashes`` quick crashes in a row."""
    return float(min(0.1 * 2 ** max(crashes - 1, 0), 10.0))


@dataclass
class _Child:
    process: Process
    popen: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    due: float = 0.0
    started: float = 0.0
    crashes: int = 0
    error: Exception | None = None
    life: str = ""
    """Mark of the running process; told to the next as that of its predecessor."""


class Supervisor:
    """Starts, watches, restarts and stops the processes of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._record = home.run / "processes.json"
        self._run = secrets.token_hex(8)
        self._children: dict[str, _Child] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._over = False
        clear_leftovers(self._record)
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What one asks for ------------------------------------------------------------------------

    def start(self, process: Process) -> None:
        """Starts ``process`` and keeps it running from now on; returns without waiting for it."""
        with self._lock:
            old = self._children.get(process.name)
            if old and old.popen:
                raise ValueError(f"{process.name} is running")
            self._children[process.name] = _Child(process)
        self._wake.set()

    def wait_ready(self, *names: str) -> None:
        """Returns when all of ``names`` are ready. Raises Complaint when one can't become so."""
        for name in names:
            child = self._children[name]
            deadline = time.monotonic() + child.process.patience
            while not self._is_ready(child):
                if child.error:
                    raise child.error
                if child.crashes >= HOPELESS or time.monotonic() > deadline:
                    raise self._hopeless(child)
                time.sleep(0.01)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signals the process and all it started; if that ends it, it is started again."""
        with self._lock:
            child = self._children[name]
            if child.popen:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.popen.pid, number)

    def restart(self, name: str) -> None:
        """Stops the process in good order, starts it again and waits until it is ready."""
        self.stop([name])
        with self._lock:
            self._children[name] = _Child(self._children[name].process)
        self._wake.set()
        self.wait_ready(name)

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stops the processes (all, if none are named): their stop signal, then SIGKILL."""
        with self._lock:
            chosen = [self._children[name] for name in (names or list(self._children))]
            for child in chosen:
                child.wanted = False
                if child.popen:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child.popen.pid, child.process.stop_signal)
        asked = time.monotonic()
        self._wake.set()
        while any(child.popen for child in chosen):
            for child in chosen:
                if time.monotonic() > asked + child.process.grace:
                    self.kill(child.process.name)
            time.sleep(0.01)

    def close(self) -> None:
        """Stops what still runs, the last started first, and the watch over it."""
        for name in reversed(list(self._children)):
            self.stop([name])
        self._over = True
        self._wake.set()
        self._thread.join()
        self._record.unlink(missing_ok=True)

    def pids(self) -> dict[str, int]:
        """The pid of every process that runs."""
        with self._lock:
            running = ((name, child.popen) for name, child in self._children.items())
            return {name: popen.pid for name, popen in running if popen}

    def crashes(self, name: str) -> int:
        """How many times in a row the process ended soon after its start."""
        return self._children[name].crashes

    # The watch --------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._over:
            for child in list(self._children.values()):
                with self._lock:
                    self._tend(child)
            self._wake.wait(TICK)
            self._wake.clear()

    def _tend(self, child: _Child) -> None:
        now = time.monotonic()
        if child.popen and _exited(child.popen):
            # The leader is not reaped yet, so nobody else can have got its group's number.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.popen.pid, signal.SIGKILL)
            child.popen.wait()
            child.popen = None
            child.crashes = child.crashes + 1 if now - child.started < HEALTHY else 1
            child.due = now + back_off(child.crashes)
        if child.wanted and not child.popen and now >= child.due:
            self._spawn(child)

    def _spawn(self, child: _Child) -> None:
        process = child.process
        try:
            if process.prepare:
                process.prepare()
            with explained(self._home.path), self._log(process.name).open("ab") as log:
                before, child.life = child.life, secrets.token_hex(8)
                child.popen = subprocess.Popen(
                    process.argv,
                    env={
                        **process.env,
                        leftovers.MARK: self._run,
                        "CROSSDOCK_LIFE": child.life,
                        "CROSSDOCK_LIFE_BEFORE": before,
                    },
                    cwd=process.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    process_group=0,
                    preexec_fn=die_with_parent(process.stop_signal),
                    user=process.account.user,
                    group=process.account.group,
                    extra_groups=None if process.account.user is None else [],
                )
                child.error = None
                child.started = time.monotonic()
                self._note()
        except Exception as error:  # noqa: BLE001 (whatever one child meets, the others are tended)
            child.error = error
            child.crashes += 1
            child.due = time.monotonic() + back_off(child.crashes)

    def _log(self, name: str) -> Path:
        path = self._home.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def _note(self) -> None:
        """Writes down who runs, for the next start to clear up after a kill -9 of this process."""
        pids = {name: (pid, leftovers.identity(pid)) for name, pid in self.pids().items()}
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps({"run": self._run, "processes": pids}))
        draft.replace(self._record)

    def _is_ready(self, child: _Child) -> bool:
        popen = child.popen
        if not popen or popen.returncode is not None:
            return False
        if child.process.ready:
            return child.process.ready(popen.pid)
        return child.crashes == 0 or time.monotonic() - child.started > STABLE

    def _hopeless(self, child: _Child) -> Complaint:
        log = self._home.logs / f"{child.process.name}.log"
        return Complaint(
            f"The process {child.process.name} does not start; its last words: {last_words(log)}",
            f"All of them are in {log}.",
        )


def last_words(log: Path) -> str:
    """The line of ``log`` that most likely says why: its last error, else its last line."""
    with contextlib.suppress(OSError):
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
        said = [line for line in lines if line]
        errors = [line for line in said if ERROR_LINE.search(line)]
        return (errors or said or ["(none)"])[-1]
    return "(none)"


def clear_leftovers(record: Path) -> None:
    """Ends what the run noted in ``record`` left behind, each only if it is still the same."""
    try:
        noted = json.loads(record.read_text())
        same = [
            pid
            for pid, who in noted["processes"].values()
            if who and leftovers.identity(pid) == who
        ]
        leftovers.end([*same, *leftovers.marked(noted["run"])], signal.SIGTERM, grace=2.0)
    except (FileNotFoundError, ValueError, KeyError):
        return


def _exited(popen: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended; where the system can say so, without reaping it."""
    if not hasattr(os, "waitid"):
        return popen.poll() is not None
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, popen.pid, ended) is not None


def die_with_parent(number: int = signal.SIGTERM) -> Callable[[], None] | None:
    """To be run in a new child: asks Linux to send it ``number`` when its parent dies."""
    if _prctl is None:
        return None
    prctl, parent = _prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
