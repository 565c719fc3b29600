"""``manage.py chaos``: our processes under fire, and a checker that would notice.

    chaos --minutes M --seed S [--rows 1,2,8] [--without GUARD] [--rate N] [--json] [--home DIR]
          [--port N] [--results DIR]

Exits 0 when nobody was harmed and every row that was asked for has bitten; 1 otherwise, with the
harmed and the command line that plays it again. ``--without`` takes one guard out of the engine (a
negative control): such a run is expected to exit 1.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from hub.proof.chaos import injection
from hub.proof.chaos.disk import small_disk
from hub.proof.chaos.injection import guards
from hub.proof.chaos.memory import Memory
from hub.proof.chaos.nemesis import Nemesis
from hub.proof.chaos.result import summary, told
from hub.proof.chaos.retail import SIMULATORS, Retail
from hub.proof.chaos.world import World
from hub.runtime.complaint import Complaint
from hub.runtime.home import ROOT, Home
from hub.runtime.processes import DEFAULT_PORT
from hub.runtime.signals import interruptible

Json = dict[str, Any]
#: Rows of the matrix there are strikes for; 21 needs billing.
ROWS = frozenset(range(1, 21))
#: Events a second over all shops.
RATE = 26.0
#: Trade ends by itself when a run has taken so many times its time and ten minutes.
LONGEST = 4
#: Seconds the drain may take before what is left counts as pending.
DRAIN = 240.0
#: Size of the database's own disk, where one may be mounted.
DISK_MB = 1500
MARK = "chaos.json"


def main(argv: list[str]) -> int:
    """See above. Raises Complaint for what a person must mend first."""
    asked = _asked(argv)
    say = _aside if asked.json else _say
    home = _home(asked)
    try:
        with interruptible():
            result = run(asked, home, say)
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    if asked.results:
        asked.results.mkdir(parents=True, exist_ok=True)
        parts = ("chaos", result["date"][:10], str(asked.seed), asked.without or "")
        path = asked.results / ("-".join(p for p in parts if p) + ".json")
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write((json.dumps(result) if asked.json else summary(result)) + "\n")
    return 0 if result["good"] else 1


def run(asked: argparse.Namespace, home: Home, say: Any) -> Json:
    """One run: build the world, break it, let it drain, judge it."""
    small = 5 in asked.rows and small_disk(home.postgres, DISK_MB)
    off = [asked.without] if asked.without else []
    levers = injection.environment(home.path, guards_off=off, failpoints=True)
    world = World(home, asked.port, lambda _: levers, guards_off=tuple(off), small_disk=small)
    say(f"Seed {asked.seed}. Starting what runs of ours, and what stands around it …")
    with world.installation:
        world.build()
        nemesis = Nemesis(world, asked.seed, asked.rows)
        seconds = asked.minutes * 60
        start = {"port": world.places.line("door"), "seconds": LONGEST * seconds + 600,
                 "rate": asked.rate, "seed": asked.seed, "hooks": world.hooks()}  # fmt: skip
        retail = Retail.at({n: world.places.url(n) for n in SIMULATORS}, asked.seed)
        retail.stock()
        world.shop.post("/_start", start)
        retail.begin()
        with Memory(world.installation) as memory:
            say(f"{asked.minutes:g} minutes of trade, and of faults …")
            began = time.monotonic()
            nemesis.begin()
            nemesis.work(seconds)
            nemesis.end()
            struck = round(time.monotonic() - began, 1)
            world.shop.post("/_stop", {})
            retail.end()
            say("No more faults. Waiting for what is on its way, then counting …")
            report = world.check(DRAIN)
            retail.close()
            report["retail"] = world.count(retail)
        result = told(asked, world, nemesis, report, memory.peaks(), struck)
    return result | {"again": _again(asked)}


def _again(asked: argparse.Namespace) -> str:
    """The command line that plays this run again."""
    words = ["python3", "manage.py", "chaos", "--minutes", f"{asked.minutes:g}", "--seed",
             str(asked.seed), "--rate", f"{asked.rate:g}",
             "--rows", ",".join(map(str, sorted(asked.rows)))]  # fmt: skip
    return shlex.join([*words, *(["--without", asked.without] if asked.without else [])])


def _asked(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("manage.py chaos", description="Break it, and count.")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0, help="drawn when not given")
    parser.add_argument("--rows", type=_rows, default=ROWS, help="of the fault matrix: 1,2,8")
    parser.add_argument("--without", choices=sorted(guards.GUARDS), help="take a guard out")
    parser.add_argument("--rate", type=float, default=RATE, help="events a second")
    parser.add_argument("--json", action="store_true", help="the result as JSON on the last line")
    parser.add_argument("--home", help="folder for this run's state; emptied (var/chaos)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="web; others follow it")
    parser.add_argument("--results", type=Path, help="folder in which the result is kept")
    asked = parser.parse_args(argv)
    asked.seed = asked.seed or secrets.randbelow(10**6) + 1
    return asked


def _rows(text: str) -> frozenset[int]:
    rows = frozenset(int(part) for part in text.split(","))
    if rows - ROWS:
        there = ", ".join(map(str, sorted(ROWS)))
        raise argparse.ArgumentTypeError(f"There are strikes for these rows: {there}.")
    return rows


def _home(asked: argparse.Namespace) -> Home:
    """An empty home: every run begins at nothing. Only a former run's home is emptied."""
    path = Path(asked.home or ROOT / "var" / "chaos").expanduser().absolute()
    if path.exists() and any(path.iterdir()):
        if not (path / MARK).exists():
            raise Complaint(
                f"{path} holds something that is not a former run of the harness.",
                "Name an empty folder with --home DIR.",
            )
        if Home(path).running():
            raise Complaint(f"Another run uses {path}.", "Stop it, or name another with --home.")
        shutil.rmtree(path)
    home = Home(path).prepare()
    (path / MARK).write_text(json.dumps({"seed": asked.seed}), encoding="utf-8")
    return home


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _aside(line: str) -> None:
    """With ``--json`` the progress goes where it doesn't get in the way."""
    sys.stderr.write(line + "\n")
