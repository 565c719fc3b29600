"""Makes the environment this project needs, with nothing but Python's standard library.

``ensure()`` returns when the running interpreter has what ``requirements.lock`` pins; else it makes
``.venv`` beside ``manage.py`` (or at ``CROSSDOCK_VENV``), installs the lock with its hashes and
replaces this process by the same command in there.

Parsed by any Python from 3.6 on, so that an old one gets a sentence and no traceback: hence no
``from __future__ import annotations`` and no newer syntax.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hub.runtime.complaint import Complaint, explained

OLDEST = (3, 11)
STAMP = "crossdock.stamp"
"""In the environment: hash of the lock it was installed from. Written last, so it means whole."""
HALF = "crossdock.installing"
"""In the environment: an install began. Found without its stamp, the environment is made anew."""


def check_python(version: tuple) -> None:
    """Raises Complaint when ``version`` (as ``sys.version_info``) is older than OLDEST."""
    if tuple(version[:2]) < OLDEST:
        raise Complaint(
            f"This is Python {version[0]}.{version[1]}, and Crossdock needs 3.11 or newer.",
            "Run it with a newer one, for example: python3.11 manage.py demo",
        )


def ensure(root: str) -> None:
    """Returns with the lock's packages importable, or replaces this process by one that has them.

    Raises Complaint: Python too old, no venv module, no wheel for this platform, disk full, place
    not writable, package index out of reach.
    """
    check_python(sys.version_info)
    lock = Path(root) / "requirements.lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    venv = Path(os.environ.get("CROSSDOCK_VENV") or Path(root) / ".venv").absolute()
    if _stamped(Path(sys.prefix), wanted) or (not (venv / HALF).exists() and _has_pins(lock)):
        return
    if not _stamped(venv, wanted):
        with explained(venv):
            _make(venv, lock, wanted)
    python = str(_python(venv))
    os.execv(python, [python, *sys.argv])  # noqa: S606 (the same command, in the environment)


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _stamped(venv: Path, wanted: str) -> bool:
    try:
        return (venv / STAMP).read_text().strip() == wanted and os.access(_python(venv), os.X_OK)
    except OSError:
        return False


def _has_pins(lock: Path) -> bool:
    """Whether this interpreter, some environment of the user's own, has every pinned version."""
    from importlib import metadata  # noqa: PLC0415 (not in the old Pythons that parse this file)

    pins = re.findall(r"^([\w.-]+)==([\w.+-]+) \\$", lock.read_text(), re.MULTILINE)
    try:
        return all(metadata.version(name) == version for name, version in pins)
    except metadata.PackageNotFoundError:
        return False


def _make(venv: Path, lock: Path, wanted: str) -> None:
    import fcntl  # noqa: PLC0415 (not on Windows, where the sentence below is due)

    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_name(venv.name + ".lock").open("w") as guard:
        # Two first starts at once: the second waits here and finds the first one's work.
        fcntl.flock(guard, fcntl.LOCK_EX)
        if _stamped(venv, wanted):
            return
        if (venv / HALF).exists() or not os.access(_python(venv), os.X_OK):
            _clear(venv)
            _say(f"Making the environment {venv} (once).")
            _create(venv)
        _say("Installing the pinned packages (once; about a minute).")
        _write(venv / HALF, "")
        _install(venv, lock)
        _write(venv / STAMP, wanted)
        (venv / HALF).unlink()


def _clear(venv: Path) -> None:
    if not venv.exists():
        return
    if any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise Complaint(
            f"{venv} is in the way: it is no Python environment.",
            "Move it away, or name another place with CROSSDOCK_VENV.",
        )
    shutil.rmtree(venv)


def _create(venv: Path) -> None:
    base = getattr(sys, "_base_executable", None) or sys.executable
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", base, str(venv)], venv)
        return
    try:
        import ensurepip  # noqa: F401, PLC0415 (Debian ships Python without it)
        import venv as _  # noqa: F401, PLC0415
    except ImportError:
        raise Complaint(
            "This Python cannot make environments: its venv and ensurepip modules are missing.",
            "Install them (Debian, Ubuntu: apt install python3-venv) and start again.",
        ) from None
    _run([base, "-m", "venv", str(venv)], venv)


def _install(venv: Path, lock: Path) -> None:
    only = ["--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
    uv = shutil.which("uv")
    if uv:
        _run([uv, "pip", "install", "--quiet", "--python", str(_python(venv)), *only], venv)
    else:
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        _run([str(_python(venv)), "-m", "pip", "install", *quiet, *only], venv)


def _run(command: list, venv: Path) -> None:
    """Runs an installer. Raises Complaint with the reason and the mend found in its words."""
    # uv would otherwise fetch a Python of its own from elsewhere when it does not like this one.
    environ = dict(os.environ, UV_PYTHON_DOWNLOADS="never")
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, check=False
    )
    if done.returncode:
        raise why(done.stdout.decode("utf-8", "replace"), venv)


def why(words: str, venv: Path) -> Complaint:
    """The Complaint for what pip or uv said when it failed."""
    if re.search(r"No space left on device|os error 28|Disk quota exceeded", words):
        return Complaint(
            f"The disk ran full while installing into {venv}.",
            "Free about 400 MB there, or name another place with CROSSDOCK_VENV.",
        )
    if re.search(r"Permission denied|Read-only file system", words):
        return Complaint(
            f"Cannot write to {venv}.",
            "Make it writable for this user, or name another place with CROSSDOCK_VENV.",
        )
    if "ensurepip" in words:
        return Complaint(
            "This Python cannot make environments: ensurepip is missing.",
            "Install it (Debian, Ubuntu: apt install python3-venv) and start again.",
        )
    if re.search(r"HASHES|[Hh]ash mismatch", words):
        return Complaint(
            "The package index sent a file that is not the pinned one.",
            "Do not go on with it: find out which index this machine asks, then start again.",
        )
    unreachable = r"Failed to establish|Connection|timed out|error sending request|name resolution"
    if re.search(unreachable, words):
        return Complaint(
            "The package index cannot be reached.",
            "Check the network (or the index that pip is configured for) and start again.",
        )
    wheel = re.search(r"No matching distribution found for (\S+)", words)
    wheel = wheel or re.search(r"(\S+) has no (?:usable wheels|wheels with a matching)", words)
    if wheel:
        return _no_wheel(wheel.group(1))
    said = [line.strip() for line in words.splitlines() if line.strip()] or ["(nothing was said)"]
    return Complaint(
        f"Installing the pinned packages failed: {said[-1]}",
        "Mend that and start again; what was half done is done anew.",
    )


def _no_wheel(package: str) -> Complaint:
    machine, python = os.uname(), sys.version_info
    return Complaint(
        f"There is no ready-made package of {package} for this machine "
        f"({machine.sysname} {machine.machine}, Python {python[0]}.{python[1]}).",
        "Use Linux with glibc or macOS on x86-64 or ARM64, and Python 3.11 to 3.13.",
    )


def _write(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
