"""`rotate_keys [--master-only]`: change the vault's keys while everything runs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.security.envelope import CannotOpen
from kernel.security.keyring import FromEnvironment, Unreadable
from tenants.partners.keys import StillInUse, rotate_keys

ACTOR = "command:rotate_keys"


class Command(BaseCommand):
    """A new master key, new data keys, every secret sealed anew (docs/operations.md)."""

    help = "Change the vault's keys in traffic; run it again if it was cut short."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--master-only",
            action="store_true",
            help="only the installation's key; partners keep their data keys",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rotate_keys(
                actor=ACTOR,
                tell=lambda line: self.stdout.write(f"{line}\n", ending=""),
                data_keys=not options["master_only"],
            )
        except (CannotOpen, FromEnvironment, StillInUse, Unreadable) as problem:
            raise CommandError(str(problem)) from problem
