"""A record's journey as hops in time across lanes: its source, the hub, its targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hub.portal.selectors.journey import Story, Target
from hub.portal.states import ATTEMPT, EVENT, Shown
from hub.sync.models import Attempt, InboxEvent, RecordVersion

LANE = 22
"""Width of one lane in the drawing, in CSS pixels."""
HUB = "hub"
KNOWN = Shown("known", "Understood", "good", "git-commit-horizontal")
CAUSES = {
    "source": "its source told us",
    "release": "a new release of the rules",
    "replay": "a stored event was read again",
    "backfill": "a backfill",
    "merge": "two records were merged",
    "derived": "it was computed from other records",
    "erase": "personal data was erased",
    "undo": "a change was undone",
}


@dataclass(frozen=True, slots=True)
class Lane:
    """A column of the drawing. ``key``: connection id as text, or ``hub``."""

    key: str
    title: str
    icon: str


@dataclass(slots=True)
class Hop:
    """One thing that happened. ``lane``/``came_from``: columns, 0 = leftmost; ``after``: time
    since the hop before; ``row``: the database row that shows it."""

    kind: str
    at: datetime
    lane: int
    title: str
    state: Shown
    row: Any = None
    detail: str = ""
    took: timedelta | None = None
    after: timedelta | None = None
    came_from: int = 0
    target: Target | None = None
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def x(self) -> int:
        return self.lane * LANE + LANE // 2

    @property
    def from_x(self) -> int:
        return self.came_from * LANE + LANE // 2


def lanes_of(story: Story) -> list[Lane]:
    """Where it comes from, the hub, the targets; each system once. A target that tells us what
    became of it there is still a target."""
    heard = {event.connection_id for event in story.events}
    wanted = {target.system.id for target in story.targets}
    before = heard - wanted
    if story.origin:
        before.add(story.origin.id)
    sources = [one for one in story.systems if one.id in before]
    targets = [one for one in story.systems if one.id in (wanted | heard) - before]
    return [
        *(Lane(str(one.id), one.title, one.icon) for one in sources),
        Lane(HUB, "Hub", "network"),
        *(Lane(str(one.id), one.title, one.icon) for one in targets),
    ]


def hops_of(story: Story, lanes: Sequence[Lane]) -> list[Hop]:
    """Every hop in time order, each knowing the lane and time of the one before."""
    place = {lane.key: number for number, lane in enumerate(lanes)}
    hops = sorted(_all(story, place), key=lambda hop: (hop.at, _RANK[hop.kind]))
    for before, hop in pairwise(hops):
        hop.came_from, hop.after = before.lane, hop.at - before.at
    if hops:
        hops[0].came_from = hops[0].lane
    return hops


_RANK = {"heard": 0, "version": 1, "wanted": 2, "attempt": 3}


def _all(story: Story, place: dict[str, int]) -> Iterator[Hop]:
    titles = {one.id: one.title for one in story.systems}
    for event in story.events:
        yield _heard(event, place, titles)
    for before, version in zip([None, *story.versions], story.versions, strict=False):
        yield _version(version, before, place[HUB])
    for target in story.targets:
        yield Hop(
            "wanted",
            target.delivery.created_at,
            place[HUB],
            f"Routed to {target.system.title}",
            Shown("wanted", "Routed", "quiet", "signpost"),
            row=target.delivery,
            detail=f"as {target.delivery.resource.replace('_', ' ')}",
            target=target,
        )
        for attempt in target.attempts:
            yield _attempt(attempt, target, place)


def _heard(event: InboxEvent, place: dict[str, int], titles: dict[UUID, str]) -> Hop:
    how = {"told": "told us", "hint": "hinted at a change", "reread": "was read"}
    title = f"{titles.get(event.connection_id, 'A system')} {how[event.kind]}"
    copies = f", {event.copies} more time{'s' if event.copies > 1 else ''}" if event.copies else ""
    return Hop(
        "heard",
        event.received_at,
        place.get(str(event.connection_id), place[HUB]),
        title,
        EVENT[event.state],
        row=event,
        detail=f"{event.stream}{copies}",
    )


def _version(version: RecordVersion, before: RecordVersion | None, hub: int) -> Hop:
    first = version.version == 1
    title = "First understood" if first else f"Changed to version {version.version}"
    if version.op == "delete":
        title = "Deleted at its source"
    return Hop(
        "version",
        version.created_at,
        hub,
        title,
        KNOWN,
        row=version,
        detail="" if first else f"because {CAUSES.get(version.cause, version.cause)}",
        extras={"before": before},
    )


def _attempt(attempt: Attempt, target: Target, place: dict[str, int]) -> Hop:
    version = f" version {attempt.version}" if attempt.version and attempt.version > 1 else ""
    verb = "Asked" if attempt.outcome == "absent" else f"Sent{version} to"
    return Hop(
        "attempt",
        attempt.started_at,
        place.get(str(attempt.connection_id), place[HUB]),
        f"{verb} {target.system.title}",
        ATTEMPT[attempt.outcome],
        row=attempt,
        detail=attempt.message,
        took=attempt.ended_at - attempt.started_at,
        target=target,
    )
