"""`delete_partner SLUG --confirm SLUG`: a partner leaves (docs/operations.md)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.leaving.leave import leave
from hub.runtime.home import resolve
from tenants.partners import departure, selectors
from tenants.partners.departure import StillBusy
from tenants.partners.lifecycle import NotPossible
from tenants.partners.models import Departure, Partner

ACTOR = "command:delete_partner"


class Command(BaseCommand):
    """Close, drain, archive, rename; dropped later. Cut short, it goes on when run again."""

    help = "Delete a partner: close it, deliver what is owed, write its archive, drop it later."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the partner's short name")
        parser.add_argument("--confirm", metavar="SLUG", help="the same name once more")
        parser.add_argument(
            "--wait", type=float, default=60, help="seconds for what is owed (default: 60)"
        )
        parser.add_argument(
            "--archive-to", type=Path, help="folder of the archive (default: in the home folder)"
        )
        parser.add_argument(
            "--drop-after", type=int, default=30, help="days until its data is dropped (30)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["slug"]
        try:
            partner = selectors.partner_by_slug(slug)
        except Partner.DoesNotExist as error:
            self._gone_already(slug, error)
            return
        if options["confirm"] != slug:
            raise CommandError(
                f"This deletes {partner.name} with everything it has: say --confirm {slug}."
            )
        try:
            leave(
                partner,
                folder=(options["archive_to"] or resolve().path / "archives").absolute(),
                wait=options["wait"],
                drop_after=timedelta(days=options["drop_after"]),
                actor=ACTOR,
                tell=lambda line: self.stdout.write(f"{line}\n", ending=""),
            )
        except (NotPossible, StillBusy) as problem:
            raise CommandError(str(problem)) from problem
        except OSError as problem:
            raise CommandError(
                f"The archive can't be written ({problem}): name another place with --archive-to "
                "and run the command again; it goes on from there."
            ) from problem

    def _gone_already(self, slug: str, error: Exception) -> None:
        gone = departure.of(slug)
        if gone is None:
            raise CommandError(f"There is no partner {slug!r}: check the short name.") from error
        if gone.state == Departure.State.RENAMED and gone.drop_at:
            when = f"its data is dropped on {gone.drop_at.date().isoformat()}"
        else:
            when = "its data is dropped"
        self.stdout.write(f"{gone.name} is deleted; {when}. Archive: {gone.archive}\n", ending="")
