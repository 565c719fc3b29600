"""The one-line error of everything that starts or prepares this installation.

Parsed by any Python from 3.6 on (the bootstrap imports it to say that Python is too old), so it
keeps to old syntax.
"""

import contextlib
import errno
from pathlib import Path


class Complaint(Exception):
    """Something outside our code stands in the way.

    ``what`` says what happened, ``mend`` whose move it is and the move. Shown as one line, exit 2.
    """

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return " ".join(f"{self.what} {self.mend}".split())


def disk_full(path: Path) -> Complaint:
    """The complaint for ENOSPC while something under ``path`` was being written."""
    return Complaint(
        f"The disk that holds {path} is full.",
        "Free some space on it, or keep the state on another disk with --home DIR.",
    )


def not_writable(path: Path) -> Complaint:
    """The complaint for a place that this user may not write to."""
    return Complaint(
        f"Cannot write to {path}.",
        "Make it writable for this user, or name another folder with --home DIR.",
    )


@contextlib.contextmanager
def explained(path: Path):  # type: ignore[no-untyped-def]  # (Python 3.6 reads this)
    """Turns the machine's refusals (full disk, no permission) under ``path`` into a Complaint."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(path) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise not_writable(Path(error.filename or path)) from error
        raise
