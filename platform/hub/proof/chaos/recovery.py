"""How soon it went on after each fault, by the clocks of those outside: told at, done at."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import Any

from hub.proof.chaos.checker import EFFECTS, Story, paged

Json = dict[str, Any]
#: When something was told, and when the target had it.
Moment = tuple[float, float]
SHOWN = 8


class Lane:
    """What went to one target: ``told`` in order, ``soonest[i]``: when the first of those from i on
    was there."""

    def __init__(self, moments: list[Moment]) -> None:
        self.moments = sorted(moments)
        self.told = [told for told, _ in self.moments]
        backwards = [done for _, done in reversed(self.moments)]
        self.soonest = list(accumulate(backwards, min))[::-1]

    def after(self, over: float) -> float | None:
        """Seconds until the first thing told after ``over`` was there."""
        at = bisect_left(self.told, over)
        return self.soonest[at] - over if at < len(self.soonest) else None

    def pace(self) -> Json:
        return spread([done - told for told, done in self.moments])


def recovery(world: Json, faults: list[Json]) -> Json:
    """Seconds from a fault's end until the first thing told after it is at each target concerned;
    a fault that ends within another's outage ends with that. ``pace``: from telling to done, of
    everything, by target."""
    lanes = {target: Lane(moments) for target, moments in _moments(world).items()}
    outages = sorted((f["began"], f["over"]) for f in faults if f.get("outage"))
    found: list[tuple[float, str, Json]] = []
    by_target: dict[str, list[float]] = defaultdict(list)
    for fault in faults:
        over = _really_over(fault["over"], outages)
        waits = {t: w for t in fault.get("lanes") or lanes
                 if t in lanes and (w := lanes[t].after(over)) is not None}  # fmt: skip
        for target, wait in waits.items():
            by_target[target].append(wait)
        if waits:
            slowest = max(waits, key=lambda t: waits[t])
            found.append((waits[slowest], slowest, fault))
    found.sort(key=lambda f: f[0])
    slow = [{"seconds": round(w, 1), "target": t, "row": f["row"], "what": f["what"]}
            for w, t, f in found[-SHOWN:]]  # fmt: skip
    return {
        **spread([w for w, _, _ in found]),
        "by_target": {target: spread(waits) for target, waits in sorted(by_target.items())},
        "pace": {target: lane.pace() for target, lane in sorted(lanes.items())},
        "slowest": slow,
    }


def spread(seconds: list[float]) -> Json:
    """{measured, p50, p95, worst}."""
    if not seconds:
        return {"measured": 0}
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "measured": len(ordered),
        "p50": round(ordered[last // 2], 2),
        "p95": round(ordered[int(last * 0.95)], 2),
        "worst": round(ordered[last], 2),
    }


def _really_over(over: float, outages: list[tuple[float, float]]) -> float:
    for began, ended in outages:
        if began <= over < ended:
            over = ended
    return over


def _moments(world: Json) -> dict[str, list[Moment]]:
    """By target: (told, done) of everything told once."""
    found: dict[str, list[Moment]] = defaultdict(list)
    story = Story.read(world["source"])
    effects = {n: list(paged(url, "/_log", "entries")) for n, url in world["targets"].items()}
    for lane in world["lanes"]:
        done: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        for e in effects[lane["target"]]:
            if e["resource"] == lane["resource"] and e["op"] in EFFECTS:
                place = (e["tenant"], str(e["body"].get(lane["name"], "")))
                done[place].append((int(e["body"].get("rev") or 0), e["at"]))
        for tenant, _, told in story.of(lane["topic"]):
            seen = done.get((tenant, str(told[0]["body"][lane["name"]])), [])
            for event in told:
                at = min((at for rev, at in seen if rev >= event["rev"]), default=None)
                if at is not None:
                    found[lane["target"]].append((event["at"], at))
    return found
