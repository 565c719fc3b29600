"""The hub-and-spoke picture: where each system stands and how its lines run. Pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.portal.selectors.overview import Traffic
from hub.portal.systems import BOOKS

WIDTH = 760
NODE_WIDTH = 236
NODE_HEIGHT = 104
GAP = 26
MARGIN = 8
HUB_RADIUS = 42


@dataclass(frozen=True, slots=True)
class Spoke:
    """A system's box (its upper left corner) and the curve from it to the hub."""

    traffic: Traffic
    x: int
    y: int
    path: str
    label_x: int
    label_y: int
    left: bool

    @property
    def busy(self) -> bool:
        """Something went over this line within the last hour."""
        return bool(self.traffic.heard_hour or self.traffic.written_hour)


@dataclass(frozen=True, slots=True)
class Picture:
    """Sizes in user units of the drawing."""

    height: int
    hub_x: int
    hub_y: int
    spokes: tuple[Spoke, ...]
    width: int = WIDTH
    node_width: int = NODE_WIDTH
    node_height: int = NODE_HEIGHT
    radius: int = HUB_RADIUS


def picture(rows: Sequence[Traffic]) -> Picture:
    """Books stand on the right, everything else on the left; one-sided sets are split in two."""
    right = [row for row in rows if row.system.category == BOOKS]
    left = [row for row in rows if row.system.category != BOOKS]
    if not right or not left:
        half = (len(rows) + 1) // 2
        left, right = list(rows[:half]), list(rows[half:])
    height = 2 * MARGIN + max(_stack(len(left)), _stack(len(right)), 2 * HUB_RADIUS)
    hub = (WIDTH // 2, height // 2)
    spokes = [_spoke(row, n, len(left), True, hub, height) for n, row in enumerate(left)]
    spokes += [_spoke(row, n, len(right), False, hub, height) for n, row in enumerate(right)]
    return Picture(height, *hub, tuple(spokes))


def _stack(number: int) -> int:
    return number * NODE_HEIGHT + max(number - 1, 0) * GAP


def _spoke(
    row: Traffic, place: int, number: int, left: bool, hub: tuple[int, int], height: int
) -> Spoke:
    y = (height - _stack(number)) // 2 + place * (NODE_HEIGHT + GAP)
    x = MARGIN if left else WIDTH - MARGIN - NODE_WIDTH
    edge = x + NODE_WIDTH if left else x
    middle = y + NODE_HEIGHT // 2
    target = hub[0] - HUB_RADIUS if left else hub[0] + HUB_RADIUS
    bend = (edge + target) // 2
    path = f"M{edge} {middle} C{bend} {middle} {bend} {hub[1]} {target} {hub[1]}"
    return Spoke(row, x, y, path, bend, (middle + hub[1]) // 2, left)
