"""The whole way out of a partner, step by step; call it again after it was cut short."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from hub.leaving import archive, drain
from tenants.context import partner_context, public_context
from tenants.partners import departure as departures
from tenants.partners.departure import Changed, StillBusy
from tenants.partners.models import Departure, Partner

Tell = Callable[[str], None]
#: A partner that is written to again and again while it leaves: somebody must look.
ROUNDS = 5


def leave(
    partner: Partner, *, folder: Path, wait: float, drop_after: timedelta, actor: str, tell: Tell
) -> Departure:
    """Close, drain, archive, rename. ``folder``: where the archive goes; ``wait``: seconds for
    what is owed. Raises StillBusy while a worker holds rows, OSError if the archive can't be kept.
    """
    departure = departures.begin(partner, actor=actor)
    tell(f"{departure.name} is closing: its portal and its endpoints are shut.")
    for _ in range(ROUNDS):
        if departure.state == Departure.State.CLOSING:
            _hand_over(departure, partner, folder, wait, actor, tell)
        try:
            departures.rename(departure, drop_after=drop_after, actor=actor)
        except Changed:
            tell("Something came in meanwhile: once more.")
            departures.again(departure)
            continue
        tell(f"Its schema is out of use and will be dropped on {_day(departure)}.")
        return departure
    raise StillBusy(f"{departure.name} is written to again and again: stop what does it.")


def _hand_over(
    departure: Departure, partner: Partner, folder: Path, wait: float, actor: str, tell: Tell
) -> None:
    with partner_context(partner):
        left = drain.drain(wait)
        held = drain.under_way()
    if held:
        raise StillBusy(
            f"{held} rows are still in a worker's hands: run the command again in a minute."
        )
    words = ", ".join(f"{count} {what}" for what, count in left.items()) or "nothing"
    tell(f"What was owed is delivered; left undone: {words}.")
    name = f"{departure.slug}-{departure.pk.hex[:8]}.zip"
    written = archive.write(partner, folder / name)
    departures.archived(
        departure,
        path=str(written.path),
        sha256=written.sha256,
        marks=written.marks,
        left=left,
        usage=written.usage,
        actor=actor,
    )
    tell(f"The archive is {written.path} (SHA-256 {written.sha256}).")


def _day(departure: Departure) -> str:
    with public_context():
        return departure.drop_at.date().isoformat() if departure.drop_at else "?"
