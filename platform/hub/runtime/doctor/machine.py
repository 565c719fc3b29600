"""This machine, the home folder, the keys, the variables: all that needs no database."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from hub.runtime.bootstrap import STAMP
from hub.runtime.doctor.findings import Finding, note, ok, wrong
from hub.runtime.home import FOLDERS, KEY_BYTES, KEY_VARIABLES, ROOT, Home

GIGABYTE = 2**30
#: PostgreSQL stops at a full disk; an archive or a base backup needs room, too.
TIGHT_BYTES, TIGHT_SHARE = 1 * GIGABYTE, 0.05


def python() -> Iterator[Finding]:
    """The interpreter, and whether its packages are those of the lock."""
    version = platform.python_version()
    lock = hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
    stamp = Path(sys.prefix) / STAMP
    if stamp.exists() and stamp.read_text().strip() == lock:
        yield ok("python", f"Python {version} with the pinned packages.")
    else:
        yield note(
            "python",
            f"Python {version} in an environment that wasn't made from this version's lock.",
            "Start it as `python3 manage.py`, which makes one, unless yours is meant.",
        )


def home(place: Home) -> Iterator[Finding]:
    """The folder of all local state: there, ours, with room."""
    path = place.path
    if not path.exists():
        yield note("home", f"{path} isn't there yet.", "`manage.py up` makes it.")
        path = next(parent for parent in path.parents if parent.exists())
    folders = [path, *(f for name in FOLDERS if (f := place.path / name).exists())]
    # PostgreSQL's data may belong to the account it runs as.
    closed = [f for f in folders if f != place.postgres and not os.access(f, os.W_OK | os.X_OK)]
    for folder in closed:
        yield wrong("home", f"{folder} can't be written.", "Give it to this user, or use --home.")
    usage = shutil.disk_usage(path)
    free = f"{usage.free / GIGABYTE:.1f} GB free on its disk"
    if usage.free < TIGHT_BYTES or usage.free < TIGHT_SHARE * usage.total:
        yield wrong("disk", f"Only {free}.", "Free some space before PostgreSQL has to stop.")
    elif not closed:
        yield ok("home", f"{place.path}, {free}.")


def keys(place: Home, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The secret key and the vault's: there, readable by nobody else, of the right form."""
    for name, variable in KEY_VARIABLES.items():
        if environ.get(variable):
            usable = name == "secret_key" or _is_key(environ[variable])
            told = f"{variable} is set" + ("." if usable else ", and is no key.")
            mend = f"Put {KEY_BYTES} random bytes in base64 there."
            yield ok("keys", told) if usable else wrong("keys", told, mend)
            continue
        yield from _key_file(place.keys / name)
    for path in sorted(place.keys.glob("*")) if place.keys.exists() else []:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield wrong("keys", f"{path} can be read by others.", f"Do: chmod 600 {path}")


def _key_file(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield note("keys", f"{path} isn't there yet.", "It is made at the first start.")
        return
    lines = path.read_text().split()
    if not lines or not all(_is_key(line) for line in lines):
        yield wrong("keys", f"{path} does not hold a key.", "Restore it from your backup.")
    elif len(lines) > 1:
        yield note(
            "keys",
            f"{path} holds {len(lines)} keys: a rotation is under way.",
            "If no rotate_keys runs, run it once more: it goes on from there.",
        )
    else:
        yield ok("keys", f"{path.name} is there.")


def variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What the operator should have said about the outside."""
    wanted = {
        "CROSSDOCK_INGRESS_URL": (
            "no source can be told where to push",
            "Set it to the front door's public address.",
        ),
        "CROSSDOCK_PUBLIC_HOSTS": (
            "only localhost shows the landing page and the probes",
            "Set it to the bare host, if people or a monitor come from elsewhere.",
        ),
        "CROSSDOCK_SMTP_URL": ("mails are only written to the log", "Set it to your mail server."),
    }
    for name, (meaning, mend) in wanted.items():
        if not environ.get(name):
            yield note("variables", f"{name} is not set: {meaning}.", mend)
    if environ.get("CROSSDOCK_HTTP"):
        yield note(
            "variables",
            "CROSSDOCK_HTTP is set: plain http, on this machine only.",
            "Unset it for real use, behind a TLS proxy.",
        )
    if all(environ.get(name) for name in wanted):
        yield ok("variables", "Public addresses and mail are set.")


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.strip(), validate=True)) == KEY_BYTES
    except ValueError:
        return False
