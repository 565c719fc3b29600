"""Strikes at processes of ours: killed, stopped past their lease, replaced, with a wrong clock."""

from __future__ import annotations

import signal
import time

import psycopg

from hub.proof.chaos import injection
from hub.proof.chaos.field import Field
from hub.proof.chaos.world import OURS, TENANTS
from hub.sync.claim import LEASE_SECONDS

LEASED = "SELECT count(*) FROM {schema}.sync_work WHERE lease_until IS NOT NULL"
FENCES = "SELECT count(*) FROM {schema}.sync_work WHERE lease_until < now()"
#: Minutes the wrong clock is off, either way.
SKEW = 600.0
#: Seconds a process works with a wrong clock.
ASTRAY = 8.0


def kill_worker(field: Field) -> None:
    """Row 1: kill -9, mostly with work in its hands."""
    name = field.worker()
    leased = _leased(field)
    with field.ledger.fault(1, f"kill -9 {name}") as fault:
        before = field.pid(name)
        field.world.installation.kill(name)
        fault.over = time.time()
        if field.back(name, before):
            fault.evidence = {"pid": before, "next": field.pid(name), "leased": leased}


def kill_workers(field: Field) -> None:
    """Row 1: all at once, as when a machine goes."""
    names = [w for w in ("worker-1", "worker-2", "scheduler") if w not in field.asleep]
    leased = _leased(field)
    with field.ledger.fault(1, "kill -9 all workers") as fault:
        before = {name: field.pid(name) for name in names}
        for name in names:
            field.world.installation.kill(name)
        fault.over = time.time()
        if all(field.back(name, pid) for name, pid in before.items()):
            fault.evidence = {"pids": before, "leased": leased}


def kill_ingress(field: Field) -> None:
    """Row 2: kill -9 of the front door while it is pushed to."""
    failed = _broken_pushes(field)
    with field.ledger.fault(2, "kill -9 ingress", outage=True) as fault:
        before = field.pid("ingress")
        field.world.installation.kill("ingress")
        if not field.back("ingress", before):
            return
        field.world.installation.wait_ready("ingress")
        fault.evidence = {"pid": before, "pushes_broken": _broken_pushes(field) - failed}


def sleep_past_lease(field: Field) -> None:
    """Row 20: SIGSTOP for longer than a lease, then on as if nothing had been."""
    name = field.worker()
    field.asleep.add(name)
    try:
        leased = _leased(field)
        with field.ledger.fault(20, f"SIGSTOP {name}") as fault:
            field.world.installation.kill(name, signal.SIGSTOP)
            began = time.monotonic()
            while time.monotonic() - began < LEASE_SECONDS + 6 and not field.over.is_set():
                field.pause(1.0)
            expired = sum(_count(field, t, FENCES) for t in TENANTS)
            field.world.installation.kill(name, signal.SIGCONT)
            slept = time.monotonic() - began
            if slept > LEASE_SECONDS:
                fault.evidence = {"slept_s": round(slept), "leased": leased, "expired": expired}
    finally:
        field.world.installation.kill(name, signal.SIGCONT)
        field.asleep.discard(name)


def deploy(field: Field) -> None:
    """Row 15: each process is asked to stop, and its successor started, while traffic flows."""
    with field.ledger.fault(15, "rolling restart") as fault:
        pids = {}
        for name in OURS:
            if name not in field.asleep and not field.over.is_set():
                pids[name] = field.pid(name)
                field.world.installation.restart(name)
        if pids:
            fault.evidence = {"replaced": len(pids), "pids": pids}


def wrong_clock(field: Field) -> None:
    """Row 9: one process believes it is ten minutes later, or earlier."""
    name = field.luck.choice((field.worker(), "scheduler", "ingress"))
    skew = field.luck.choice((SKEW, -SKEW))
    usual = field.world.ours()[name]
    levers = injection.environment(
        field.world.home.path, clock_skew=skew, failpoints=True, guards_off=field.world.guards_off
    )
    supervisor = field.world.installation.supervisor
    with field.ledger.fault(9, f"clock {skew / 60:+.0f} min of {name.split('-')[0]}") as fault:
        supervisor.stop([name])
        supervisor.start(field.world.armed(usual, levers))
        supervisor.wait_ready(name)
        pid = field.pid(name)
        field.pause(ASTRAY)
        fault.evidence = {"process": name, "pid": pid, "seconds": ASTRAY}
        supervisor.stop([name])
        supervisor.start(usual)
        supervisor.wait_ready(name)


def _leased(field: Field) -> int:
    return sum(_count(field, tenant, LEASED) for tenant in TENANTS)


def _count(field: Field, tenant: str, statement: str) -> int:
    try:
        return int(field.world.ask(tenant, statement)[0][0])
    except psycopg.Error:
        return -1


def _broken_pushes(field: Field) -> int:
    answers = field.world.shop.get("/_counts")["answers"]
    return sum(n for status, n in answers.items() if not status.startswith("2"))
