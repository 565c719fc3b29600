"""`create_partner SLUG --name NAME --domain HOST --owner-email ADDRESS [--password-env NAME]`."""

from __future__ import annotations

import os
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from tenants.partners import lifecycle as partners
from tenants.people import lifecycle as people
from tenants.people.models import Role

ACTOR = "command:create_partner"


class Command(BaseCommand):
    """Create a partner with its schema, host and owner."""

    help = "Create a partner: its schema, its host, its owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name: lower-case letters, digits, hyphens")
        parser.add_argument("--name", required=True, help="the company's name")
        parser.add_argument("--domain", help="host of its portal (default: SLUG.localhost)")
        parser.add_argument("--owner-email", help="who may do everything there")
        parser.add_argument(
            "--password-env",
            metavar="NAME",
            help="environment variable with the owner's first password; without it the owner "
            "sets one with 'forgot password'",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        begun = time.monotonic()
        password = _password(options["password_env"])
        host = options["domain"] or f"{options['slug']}.localhost"
        try:
            with transaction.atomic():
                partner = partners.create_partner(
                    options["slug"], options["name"], host, actor=ACTOR
                )
                if options["owner_email"]:
                    people.add_member(
                        partner, options["owner_email"], Role.OWNER, actor=ACTOR, password=password
                    )
        except (partners.NotPossible, people.NotPossible) as problem:
            raise CommandError(str(problem)) from problem
        took = time.monotonic() - begun
        self.stdout.write(f"{partner.name} answers on {host} (made in {took:.2f} s).\n")


def _password(variable: str | None) -> str | None:
    if not variable:
        return None
    password = os.environ.get(variable)
    if not password:
        raise CommandError(f"The environment variable {variable} is empty: put the password there.")
    return password
