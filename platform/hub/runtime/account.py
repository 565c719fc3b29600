"""The account an embedded server runs as, and what that account can reach.

PostgreSQL refuses to run as root. Started by root, it runs as ``nobody``, who often can't enter
the folders above ours (a home inside root's own, say). Their modes are not ours to change, so the
server is given its data as its working folder, and binaries it can't reach are copied.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hub.runtime.complaint import Complaint

UNPRIVILEGED = "nobody"

COPY_PLACES = (Path("/var/lib"), Path("/var/tmp"), Path("/tmp"))  # noqa: S108 (see _only_ours)
"""Where everybody may read; first the place that nobody cleans up."""

SOCKET_PATH = 60
"""Longest folder for sockets, in bytes: ``sun_path`` holds 104 (macOS) with the file's name."""


@dataclass(frozen=True)
class Account:
    """Who a child process runs as; ``None`` stands for whoever runs us."""

    user: int | None = None
    group: int | None = None

    def own(self, path: Path) -> Path:
        """Hands ``path``, a file or folder of ours, to this account."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)
        return path

    def inside(self, folder: Path) -> str:
        """How a process of this account whose working folder is ``folder`` should name it.

        On Linux the kernel resolves ``/proc/self/cwd`` without walking the folders above.
        """
        if self.user is not None and sys.platform == "linux":
            return "/proc/self/cwd"
        return str(folder)

    def run(
        self,
        argv: list[str],
        *,
        cwd: str | Path = "/",
        text: str = "",
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Runs a short command as this account; its words are in ``stdout``."""
        return subprocess.run(
            argv,
            cwd=cwd,
            input=text,
            pass_fds=pass_fds,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            env=PLAIN,
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
        )

    def can_run(self, program: Path) -> bool:
        """Whether ``program --version`` works for this account."""
        try:
            return self.run([str(program), "--version"]).returncode == 0
        except OSError:
            return False

    def can_enter(self, folder: Path) -> bool:
        """Whether this account can go into ``folder``."""
        return self.run(["/bin/sh", "-c", 'cd "$0"', str(folder)]).returncode == 0


PLAIN = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LANG": "C", "TZ": "UTC"}
"""All the environment a server needs: nothing of the user's reaches it."""


def unprivileged() -> Account:
    """The account for a server that refuses root. Raises Complaint when there is none."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise Complaint(
            f"PostgreSQL does not run as root, and there is no account {UNPRIVILEGED!r} to use.",
            "Start Crossdock as an ordinary user, or set DATABASE_URL to a running server.",
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True)
class Program:
    """A server's binaries: the folder of its programs, and all that must go along in a copy.

    ``parts`` are folders below ``base``: the programs find their libraries by relative paths.
    """

    programs: Path
    base: Path
    parts: tuple[str, ...] = ()


def reachable(
    program: Program,
    names: tuple[str, ...],
    account: Account,
    places: tuple[Path, ...] = COPY_PLACES,
) -> Path:
    """The folder of ``program``'s programs, or of their copy, where ``account`` can run them.

    The copy goes to the first of ``places`` that will do, and is used again by later starts.
    """
    if _can_run_all(program.programs, names, account):
        return program.programs
    inside = program.programs.relative_to(program.base)
    facts = (program.programs / names[0]).stat()
    mark = f"crossdock-{names[0]}-{facts.st_mtime_ns:x}-{facts.st_size:x}"
    for place in places:
        copy = place / mark
        usable = os.access(place, os.W_OK) and _trusted_copy(program, copy)
        if usable and _can_run_all(copy / inside, names, account):
            return copy / inside
    raise Complaint(
        f"The account {UNPRIVILEGED!r} cannot run the programs in {program.programs}, nor a copy.",
        "Start Crossdock as an ordinary user, or set DATABASE_URL to a running server.",
    )


def _can_run_all(folder: Path, names: tuple[str, ...], account: Account) -> bool:
    return all(account.can_run(folder / name) for name in names)


def _trusted_copy(program: Program, copy: Path) -> bool:
    """Whether ``copy`` is, or could be made, a copy that only we can write to."""
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        try:
            for part in program.parts:
                shutil.copytree(program.base / part, draft / part, symlinks=True)
            draft.chmod(0o755)
            draft.rename(copy)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
    return copy.exists() and _only_ours(copy)


def _only_ours(folder: Path) -> bool:
    facts = folder.lstat()
    return facts.st_uid == os.geteuid() and not facts.st_mode & 0o022 and not folder.is_symlink()


def socket_folder(account: Account) -> Path:
    """A new folder for sockets, short enough for their 107 bytes, private to ``account``."""
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 (mkdtemp is private)
        if len(os.fsencode(place)) > SOCKET_PATH or not os.access(place, os.W_OK):
            continue
        if account.can_enter(Path(place)):
            return account.own(Path(tempfile.mkdtemp(prefix="crossdock-", dir=place)))
    raise Complaint(
        "There is no folder with a short name for sockets.",
        "Set TMPDIR to a writable folder with a name of at most 60 characters.",
    )
