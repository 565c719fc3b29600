"""``manage.py lint``: every check that needs no running system, in one command."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hub.runtime.embedded import SETTINGS_MODULE
from hub.runtime.home import ROOT, Home

TOOLS = Path(sys.executable).parent

CHECKS = {
    "ruff check": (str(TOOLS / "ruff"), "check", "."),
    "ruff format": (str(TOOLS / "ruff"), "format", "--check", "."),
    "mypy": (sys.executable, "-m", "mypy"),
    "import contracts": (str(TOOLS / "lint-imports"), "--no-cache"),
    "check --deploy": (sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"),
    "migrations": (sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"),
}


def main(argv: list[str]) -> int:
    """Runs all checks (or those whose names are given) to the end; 1 if any found something."""
    chosen = {name: CHECKS[name] for name in CHECKS if not argv or name in argv}
    if unknown := set(argv) - set(CHECKS):
        sys.stderr.write(f"No such check: {', '.join(unknown)}. There are: {', '.join(CHECKS)}.\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="crossdock-lint-") as folder:
        results = {
            name: _passes(name, command, _environ(Path(folder))) for name, command in chosen.items()
        }
    found = [name for name, passed in results.items() if not passed]
    sys.stdout.write(f"{len(found)} of {len(results)} failed: {', '.join(found)}\n" * bool(found))
    return 1 if found else 0


def _passes(name: str, command: tuple[str, ...], environ: dict[str, str]) -> bool:
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    verdict = "failed" if done.returncode else "ok"
    sys.stdout.write(f"{name:18} {verdict:6} {time.monotonic() - began:5.1f} s\n")
    if done.returncode:
        sys.stdout.write(f"{done.stdout}{done.stderr}".rstrip() + "\n")
    sys.stdout.flush()
    return not done.returncode


def _environ(folder: Path) -> dict[str, str]:
    """As in production, with keys of the moment and no database: these checks ask none."""
    kept = ("DATABASE_URL", "REDIS_URL", "CROSSDOCK_HTTP")
    home = Home(folder / "home").prepare()
    return {name: value for name, value in os.environ.items() if name not in kept} | {
        "CROSSDOCK_HOME": str(home.path),
        "CROSSDOCK_SECRET_KEY": secrets.token_urlsafe(64),
        "DJANGO_SETTINGS_MODULE": SETTINGS_MODULE,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
    }
