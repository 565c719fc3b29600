"""However one asks it to stop, it cleans up, once and to the end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest

WAITS = """
import sys, time
from hub.runtime.signals import interruptible, wait_to_be_stopped
with interruptible():
    try:
        sys.stdout.write("up\\n")
        wait_to_be_stopped()
    except KeyboardInterrupt:  # it came before the wait began
        pass
    sys.stdout.write("stopping\\n")
    time.sleep(0.3)
    sys.stdout.write("clean\\n")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_way_of_asking_stops_it_in_good_order(
    number: signal.Signals, script: Callable[..., subprocess.Popen[str]]
) -> None:
    running = script(WAITS)
    assert running.stdout
    assert running.stdout.readline() == "up\n"
    running.send_signal(number)
    assert running.stdout.readline() == "stopping\n"
    running.send_signal(number)  # the impatient second Ctrl-C
    assert running.communicate(timeout=10)[0] == "clean\n"
    assert running.returncode == 0


def test_under_nohup_the_terminal_s_end_does_not_count(
    script: Callable[..., subprocess.Popen[str]],
) -> None:
    running = script(WAITS, prefix=("nohup",), stdin=subprocess.DEVNULL)
    assert running.stdout
    assert running.stdout.readline() == "up\n"
    running.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.3)
    running.send_signal(signal.SIGTERM)
    assert running.stdout.readline() == "stopping\n"
