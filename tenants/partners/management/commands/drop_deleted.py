"""`drop_deleted`: drop the data of partners that left and whose time has come."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tenants.context import public_context
from tenants.partners import departure
from tenants.partners.models import Departure

ACTOR = "command:drop_deleted"


class Command(BaseCommand):
    """The last step of `delete_partner`; the scheduler takes it too, once an hour."""

    help = "Drop the schemas of deleted partners whose --drop-after has passed."

    def handle(self, *args: Any, **options: Any) -> None:
        for gone in departure.drop_due(actor=ACTOR):
            self.stdout.write(f"The data of {gone.name} is dropped.\n", ending="")
        with public_context():
            for waiting in Departure.objects.filter(state=Departure.State.RENAMED):
                day = waiting.drop_at.date().isoformat() if waiting.drop_at else "?"
                self.stdout.write(f"{waiting.name} waits until {day}.\n", ending="")
