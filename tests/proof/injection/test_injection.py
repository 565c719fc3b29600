"""What the chaos harness orders for a process happens in it, and only in it."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

from hub.proof.chaos.injection import environment, failpoints, guards
from hub.proof.chaos.injection.guards import GUARDS, Edit, GuardGone

ROOT = Path(__file__).resolve().parents[3]

#: The guards that a run must not survive without, by the engine's rules.
PROMISED = {
    "unique-record-key", "fence", "lease-is-unknown", "one-transaction-settle",
    "look-up-before-resend", "frozen-bytes", "ack-after-commit", "settle-compares-wanted",
    "root-lock", "need-lock", "derived-record-lock", "bell-deleted-before-reading",
    "attempts-before-the-call",
}  # fmt: skip


def child(code: str, injected: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT)))}
    return subprocess.run(
        [sys.executable, "-c", code], env=environ | injected, cwd=ROOT, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip


def source_of(module: str) -> str:
    return Path(importlib.import_module(module).__file__ or "").read_text(encoding="utf-8")


# ------------------------------------------------------------------ failpoints


def test_there_are_enough_points_and_no_two_of_one_name() -> None:
    assert len(failpoints.NAMES) == len(set(failpoints.NAMES)) >= 50
    steps = {name.split(".")[0] for name in failpoints.NAMES}
    assert {"door", "normalise", "needs", "claim", "freeze", "call", "step", "settle", "bell",
            "poll", "reread"} <= steps  # fmt: skip


@pytest.mark.parametrize("point", failpoints.POINTS, ids=lambda p: str(p.name))
def test_every_point_stands_at_something(point: failpoints.Point) -> None:
    owner, name = point.place(importlib.import_module(point.module))
    assert hasattr(getattr(owner, name), "atomic") or callable(getattr(owner, name))
    assert name in vars(owner), "it would be put in at the wrong class"


RING = "from hub.sync import doorbell; doorbell.clear('p_x', 'inbox', 'shop'); print('alive')"


def test_an_armed_point_kills_as_often_as_armed_and_says_so_first(tmp_path: Path) -> None:
    injected = environment(tmp_path, failpoints=True) | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    failpoints.arm(tmp_path, "bell.taken", times=2)
    found = [child(RING, injected).returncode for _ in range(3)]
    assert found == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert failpoints.kills(tmp_path) == {"bell.taken": 2}
    assert failpoints.armed(tmp_path) == {}
    struck = failpoints.struck(tmp_path)
    assert [s["act"] for s in struck] == ["kill", "kill"]
    assert struck[0]["pid"] != struck[1]["pid"]


def test_what_is_not_armed_or_disarmed_strikes_nobody(tmp_path: Path) -> None:
    injected = environment(tmp_path, failpoints=True) | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    failpoints.arm(tmp_path, "settle.bound")
    failpoints.arm(tmp_path, "bell.taken")
    assert failpoints.armed(tmp_path) == {"settle.bound": 1, "bell.taken": 1}
    failpoints.disarm(tmp_path)
    assert "alive" in child(RING, injected).stdout
    assert failpoints.kills(tmp_path) == {}


def test_a_point_can_make_a_worker_stand_until_somebody_wakes_it(tmp_path: Path) -> None:
    environ = os.environ | environment(tmp_path, failpoints=True)
    environ["REDIS_URL"] = "redis://127.0.0.1:1/0"
    failpoints.arm(tmp_path, "bell.taken", act="stop")
    process = subprocess.Popen([sys.executable, "-c", RING], env=environ, cwd=ROOT,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    pid, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert failpoints.struck(tmp_path)[0]["pid"] == pid
    os.kill(pid, signal.SIGCONT)
    assert "alive" in process.communicate(timeout=60)[0]


def test_a_name_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no failpoint"):
        failpoints.arm(tmp_path, "settle.never")


def test_without_the_variables_the_product_runs_as_it_lies(tmp_path: Path) -> None:
    told = child(
        "import sys, hub.config.worker; from hub.sync import settle;"
        " print(type(settle.transaction).__name__, 'sitecustomize' in sys.modules,"
        " any('injection' in m for m in sys.modules))", {}
    )  # fmt: skip
    assert told.stdout.split() == ["module", "False", "False"], told.stderr
    outside = [
        path for folder in ("platform", "connectors", "tenants", "billing")
        for path in (ROOT / folder).rglob("*.py")
        if "chaos.injection" in path.read_text() and "chaos" not in path.parts
    ]  # fmt: skip
    assert outside == [], "the product knows nothing of it"


# ------------------------------------------------------------------ guards


def test_every_guard_the_engine_stands_on_has_a_control() -> None:
    assert set(GUARDS) == PROMISED
    assert all(g.harm and g.rule.endswith(".") and (g.edits or g.drops) for g in GUARDS.values())


@pytest.mark.parametrize("guard", GUARDS.values(), ids=lambda g: str(g.name))
def test_every_control_still_finds_what_it_takes_out(guard: guards.Guard) -> None:
    for module, edits in guards.edits_of([guard.name]).items():
        before = source_of(module)
        after = guards.edited(before, edits)
        assert after != before
        compile(after, module, "exec")
    if guard.drops:
        table, name, columns = guard.drops
        model = next(m for m in apps.get_models() if m._meta.db_table == table)
        assert name in {c.name for c in model._meta.constraints}
        assert set(columns.split(", ")) <= {f.column for f in model._meta.fields}


def test_all_of_them_can_be_taken_out_together() -> None:
    for module, edits in guards.edits_of(GUARDS).items():
        compile(guards.edited(source_of(module), edits), module, "exec")


def test_a_control_whose_words_have_gone_says_so_instead_of_controlling_nothing() -> None:
    edit = Edit("hub.sync.settle", "words that nobody wrote", "")
    with pytest.raises(GuardGone, match=r"hub\.sync\.settle has 0 times"):
        edit.applied(source_of("hub.sync.settle"))
    with pytest.raises(GuardGone, match="times, not once"):
        Edit("hub.sync.settle", "sync_delivery", "").applied(source_of("hub.sync.settle"))


def test_a_guard_is_out_in_the_child_and_nowhere_else(tmp_path: Path) -> None:
    ask = "from hub.sync import claim; print('due.lost, w' in claim.CLAIM)"
    assert child(ask, {}).stdout.strip() == "True"
    assert child(ask, environment(tmp_path, guards_off=["lease-is-unknown"])).stdout.strip() == (
        "False"
    )
    assert child(ask, {}).stdout.strip() == "True", "nothing was left in a cache"


def test_a_guard_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        environment(tmp_path, guards_off=["caution"])


def test_orders_that_cannot_be_carried_out_end_the_process(tmp_path: Path) -> None:
    injected = environment(tmp_path, guards_off=["fence"])
    hook = next((tmp_path / "injection").glob("hook-*/sitecustomize.py"))
    hook.write_text(hook.read_text().replace("'fence'", "'fence-that-was'"))
    told = child("print('alive')", injected)
    assert (told.returncode, told.stdout) == (70, "")
    assert "injection failed" in told.stderr


# ------------------------------------------------------------------ the clock

CLOCK = """
import time, datetime, pickle, msgspec
from datetime import UTC, datetime as when
true = time.clock_gettime(time.CLOCK_REALTIME)
ahead = [time.time() - true, time.time_ns() / 1e9 - true, when.now(UTC).timestamp() - true,
         datetime.datetime.now().timestamp() - true, when.utcnow().replace(tzinfo=UTC).timestamp()
         - true]
now = when.now(UTC)
assert isinstance(now, when) and isinstance(when(2026, 1, 2), datetime.datetime)
assert pickle.loads(pickle.dumps(now)) == now
assert msgspec.json.decode(msgspec.json.encode(now)) == now.isoformat().replace("+00:00", "Z")
assert when.fromisoformat("2026-01-02T03:04:05+00:00") == when(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
from psycopg.adapt import PyFormat, Transformer
assert Transformer().get_dumper(now, PyFormat.AUTO).dump(now)
print(*[round(a / 60) for a in ahead])
"""


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_process_can_live_at_another_time(tmp_path: Path, minutes: int) -> None:
    told = child(CLOCK, environment(tmp_path, clock_skew=minutes * 60))
    assert told.stdout.split() == [str(minutes)] * 5, told.stderr
