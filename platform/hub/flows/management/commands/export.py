"""`export PARTNER [--out FILE]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.flows.declaration.export import CannotExport, Exported, export
from tenants.partners import selectors
from tenants.partners.models import Partner


class Command(BaseCommand):
    """Write a partner as the declaration that `apply` reads (docs/apply.md)."""

    help = "Write PARTNER as a declaration: the file that apply reads. No secrets are in it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("partner", help="the partner's short name")
        parser.add_argument("--out", type=Path, help="write there (default: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        slug, out = options["partner"], options["out"]
        try:
            exported = export(selectors.partner_by_slug(slug))
        except Partner.DoesNotExist as error:
            raise CommandError(f"There is no partner {slug!r}: check the short name.") from error
        except CannotExport as error:
            raise CommandError(str(error)) from error
        if out is None:
            self._show(exported)
        else:
            written = write(exported, out)
            self.stdout.write(f"Written: {', '.join(str(path) for path in written)}.\n")

    def _show(self, exported: Exported) -> None:
        if exported.files:
            raise CommandError(
                f"The declaration names files beside it ({', '.join(sorted(exported.files))}): "
                "say where to write it with --out FILE."
            )
        self.stdout.write(exported.text, ending="")


def write(exported: Exported, out: Path) -> list[Path]:
    """Write the declaration to ``out`` and its files beside it; returns every path.

    Raises CommandError where the place can't be written.
    """
    paths = [out.parent / name for name in sorted(exported.files)]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for path in paths:
            path.write_bytes(exported.files[path.name])
        out.write_text(exported.text, encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{error.filename} can't be written ({error.strerror}): name another place with --out."
        ) from error
    return [out, *paths]
