"""What the stories about the runtime share: homes, scripts that run in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.runtime.home import ROOT, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").prepare()


@pytest.fixture
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where nobody named a database: `manage.py test` itself names one."""
    for name in ("DATABASE_URL", "REDIS_URL", "CROSSDOCK_HOME", "CROSSDOCK_VAULT_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python source in a process of its own, able to import the project."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: str, prefix: tuple[str, ...] = (), **more: object):
        file = tmp_path / f"script{len(started)}.py"
        file.write_text(textwrap.dedent(source))
        path = os.pathsep.join((str(ROOT / "platform"), str(ROOT)))
        kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        process = subprocess.Popen(
            [*prefix, sys.executable, str(file), *arguments],
            env=kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def eventually(question: Callable[[], object], within: float = 60.0) -> bool:
    """Whether the answer becomes yes within so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.02)
    return bool(question())


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
