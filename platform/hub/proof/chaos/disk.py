"""A small disk of its own for the database, so that it can run full and nobody else notices.

Needs the right to mount (root in most containers). The mount is seen by this process and its
children only, and is gone with the last of them.
"""

from __future__ import annotations

import ctypes
import os
import sys
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
