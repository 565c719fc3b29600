"""Strikes from outside: what shops, targets and strangers do that nobody asked them to."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import psycopg

from hub.proof.chaos.field import Field
from hub.proof.chaos.injection.failpoints import POISON, kills
from hub.proof.chaos.outside.hostile import BROKEN, HUGE
from hub.proof.chaos.world import TENANTS, World

WEATHER = {"duplicate": 0.1, "dawdle": 0.15}
BURST = 200
STATE = "SELECT state FROM {schema}.connections_connection WHERE slug = %s"


def weather(world: World) -> None:
    """Row 10, all the time: messages come twice, and newer ones overtake older ones."""
    world.shop.post("/_weather", WEATHER)


def weathered(field: Field) -> None:
    """What of row 10 came since the last look."""
    before = field.world.shop.get("/_counts")
    with field.ledger.fault(10, "copies and overtaking") as fault:
        came: dict[str, int] = {}

        def both() -> bool:
            after = field.world.shop.get("/_counts")
            came.update({k: after.get(k, 0) - before.get(k, 0) for k in ("copies", "overtaken")})
            return all(came.values())

        if field.until(both, 20):
            fault.evidence = came


def poison(field: Field) -> None:
    """Row 11: an event of which whoever reads it dies."""
    tenant = field.luck.choice(TENANTS)
    before = kills(field.world.home.path).get("poison", 0)
    with field.ledger.fault(11, "poison") as fault:
        kind = f"poison {POISON.decode()} {secrets.token_hex(4)}"
        field.world.shop.post("/_hostile", {"tenant": tenant, "kinds": [kind]})

        def died() -> bool:
            return kills(field.world.home.path).get("poison", 0) > before

        if field.until(died, 20):
            fault.evidence = {"tenant": tenant}


def too_much(field: Field) -> None:
    """Row 12: fifty megabytes, two hundred thousand brackets, a gzip bomb."""
    _attack(field, 12, HUGE)


def broken(field: Field) -> None:
    """Row 13: bodies that are not what they say they are."""
    _attack(field, 13, BROKEN)


def _attack(field: Field, row: int, kinds: tuple[str, ...]) -> None:
    tenant = field.luck.choice(TENANTS)
    with field.ledger.fault(row, "hostile bodies") as fault:
        answers = field.world.shop.post("/_hostile", {"tenant": tenant, "kinds": list(kinds)})
        told = dict(answers["answers"])
        if any(status == 500 for status in told.values()):
            field.ledger.complain(f"The front door answered 500: {told}")
        if any(told.values()):
            fault.evidence = told


def partial_batch(field: Field) -> None:
    """Row 14: of a batch one item is refused."""
    levels = field.world.targets["levels"]
    before = levels.get("/_counts").get("partial", 0)
    with field.ledger.fault(14, "one item of a batch refused", "levels") as fault:
        levels.post("/_partial", {"count": 2})

        def refused() -> bool:
            return int(levels.get("/_counts").get("partial", 0)) > before

        if field.until(refused, 15):
            fault.evidence = {"batches": levels.get("/_counts")["partial"] - before}


def expire(field: Field) -> None:
    """Row 17: the token a target gave has run out; one new one is bought, and the queue waits."""
    tenant, levels = field.luck.choice(TENANTS), field.world.targets["levels"]
    before = levels.get("/_counts")
    with field.ledger.fault(17, "token expired", "levels") as fault:
        levels.post("/_expire", {"tenant": tenant})

        def bought() -> int:
            return int(levels.get("/_counts").get("tokens", 0) - before.get("tokens", 0))

        if field.until(lambda: bought() > 0, 30):
            refused = levels.get("/_counts").get("unadmitted", 0) - before.get("unadmitted", 0)
            fault.evidence = {"tenant": tenant, "refused": refused, "bought": bought()}


def revoke(field: Field) -> None:
    """Row 18: a target refuses our credentials until a person has given new ones."""
    tenant, name = field.luck.choice(TENANTS), field.luck.choice(("keyed", "searchable"))
    target = field.world.targets[name]

    def state(wanted: str) -> bool:
        return field.world.ask(tenant, STATE, name) == [(wanted,)]

    target.post("/_revoke", {"tenant": tenant, "on": True})
    try:
        with field.ledger.fault(18, f"credentials revoked:{name}", name, outage=True) as fault:
            stopped = field.until(lambda: _safely(lambda: state("attention")), 20)
            refused = target.get("/_counts").get("refused", 0)
            field.pause(4.0)
            more = target.get("/_counts").get("refused", 0) - refused
            target.post("/_revoke", {"tenant": tenant, "on": False})
            mended = resume_all(field.world)
            if stopped and mended:
                fault.evidence = {"tenant": tenant, "calls_after_it_stopped": more}
    finally:
        target.post("/_revoke", {"tenant": tenant, "on": False})


def burst(field: Field) -> None:
    """Row 19: one shop shouts, the others are to be heard all the same."""
    tenant = TENANTS[0]
    with field.ledger.fault(19, "burst of one tenant") as fault:
        field.world.shop.post("/_burst", {"tenant": tenant, "count": BURST})
        fault.over = time.time()
        fault.evidence = {"tenant": tenant, "events": BURST}


def resume_all(world: World) -> bool:
    """A person resumes every connection that asks for attention; False when it couldn't be done."""
    for _ in range(5):
        if world.child("-m", "hub.proof.chaos.person").returncode == 0:
            return True
        time.sleep(1.0)  # the database may be away just now
    return False


def _safely(true: Callable[[], bool]) -> bool:
    """The database may be away just now."""
    try:
        return true()
    except psycopg.Error:
        return False
