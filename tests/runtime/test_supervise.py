"""What is started stays up, what is stopped stays down, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.runtime import leftovers
from hub.runtime.complaint import Complaint
from hub.runtime.home import Home
from hub.runtime.process import Process
from hub.runtime.supervise import LOG_BYTES, Supervisor, back_off
from tests.runtime.conftest import alive, eventually

SLEEP = "import time; time.sleep(60)"

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
sys.stdout.write(f"{child.pid}\\n"); sys.stdout.flush()
time.sleep(60)
"""

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write("deaf\\n"); sys.stdout.flush()
time.sleep(60)
"""

SUPERVISING = """
import json, sys, time
from pathlib import Path
from hub.runtime.home import Home
from hub.runtime.process import Process
from hub.runtime.supervise import Supervisor
supervisor = Supervisor(Home(Path(sys.argv[1])))
for number, source in enumerate(sys.argv[2:]):
    supervisor.start(Process(name=f"p{number}", argv=(sys.executable, "-c", source)))
supervisor.wait_ready(*(f"p{number}" for number in range(len(sys.argv) - 2)))
sys.stdout.write(json.dumps(supervisor.pids()) + "\\n")
time.sleep(60)
"""


def python(name: str, source: str, **more: object) -> Process:
    return Process(name=name, argv=(sys.executable, "-c", source), **more)  # type: ignore[arg-type]


def log(home: Home, name: str) -> str:
    path = home.logs / f"{name}.log"
    return path.read_text() if path.exists() else ""


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    with Supervisor(home) as supervisor:
        yield supervisor


def test_a_killed_process_is_back_by_itself(supervisor: Supervisor) -> None:
    supervisor.start(python("one", SLEEP))
    supervisor.wait_ready("one")
    first = supervisor.pids()["one"]
    supervisor.kill("one")
    assert eventually(lambda: supervisor.pids().get("one", first) != first)
    assert not alive(first)


def test_a_process_is_told_which_life_was_before_its_own(
    home: Home, supervisor: Supervisor
) -> None:
    said = "import os, time; e = os.environ; print(e['CROSSDOCK_LIFE'],"
    said += " e['CROSSDOCK_LIFE_BEFORE'] or 'none', flush=True); time.sleep(600)"
    supervisor.start(python("one", said))
    assert eventually(lambda: len(log(home, "one").split()) == 2)
    first, nobody = log(home, "one").split()
    assert nobody == "none"
    supervisor.kill("one")
    assert eventually(lambda: len(log(home, "one").split()) == 4)
    second, before = log(home, "one").split()[2:]
    assert before == first != second


def test_a_process_outlives_the_thread_that_asked_for_it(supervisor: Supervisor) -> None:
    """Linux would end it with that thread, had that thread been its parent."""

    def ask() -> None:
        supervisor.start(python("one", SLEEP))
        supervisor.wait_ready("one")

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    first = supervisor.pids()["one"]
    time.sleep(0.3)
    assert supervisor.pids() == {"one": first} and supervisor.crashes("one") == 0


def test_a_killed_process_takes_its_children_along(home: Home, supervisor: Supervisor) -> None:
    supervisor.start(python("family", FAMILY))
    assert eventually(lambda: log(home, "family"))
    child = int(log(home, "family").split()[0])
    # The parent alone dies, as when the kernel runs out of memory.
    os.kill(supervisor.pids()["family"], signal.SIGKILL)
    assert eventually(lambda: not alive(child))


def test_the_waits_between_restarts_grow_and_end() -> None:
    waits = [back_off(crashes) for crashes in range(1, 10)]
    assert waits[:4] == [0.1, 0.2, 0.4, 0.8]
    assert waits[-1] == 10.0


def test_what_cannot_start_is_said_with_its_last_words(supervisor: Supervisor) -> None:
    source = "raise SystemExit('the cable is out')"
    supervisor.start(python("broken", source, ready=lambda pid: False))
    with pytest.raises(Complaint, match=r"broken does not start.*the cable is out.*broken\.log"):
        supervisor.wait_ready("broken")


def test_who_crashed_must_stay_up_a_while_to_count_as_ready(supervisor: Supervisor) -> None:
    supervisor.start(python("broken", "raise SystemExit('the cable is out')"))
    assert eventually(lambda: supervisor.crashes("broken"))
    with pytest.raises(Complaint, match="the cable is out"):
        supervisor.wait_ready("broken")


def test_a_program_that_is_not_there_is_no_silence(supervisor: Supervisor) -> None:
    supervisor.start(Process(name="absent", argv=("/no/such/program",)))
    with pytest.raises(FileNotFoundError):
        supervisor.wait_ready("absent")


def test_ready_is_waited_for(tmp_path: Path, supervisor: Supervisor) -> None:
    sign = tmp_path / "sign"
    late = f"import time, pathlib; time.sleep(.3); pathlib.Path({str(sign)!r}).touch(); {SLEEP}"
    supervisor.start(python("late", late, ready=lambda pid: sign.exists()))
    supervisor.wait_ready("late")
    assert sign.exists()


def test_a_process_that_will_not_listen_is_ended_after_its_grace(
    home: Home, supervisor: Supervisor
) -> None:
    supervisor.start(python("stubborn", STUBBORN, grace=0.3))
    assert eventually(lambda: log(home, "stubborn"))
    pid = supervisor.pids()["stubborn"]
    began = time.monotonic()
    supervisor.stop(["stubborn"])
    assert 0.3 <= time.monotonic() - began < 2
    assert not alive(pid)


def test_what_is_stopped_stays_down_until_it_is_restarted(supervisor: Supervisor) -> None:
    supervisor.start(python("one", SLEEP))
    supervisor.wait_ready("one")
    supervisor.stop(["one"])
    time.sleep(0.3)
    assert supervisor.pids() == {}
    supervisor.restart("one")
    assert "one" in supervisor.pids()


def test_a_long_log_is_set_aside_at_the_next_start(home: Home, supervisor: Supervisor) -> None:
    (home.logs / "one.log").write_bytes(b"x" * (LOG_BYTES + 1))
    supervisor.start(python("one", SLEEP))
    supervisor.wait_ready("one")
    assert (home.logs / "one.log").stat().st_size == 0
    assert (home.logs / "one.log.1").stat().st_size == LOG_BYTES + 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its parent-death signal")
def test_nobody_outlives_a_killed_supervisor(
    home: Home, script: Callable[..., subprocess.Popen[str]]
) -> None:
    running = script(SUPERVISING, str(home.path), SLEEP, SLEEP)
    assert running.stdout
    pids = json.loads(running.stdout.readline()).values()
    running.kill()
    assert eventually(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the marks of processes in /proc")
def test_the_next_start_ends_what_a_dead_run_left(
    home: Home, script: Callable[..., subprocess.Popen[str]]
) -> None:
    """A deaf child and a grandchild whose parent died with the supervisor."""
    running = script(SUPERVISING, str(home.path), STUBBORN, FAMILY)
    assert running.stdout
    pids = json.loads(running.stdout.readline())
    assert eventually(lambda: log(home, "p0") and log(home, "p1"))
    grandchild = int(log(home, "p1").split()[0])
    for pid in (running.pid, pids["p1"]):
        os.kill(pid, signal.SIGKILL)
    running.wait()
    assert alive(pids["p0"]) and alive(grandchild)

    Supervisor(home).close()
    assert not alive(pids["p0"]) and not alive(grandchild)


def test_a_pid_that_now_belongs_to_somebody_else_is_left_alone(home: Home) -> None:
    innocent = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        noted = {"run": "0" * 16, "processes": {"web": [innocent.pid, "another start time"]}}
        (home.run / "processes.json").write_text(json.dumps(noted))
        Supervisor(home).close()
        assert alive(innocent.pid)
        assert leftovers.identity(innocent.pid)
    finally:
        innocent.kill()
        innocent.wait()
