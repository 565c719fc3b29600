"""`suspend SLUG --reason TEXT` closes a partner's portal; `suspend SLUG --lift` opens it again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.partners import lifecycle, selectors
from tenants.partners.models import Partner

ACTOR = "command:suspend"


class Command(BaseCommand):
    """Suspend a partner, or lift a suspension."""

    help = "Close a partner's portal (503 in its brand), or open it again with --lift."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--reason", default="no reason given")
        parser.add_argument("--lift", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            partner = selectors.partner_by_slug(options["slug"])
            if options["lift"]:
                lifecycle.resume(partner, actor=ACTOR)
            else:
                lifecycle.suspend(partner, actor=ACTOR, reason=options["reason"])
        except Partner.DoesNotExist as problem:
            raise CommandError(
                f"There is no partner {options['slug']!r}: check the short name."
            ) from problem
        except lifecycle.NotPossible as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{partner.name} is now {partner.state}.\n")
