"""`apply FILE.toml [--dry-run] [--prune] [--keep-secrets] [--json] [--subscribe]`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connectors.sdk.errors import ConnectorError
from hub.connections.models import Connection
from hub.connections.session import subscribe
from hub.flows.declaration.apply import apply
from hub.flows.declaration.document import DeclarationError
from hub.flows.declaration.outcome import Outcome
from hub.flows.declaration.partners import ACTOR
from tenants.context import partner_context


class Command(BaseCommand):
    """Declare partners, merchants, connections and flows in one file (docs/apply.md)."""

    help = "Bring partners, merchants, connections and flows to what FILE declares."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the declaration, a TOML file")
        parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
        parser.add_argument(
            "--prune", action="store_true", help="end what its partners have beyond the file"
        )
        parser.add_argument(
            "--keep-secrets",
            action="store_true",
            help="existing connections keep secrets whose variable or file isn't there",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")
        parser.add_argument(
            "--subscribe",
            action="store_true",
            help="then have every source that can push to us do so (calls those systems)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        try:
            outcome = apply(
                options["file"],
                dry_run=dry_run,
                prune=options["prune"],
                keep_secrets=options["keep_secrets"],
            )
        except DeclarationError as error:
            if options["json"]:
                self.stdout.write(json.dumps({"problems": error.problems}) + "\n")
            raise CommandError(str(error)) from error
        failed = _subscribed(outcome) if options["subscribe"] and not dry_run else []
        if options["json"]:
            self.stdout.write(json.dumps(_facts(outcome, dry_run, failed)) + "\n")
        else:
            self._tell(outcome, dry_run)
        if failed:
            raise CommandError("\n".join(failed))

    def _tell(self, outcome: Outcome, dry_run: bool) -> None:
        for change in outcome.changes:
            self.stdout.write(f"{change}\n")
        if outcome.nothing:
            self.stdout.write("There is nothing to change.\n")
        elif dry_run:
            self.stdout.write("Nothing was changed: this was a dry run.\n")


def _subscribed(outcome: Outcome) -> list[str]:
    """What went wrong, a line a connection; the others are subscribed."""
    failed = []
    for schema, key in outcome.subscribable:
        with partner_context(schema):
            connection = Connection.objects.get(pk=key)
            try:
                subscribe(connection, actor=ACTOR)
            except ConnectorError as error:
                failed.append(f"{connection.title} could not be asked to push to us: {error}")
    return failed


def _facts(outcome: Outcome, dry_run: bool, failed: list[str]) -> dict[str, Any]:
    return {
        "changes": [
            {"sign": c.sign, "what": c.what, "details": list(c.details)} for c in outcome.changes
        ],
        "nothing_to_change": outcome.nothing,
        "dry_run": dry_run,
        "problems": failed,
    }
