"""In the child process, before anything else runs: put on what `environment` ordered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypedDict

from hub.proof.chaos.injection import clock, guards
from hub.proof.chaos.injection import failpoints as points
from hub.proof.chaos.injection.loading import Injector


class Orders(TypedDict):
    """See `hub.proof.chaos.injection.environment`."""

    home: str
    guards_off: list[str]
    clock_skew: float
    failpoints: bool


def begin(orders: Orders) -> None:
    """Carry the orders out for this process and its children."""
    if orders["clock_skew"]:
        clock.shift(orders["clock_skew"])
    edits = guards.edits_of(orders["guards_off"])
    board = points.Board(Path(orders["home"])) if orders["failpoints"] else None
    sys.meta_path.insert(0, Injector(edits, board))
