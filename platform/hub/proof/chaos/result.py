"""What a run came to: as JSON to keep, and as lines to read."""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from hub.proof.chaos.injection import failpoints
from hub.proof.chaos.nemesis import Nemesis
from hub.proof.chaos.recovery import recovery
from hub.proof.chaos.world import World

Json = dict[str, Any]
#: What the demo's counter may find between the web shop and the ERP.
RETAIL_HARMS = ("lost", "doubled", "cents_off", "unpaid")


def told(
    asked: argparse.Namespace, world: World, nemesis: Nemesis, report: Json,
    memory: dict[str, int], struck: float,
) -> Json:  # fmt: skip
    """The result; ``good`` when nobody was harmed and all rows asked for have bitten."""
    ledger = nemesis.ledger
    rows = ledger.by_row()
    missing = sorted(row for row in asked.rows if str(row) not in rows)
    wrong = [f"{name}: {n}" for name, n in report["harms"].items() if n]
    wrong += [f"retail {name}: {report['retail'][name]}"
              for name in RETAIL_HARMS if report["retail"][name]]  # fmt: skip
    wrong += [f"row {row} has not bitten" for row in missing]
    return {
        "good": not wrong,
        "wrong": wrong,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(world),
        "seed": asked.seed,
        "minutes": asked.minutes,
        "struck_s": struck,
        "without": asked.without,
        "faults": len(ledger.bitten()),
        "bites": len(world.proxy.get("/bites")["bites"]),
        "rows": rows,
        "failpoints": failpoints.kills(world.home.path),
        "recovery": recovery(world.facts(), ledger.told()),
        "memory_mb": memory,
        "pushes": world.shop.get("/_counts"),
        "harness_complaints": ledger.failed,
        **{k: v for k, v in report.items() if k != "good"},
    }


def machine(world: World) -> Json:
    """What it ran on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load": [round(n, 1) for n in os.getloadavg()],
        "python": platform.python_version(),
        "postgres": _postgres(world),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu(),
    }


def _postgres(world: World) -> str:
    try:
        with world.database() as line:
            found = line.execute("SHOW server_version").fetchone()
            return str(found[0]) if found else ""
    except psycopg.Error as error:
        return f"away: {error}"[:100]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def summary(result: Json) -> str:
    """The answer first, then the evidence."""
    harms = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in result["harms"].items())
    retail = ", ".join(f"{name.replace('_', ' ')} {result['retail'][name]}"
                       for name in RETAIL_HARMS)  # fmt: skip
    usage = result["usage"]
    lines = [
        "", "NOBODY WAS HARMED" if result["good"] else "NOT EVERYTHING IS RIGHT", "",
        f"  {result['events']} events, {result['faults']} faults ({result['bites']} bites on the"
        f" lines), {sum(result['failpoints'].values())} failpoint kills; drained in"
        f" {result['drain_s']} s",
        f"  harms: {harms}", f"  web shop and ERP: {retail}",
        f"  billed {usage['documents']} documents of {usage['confirmed']} confirmed,"
        f" {usage['changes']} changes of levels",
        f"  recovery: {_spread(result['recovery'])}",
        *(f"    {target}: {_spread(found)}; from telling to done"
          f" {_spread(result['recovery']['pace'][target])}"
          for target, found in result["recovery"].get("by_target", {}).items()),
    ]  # fmt: skip
    for row, found in result["rows"].items():
        kinds = ", ".join(f"{what} {n}" for what, n in found["kinds"].items())
        lines.append(f"  row {row:>2} bit {found['count']:>3} times: {kinds[:160]}")
    lines += [f"  WRONG: {reason}" for reason in result["wrong"]]
    lines += [f"    {kind}: {one}" for kind, ids in result["ids"].items() for one in ids]
    lines += [f"  harness: {one}" for one in result["harness_complaints"][:10]]
    return "\n".join([*lines, "", f"  again: {result['again']}", ""])


def _spread(found: Json) -> str:
    if not found.get("measured"):
        return "nothing to measure"
    return f"half within {found['p50']} s, 95 % within {found['p95']} s, worst {found['worst']} s"
