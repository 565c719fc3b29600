"""How soon it went on after each fault, by the clocks of those outside: told at, done at."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hub.proof.chaos.checker import EFFECTS, Story, paged

Json = dict[str, Any]
#: When something was told, and when the target had it.
Moment = tuple[float, float]


def recovery(world: Json, faults: list[Json]) -> Json:
    """Seconds from a fault's end until the first thing told after it is at each target concerned;
    a fault that ends within another's outage ends with that. {p50, p95, worst, measured}."""
    done = moments(world)
    outages = sorted((f["began"], f["over"]) for f in faults if f.get("outage"))
    found = []
    for fault in faults:
        over = fault["over"]
        for began, ended in outages:
            if began <= over < ended:
                over = ended
        waits = [_next(done[lane], over) for lane in fault.get("lanes") or done if lane in done]
        known = [w for w in waits if w is not None]
        if known:
            found.append((max(known), fault["row"], fault["what"]))
    if not found:
        return {"measured": 0}
    found.sort()
    seconds = [w for w, _, _ in found]
    slow = [{"seconds": round(w, 1), "row": r, "what": x} for w, r, x in found[-5:]]
    return {
        "measured": len(seconds), "p50": round(seconds[len(seconds) // 2], 2),
        "p95": round(seconds[int(len(seconds) * 0.95)], 2), "worst": round(seconds[-1], 2),
        "slowest": slow,
    }  # fmt: skip


def moments(world: Json) -> dict[str, list[Moment]]:
    """By target: (told, done) of everything told once, in the order of telling."""
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
    return {target: sorted(pairs) for target, pairs in found.items()}


def _next(told_and_done: list[Moment], over: float) -> float | None:
    after = [done - over for told, done in told_and_done if told >= over]
    return min(after) if after else None
