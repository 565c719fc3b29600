"""`migrate` is `migrate_schemas`: there is no other kind of migration here."""

from tenants.partners.management.commands.migrate_schemas import Command

__all__ = ["Command"]
