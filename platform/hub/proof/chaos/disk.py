"""A small disk of its own for the database, so that it can run full and nobody else notices.

Needs the right to mount (root in most containers). The mount is seen by this process and its
children only, and is gone with the last of them. Where that isn't permitted, the database's
processes are forbidden for a while to write beyond the first pages of any file.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000  # <linux/sched.h>
MS_REC, MS_PRIVATE = 0x4000, 0x40000  # <linux/mount.h>


def small_disk(folder: Path, megabytes: int) -> bool:
    """Lay a disk of that size over ``folder``; False where that isn't permitted.

    To be called before any thread or child is started: only those that follow see it.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return False
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = f"size={megabytes}m,mode=0700".encode()
    return bool(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) == 0)


#: Bytes of a file that may still be written: less than any file of a database that is at work.
STILL = 64 * 1024


def no_growth(postmaster: int, seconds: float) -> None:
    """Forbid a postmaster and its sessions, for so long, to write beyond the start of a file.

    PostgreSQL ignores the signal that comes with it, so it meets a failed write, as on a full disk.
    """
    if not hasattr(resource, "prlimit"):
        return
    struck = [postmaster, *_children(postmaster)]
    for pid in struck:
        _limit(pid, STILL)
    time.sleep(seconds)
    for pid in {*struck, *_children(postmaster)}:
        _limit(pid, resource.RLIM_INFINITY)


def _limit(pid: int, most: int) -> None:
    with suppress(OSError, ValueError):  # it may have gone meanwhile
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found
