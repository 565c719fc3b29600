"""Processes that an earlier run left behind: found by proof of identity, then ended.

A bare pid proves nothing (the kernel reuses them), so on Linux a process counts as ours only by
the mark in its environment or by its working folder; elsewhere by its start time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

MARK = "CROSSDOCK_RUN"
"""Environment variable that every supervised process, and what it starts, carries."""

PROC = Path("/proc")


def marked(run: str) -> list[int]:
    """Pids of the processes that carry ``MARK=run``, this one excepted. Linux only, else none."""
    wanted = f"{MARK}={run}".encode()
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def working_in(folder: Path) -> list[int]:
    """Pids of the processes whose working folder is ``folder``. Linux only, else none."""
    try:
        wanted = folder.stat()
    except FileNotFoundError:
        return []
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            facts = (PROC / str(pid) / "cwd").stat()
            if (facts.st_dev, facts.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.append(pid)
    return found


def identity(pid: int) -> str:
    """What tells this process from a later one with the same pid; empty when there is none."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold spaces; the start time is field 22 of the line.
            return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
        return ""
    told = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return told.stdout.strip()


def end(pids: Iterable[int], first: signal.Signals = signal.SIGKILL, grace: float = 5.0) -> None:
    """Signals the processes, waits until they are gone, and kills those that outstay ``grace``."""
    left = {pid: identity(pid) for pid in pids}
    for wave in (first, signal.SIGKILL):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, wave)
        deadline = time.monotonic() + grace
        while left and time.monotonic() < deadline:
            left = {pid: who for pid, who in left.items() if who and _lives(pid, who)}
            time.sleep(0.01 if left else 0)
        if not left:
            return


def _lives(pid: int, who: str) -> bool:
    if identity(pid) != who:
        return False
    with contextlib.suppress(OSError, IndexError):
        # A zombie has ended; only its parent can make it vanish.
        state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return sys.platform != "linux"


def _pids() -> list[int]:
    if sys.platform != "linux":
        return []
    numbers = (entry.name for entry in PROC.iterdir() if entry.name.isdigit())
    return [int(number) for number in numbers if int(number) != os.getpid()]
