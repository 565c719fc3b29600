"""`verify_audit`: walk every audit chain, public and each partner's; exit 1 if one is broken."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel.audit.verify import Verdict, verify
from tenants.context import partner_context, public_context
from tenants.partners.models import Partner


class Command(BaseCommand):
    """Check that no audit row was changed or removed."""

    help = "Verify the audit's hash chains; prints rows and head of each, to keep elsewhere."

    def handle(self, *args: Any, **options: Any) -> None:
        with public_context():
            verdicts = {"platform": verify()}
            partners = list(Partner.objects.all())
        for partner in partners:
            with partner_context(partner):
                verdicts[partner.slug] = verify()
        for name, verdict in verdicts.items():
            self.stdout.write(f"{name}: {_sentence(verdict)}\n")
        broken = [name for name, verdict in verdicts.items() if not verdict.intact]
        if broken:
            raise CommandError(
                f"The audit of {', '.join(broken)} was tampered with: keep the database as it is "
                "and compare it with a backup."
            )


def _sentence(verdict: Verdict) -> str:
    if verdict.intact:
        return f"{verdict.rows} rows, head {verdict.head[:16]}"
    return f"broken after {verdict.rows} rows: {verdict.problem}"
