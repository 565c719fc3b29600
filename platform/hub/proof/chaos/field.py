"""What every strike is given: the world, the ledger, luck, and what others are doing just now."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hub.proof.chaos.faults import Ledger
from hub.proof.chaos.world import World


@dataclass
class Field:
    """``over``: set when the run ends; strikes then finish what they broke and start nothing."""

    world: World
    ledger: Ledger
    luck: random.Random
    over: threading.Event = field(default_factory=threading.Event)
    asleep: set[str] = field(default_factory=set)
    """Processes that are stopped on purpose: nobody else touches them."""

    def worker(self) -> str:
        """One that is awake."""
        awake = [w for w in ("worker-1", "worker-2") if w not in self.asleep]
        return self.luck.choice(awake)

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the run's end."""
        self.over.wait(seconds)

    def until(self, true: Callable[[], bool], seconds: float = 60.0) -> bool:
        """Ask again and again; also after the run's end, since it is mostly asked about repair."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def pid(self, name: str) -> int:
        return self.world.installation.pids().get(name, 0)

    def back(self, name: str, before: int) -> bool:
        """A process of that name runs again, and it is another one."""
        return self.until(lambda: self.pid(name) not in (0, before))
