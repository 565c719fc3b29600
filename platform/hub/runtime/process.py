"""What the supervisor needs to know of one process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hub.runtime.account import Account


@dataclass(frozen=True)
class Process:
    """One process to keep running.

    ``ready`` is given the pid and says whether the process does its work yet; None: it is ready
    when it runs. ``prepare`` is called before each start, restarts after a crash included.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    account: Account = field(default_factory=Account)
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    """Seconds between the stop signal and SIGKILL."""
    patience: float = 60.0
    """Seconds it may take to become ready."""
    ready: Callable[[int], bool] | None = None
    prepare: Callable[[], None] | None = None
