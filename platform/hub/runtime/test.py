"""``manage.py test``: everything the suite needs, then pytest with the arguments given."""

from __future__ import annotations

import subprocess
import sys

from hub.runtime import browser
from hub.runtime.commands import take_home
from hub.runtime.complaint import Complaint
from hub.runtime.embedded import Embedded
from hub.runtime.home import ROOT, Home, resolve
from hub.runtime.signals import interruptible
from hub.runtime.supervise import die_with_parent

IN_PARALLEL = ("-n", "2", "--dist", "loadgroup")
"""Unless told otherwise. Tests that start whole installations share the group ``installation``."""


def main(argv: list[str]) -> int:
    """Runs the suite on servers of its own; returns pytest's exit status.

    Its state is in ``test`` below the home, apart from a running installation's. It has its own
    servers unless ``DATABASE_URL`` or ``REDIS_URL`` name others.
    """
    arguments, home = take_home(argv)
    with interruptible(), Embedded(Home(resolve(home).path / "test"), durable=False) as embedded:
        environ = embedded.environ() | {"CROSSDOCK_HTTP": "1"}
        if path := _browser(arguments):
            environ[browser.VARIABLE] = path
        command = [sys.executable, "-m", "pytest", *_parallel(arguments), *arguments]
        child = subprocess.Popen(command, cwd=ROOT, env=environ, preexec_fn=die_with_parent())
        try:
            return child.wait()
        except KeyboardInterrupt:
            # Ctrl-C reached pytest too: let it tell what it knows.
            return child.wait(timeout=30)


def _parallel(arguments: list[str]) -> tuple[str, ...]:
    """The default for xdist, where the arguments neither choose nor exclude it."""
    alone = ("-n", "--numprocesses", "--pdb", "--trace", "--collect-only", "--co", "-p")
    return () if any(argument.startswith(alone) for argument in arguments) else IN_PARALLEL


def _browser(arguments: list[str]) -> str:
    """A browser, made ready before the tests' processes ask for it all at once."""
    if "not slow" in arguments:
        return browser.installed()
    try:
        return browser.find_browser()
    except Complaint:
        return ""  # the tests that need one fail with this mend; the others still run
