"""Who strikes, when, and in which order: everything drawn from one seed.

Hands work at once: one at the lines, twice a second or so; one at what runs and keeps, one strike
after the other; one whose strikes last a minute; one that seeks out moments chance finds seldom.
The heavy hand goes through all rows in a shuffled round, with one of each row's strikes, before it
begins another.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hub.proof.chaos import ownprocesses, stores, strangers
from hub.proof.chaos.faults import Ledger
from hub.proof.chaos.field import Field
from hub.proof.chaos.injection import failpoints
from hub.proof.chaos.injection.pressures import PRESSURES
from hub.proof.chaos.lines import Lines
from hub.proof.chaos.world import World

Strike = Callable[[Field], None]
HEAVY: tuple[tuple[int, Strike], ...] = (
    (1, ownprocesses.kill_worker), (1, ownprocesses.kill_worker), (1, ownprocesses.kill_workers),
    (2, ownprocesses.kill_ingress), (3, stores.flush_redis), (3, stores.kill_redis),
    (3, stores.redis_away), (4, stores.kill_postgres), (4, stores.restart_postgres),
    (4, stores.cut_sessions), (5, stores.fill_disk), (9, ownprocesses.wrong_clock),
    (10, strangers.weathered), (11, strangers.poison), (12, strangers.too_much),
    (13, strangers.broken), (14, strangers.partial_batch), (15, ownprocesses.deploy),
    (16, stores.migrate_and_die), (17, strangers.expire), (18, strangers.revoke),
    (19, strangers.burst),
)  # fmt: skip
LONG: tuple[tuple[int, Strike], ...] = ((20, ownprocesses.sleep_past_lease),)
#: Seconds between two strikes, from and to.
LINES_REST = (0.5, 1.6)
HEAVY_REST = (0.5, 1.5)
LONG_REST = (60.0, 100.0)
#: The first of them comes soon, so that a short run has one.
LONG_FIRST = (3.0, 10.0)
#: How many times its time a run may take until every row has bitten.
PATIENCE = 2.0
#: Between two moments that are sought out.
PRESSURE_REST = (4.0, 9.0)
#: A failpoint is armed this often.
FAILPOINT_REST = (3.0, 7.0)


@dataclass
class Nemesis:
    """``rows``: of the matrix; what isn't among them isn't done."""

    world: World
    seed: int
    rows: frozenset[int]
    ledger: Ledger = field(default_factory=Ledger)
    threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.field = Field(self.world, self.ledger, random.Random(f"{self.seed} heavy"))  # noqa: S311
        luck = random.Random(f"{self.seed} lines")  # noqa: S311 - repeatable, guards nothing
        self.lines = Lines(self.world.proxy, luck, self.rows, self.ledger)

    def begin(self) -> None:
        """Set all hands to work."""
        if 10 in self.rows:
            strangers.weather(self.world)
        hands = [self._at_lines, self._heavily, self._long, self._press]
        if self.rows & {1, 2}:
            hands.append(self._at_failpoints)
        self.threads = [threading.Thread(target=hand, daemon=True) for hand in hands]
        for thread in self.threads:
            thread.start()

    def work(self, seconds: float) -> None:
        """So long, and longer while a row has not bitten yet: a slow machine needs its time."""
        self.field.over.wait(seconds)
        limit = time.monotonic() + max(PATIENCE * seconds, 240.0)
        while self.missing() and time.monotonic() < limit:
            time.sleep(2.0)

    def missing(self) -> frozenset[int]:
        """Rows that have left no evidence so far."""
        bitten = {fault.row for fault in self.ledger.bitten()} | self.lines.bitten()
        return self.rows - bitten

    def end(self) -> None:
        """Let every hand finish, and undo what would otherwise last."""
        self.field.over.set()
        for thread in self.threads:
            thread.join()
        failpoints.disarm(self.world.home.path)
        self.lines.calm()
        strangers.resume_all(self.world)
        self.lines.collect()

    def _at_lines(self) -> None:
        if not self.rows & {6, 7, 8}:
            return
        while not self.field.over.is_set():
            self._guarded(lambda _: self.lines.strike())
            self.field.pause(self.lines.luck.uniform(*LINES_REST))

    def _heavily(self) -> None:
        luck = self.field.luck
        by_row: dict[int, list[Strike]] = {}
        for row, strike in HEAVY:
            if row in self.rows:
                by_row.setdefault(row, []).append(strike)
        while by_row and not self.field.over.is_set():
            for row in luck.sample(sorted(by_row), len(by_row)):
                self.field.pause(luck.uniform(*HEAVY_REST))
                if self.field.over.is_set():
                    return
                self._guarded(luck.choice(by_row[row]))

    def _long(self) -> None:
        luck = random.Random(f"{self.seed} long")  # noqa: S311
        strikes = [(row, strike) for row, strike in LONG if row in self.rows]
        rest = LONG_FIRST
        while strikes and not self.field.over.is_set():
            self.field.pause(luck.uniform(*rest))
            rest = LONG_REST
            if not self.field.over.is_set():
                self._guarded(luck.choice(strikes)[1])

    def _press(self) -> None:
        """Seek out the moments that chance finds too seldom, one after the other."""
        pressed = Field(self.world, self.ledger, random.Random(f"{self.seed} pressure"),  # noqa: S311
                        self.field.over, self.field.asleep)  # fmt: skip
        while not pressed.over.is_set() and self.rows & {row for row, _ in PRESSURES}:
            for row, strike in PRESSURES:
                if row in self.rows and not pressed.over.is_set():
                    self._strike(strike, pressed)
                    pressed.pause(pressed.luck.uniform(*PRESSURE_REST))

    def _at_failpoints(self) -> None:
        """Go through all names in a shuffled round; one that isn't passed is left after a while."""
        luck = random.Random(f"{self.seed} points")  # noqa: S311
        home = self.world.home.path
        while not self.field.over.is_set():
            for name in luck.sample(failpoints.NAMES, len(failpoints.NAMES)):
                row = 2 if name.startswith("door") else 1
                if row not in self.rows:
                    continue
                self.field.pause(luck.uniform(*FAILPOINT_REST))
                if self.field.over.is_set():
                    return
                with self.ledger.fault(row, f"failpoint {name}") as fault:
                    before = failpoints.kills(home).get(name, 0)
                    failpoints.arm(home, name)
                    self.field.pause(2.5)
                    failpoints.disarm(home)
                    died = failpoints.kills(home).get(name, 0) - before
                    fault.over = time.time()
                    if died:
                        fault.evidence = {"killed": died}

    def _guarded(self, strike: Strike) -> None:
        self._strike(strike, self.field)

    def _strike(self, strike: Strike, field: Field) -> None:
        """A strike that trips over another's damage is told, and the next one comes."""
        try:
            strike(field)
        except Exception as error:  # noqa: BLE001 - whatever one strike meets, the others go on
            self.ledger.complain(f"{getattr(strike, '__name__', 'strike')}: {error!r}"[:300])
