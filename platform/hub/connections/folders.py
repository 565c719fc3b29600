"""Which folders a file connector may use: those the operator named, links resolved."""

from __future__ import annotations

from pathlib import Path

from connectors.sdk.errors import AccessRefused, Owner
from hub.config.environment import listed

#: Environment variable: path prefixes, comma-separated. Nothing named = no folder is allowed.
VARIABLE = "CROSSDOCK_FOLDERS"


def refuse_foreign_folder(folder: str) -> None:
    """Raises AccessRefused unless ``folder`` is, or lies below, a folder the operator allows."""
    wanted = Path(folder)
    roots = [Path(root).resolve() for root in listed(VARIABLE)]
    if not wanted.is_absolute() or not any(wanted.resolve().is_relative_to(root) for root in roots):
        raise AccessRefused(
            f"The folder {folder} is not one this installation may use: choose another one, or "
            f"have the operator add it to {VARIABLE}.",
            code="scope-missing",
            owner=Owner.PARTNER,
        )
