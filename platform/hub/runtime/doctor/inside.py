"""What the database says about itself and its partners. Needs Django set up and a database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core import checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from hub.connections.models import Connection
from hub.monitoring.progress import LATE_SECONDS, progress
from hub.runtime.doctor.findings import Finding, note, ok, wrong
from kernel.audit.verify import verify
from kernel.security import rotation
from kernel.security.envelope import fingerprint
from kernel.security.keyring import keys
from tenants.context import partner_context, public_context
from tenants.partners import provisioning
from tenants.partners.models import Departure, Domain, Partner

#: Retries wait for up to a minute or so; what waits longer is held up.
LATE_WORK = 300.0
OVERDUE = timedelta(hours=3)


def migrations() -> Iterator[Finding]:
    """Public, the template and every partner's schema are at the newest migration."""
    mend = "Stop workers and web, then: manage.py migrate_schemas"
    with public_context():
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        yield wrong("migrations", f"{len(pending)} are pending in public.", mend)
        return
    behind = provisioning.schemas_behind()
    for name in behind:
        what = "The template" if name == settings.TEMPLATE_SCHEMA else f"The schema {name}"
        yield wrong("migrations", f"{what} is behind.", mend)
    if not behind:
        yield ok("migrations", "Every schema is at the newest.")


def system_checks() -> Iterator[Finding]:
    """Django's checks and our numbered ones."""
    found = checks.run_checks(
        databases=["default"], include_deployment_checks=not getattr(settings, "HTTP", False)
    )
    for message in found:
        said = f"{message.id}: {message.msg}"
        level = wrong if message.level >= checks.ERROR else note
        yield level("checks", said, message.hint or "See docs/operations.md.")
    if not found:
        yield ok("checks", "No system check has anything to say.")


def pace() -> Iterator[Finding]:
    """The scheduler sweeps, and nothing is overdue."""
    told = progress()
    swept, oldest = told["last_sweep_s"], told["oldest_due_s"]
    if swept is None or swept > LATE_SECONDS:
        ago = "no sweep is known" if swept is None else f"the last sweep was {swept:.0f} s ago"
        yield wrong(
            "scheduler",
            f"Nobody rings for due work: {ago}.",
            "Start the scheduler (`manage.py up`), or Redis.",
        )
    else:
        yield ok("scheduler", f"It swept {swept:.0f} s ago.")
    if oldest > LATE_WORK:
        yield wrong(
            "work",
            f"The oldest due work has waited for {oldest:.0f} s.",
            "Look at the connections' pages for a target that is away; add workers.",
        )
    else:
        yield ok("work", "Nothing due has waited for long.")


def partners() -> Iterator[Finding]:
    """Hosts that nobody verified, connections that need somebody, partners half gone."""
    with public_context():
        rows = list(Partner.objects.order_by("slug"))
        for domain in Domain.objects.filter(verified_at__isnull=True).order_by("domain"):
            yield note(
                "hosts",
                f"{domain.domain} of {domain.tenant.slug} is not verified: 404.",
                "Verify it (`manage.py apply`), or take it out.",
            )
        late = Departure.objects.filter(
            state=Departure.State.RENAMED, drop_at__lt=timezone.now() - OVERDUE
        )
        for gone in late:
            yield wrong(
                "departures",
                f"The data of {gone.slug} should have been dropped.",
                "Run manage.py drop_deleted; see that the scheduler runs.",
            )
    for partner in rows:
        if partner.state == Partner.State.CLOSING:
            yield note(
                "departures",
                f"{partner.slug} is closing.",
                f"If nobody is at it: manage.py delete_partner {partner.slug}"
                f" --confirm {partner.slug}",
            )
        with partner_context(partner):
            yield from _connections(partner)
    yield ok("partners", f"{len(rows)} partners.")


def _connections(partner: Partner) -> Iterator[Finding]:
    stopped = Connection.objects.filter(state=Connection.State.ATTENTION)
    for found in stopped.select_related("environment__merchant").order_by("slug"):
        where = f"{partner.slug}/{found.environment.merchant.slug}/{found.slug}"
        why = found.paused_reason.strip() or "It was stopped."
        yield wrong(
            "connections",
            f"{where} needs attention: {why}",
            f"The {found.paused_owner or 'partner'} mends that, then resumes it.",
        )


def audit() -> Iterator[Finding]:
    """Every chain holds."""
    mend = "Keep the database as it is and compare it with a backup (manage.py verify_audit)."
    with public_context():
        verdicts = {"the platform": verify()}
        rows = list(Partner.objects.order_by("slug"))
    for partner in rows:
        with partner_context(partner):
            verdicts[partner.slug] = verify()
    broken = {name: v for name, v in verdicts.items() if not v.intact}
    for name, verdict in broken.items():
        yield wrong("audit", f"The chain of {name} is broken: {verdict.problem}.", mend)
    if not broken:
        yield ok("audit", f"{len(verdicts)} chains hold.")


def vault() -> Iterator[Finding]:
    """Every key that something is under is there."""
    known = {fingerprint(key) for key in keys()}
    missing: dict[str, list[str]] = {}
    with public_context():
        rows = list(Partner.objects.order_by("slug"))
    for partner in rows:
        with partner_context(partner):
            if rotation.unfinished():
                yield note(
                    "vault",
                    f"The data key of {partner.slug} is half changed.",
                    "If no rotate_keys runs, run it once more.",
                )
            for kek in rotation.in_use() - known:
                missing.setdefault(kek, []).append(partner.slug)
    for kek, slugs in missing.items():
        yield wrong(
            "vault",
            f"The key {kek}, which locks secrets of {', '.join(slugs)}, is gone.",
            "Restore it, or put it among CROSSDOCK_VAULT_KEYS_OLD.",
        )
    if not missing:
        yield ok("vault", "Every partner's data key opens.")
