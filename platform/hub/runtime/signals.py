"""Being asked to stop, in whichever way: one exception for all of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it SIGTERM and a closed terminal raise KeyboardInterrupt, as Ctrl-C does.

    Only the first one does: a second, impatient one must not break off the cleaning up.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        for each in ASKED_TO_STOP:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    # Under nohup the terminal's end is not to count.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = [number for number in ASKED_TO_STOP if not (ignored and number is signal.SIGHUP)]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_to_be_stopped() -> None:
    """Returns when the person (or the machine) asks this process to stop."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
