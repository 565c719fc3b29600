"""A browser for the tests of the screens: the machine's, else Playwright's, else Debian's."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hub.runtime.complaint import Complaint
from hub.runtime.home import resolve

VARIABLE = "CROSSDOCK_BROWSER"
"""Environment variable that names the browser's program and ends the search."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

QUIET = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
)
"""Chromium looks up its maker's hosts at every start; on a closed network that costs time."""

DOWNLOAD_SECONDS = 300


def find_browser() -> str:
    """The path of a Chromium, installed if need be. Raises Complaint when there is no way to one.

    The same path for all who ask at once: one installs, the others wait.
    """
    if found := installed():
        return found
    folder = resolve().prepare().run
    with (folder / "browser.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for way in (installed, _by_playwright, _by_apt):
            if found := way():
                return found
    raise Complaint(
        "The tests of the screens need a browser, and none was found or could be installed.",
        f"Install Chromium (Debian: apt install chromium), or name one with {VARIABLE}.",
    )


def launch_options(path: str | None = None) -> dict[str, object]:
    """What Playwright's ``chromium.launch`` is given, headless, root or not."""
    # Chromium's sandbox refuses root; the tests open no page but our own.
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)
    return {"executable_path": path or find_browser(), "args": arguments, "headless": True}


def installed() -> str:
    """The path of a Chromium that is there already; empty without one."""
    if named := os.environ.get(VARIABLE):
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    programs = [*(Path(path) for path in APPLICATIONS), *_downloads()]
    return next((str(path) for path in programs if os.access(path, os.X_OK)), "")


def _downloads() -> list[Path]:
    """Where Playwright keeps its browsers, the newest first."""
    mac = sys.platform == "darwin"
    cache = Path.home() / ("Library/Caches" if mac else ".cache") / "ms-playwright"
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or cache)
    names = ("chrome", "headless_shell", "chrome-headless-shell", "Chromium")
    found = (path for name in names for path in folder.glob(f"chromium*/*/**/{name}"))
    return sorted((path for path in found if path.is_file()), reverse=True)


def _by_playwright() -> str:
    return _after([sys.executable, "-m", "playwright", "install", "chromium"])


def _by_apt() -> str:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return ""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _after(["apt-get", "update", "-qq"], environ)
    return _after(["apt-get", "install", "-y", "-qq", "chromium"], environ)


def _after(
    command: list[str],
    environ: dict[str, str] | None = None,
    look: Callable[[], str] = installed,
) -> str:
    """What ``look`` finds after ``command``, which may have failed."""
    try:
        subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return look()
