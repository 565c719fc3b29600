"""What a partner is, written as the declaration that would make it again.

The same tables as `hub.flows.declaration.tables`. Secrets become names of environment variables;
what TOML can't hold (a logo, rules with a null) becomes a file beside the declaration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from hub.connections.lifecycle import WEBHOOK_SECRET
from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from hub.flows.declaration import toml
from hub.flows.declaration.retired import is_retired
from hub.flows.models import Availability, Flow, Ownership
from hub.mappings.models import MappingOverride
from kernel.security import vault
from tenants.context import partner_context, public_context
from tenants.merchants.models import Environment, Merchant
from tenants.partners import colours, selectors
from tenants.partners.lifecycle import corrected_colours
from tenants.partners.models import Brand, Domain, Partner
from tenants.people.models import Membership

HEADER = """\
# {name}, as it is in this installation; `manage.py apply` reads it (docs/apply.md).
# Secrets and passwords are not in here. Set the environment variables it names:
{variables}
"""
PARTNER, MERCHANT = "partners", "partners.merchants"


class CannotExport(ValueError):
    """Something can't be said in a declaration; the message names it and the way round."""


@dataclass(slots=True)
class Exported:
    """``text``: the TOML. ``files``: what it names beside itself, by relative path.
    ``variables``: names of the environment variables it wants, in the order of the file."""

    text: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    variables: list[str] = field(default_factory=list)


def export(partner: Partner) -> Exported:
    """The partner's declaration; equal for equal partners. Raises CannotExport."""
    out = Exported()
    with public_context():
        parts = list(_partner(partner, out))
    with partner_context(partner):
        slugs = {merchant.pk: merchant.slug for merchant in Merchant.objects.all()}
        parts += _people(partner, slugs)
        for merchant in Merchant.objects.order_by("slug"):
            parts += _merchant(partner, merchant, out)
    variables = "\n".join(f"#   {name}" for name in out.variables) or "#   (none)"
    out.text = HEADER.format(name=partner.name, variables=variables)
    out.text += "\n" + "".join(parts).rstrip("\n") + "\n"
    return out


def variable(*names: str) -> str:
    """An environment variable's name for a secret, of the slugs that lead to it."""
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(names).upper()).strip("_")


# ------------------------------------------------------------------ the partner and its people


def _partner(partner: Partner, out: Exported) -> Iterator[str]:
    hosts = Domain.objects.filter(tenant=partner, verified_at__isnull=False)
    names = list(hosts.order_by("-is_primary", "domain").values_list("domain", flat=True))
    yield toml.table(
        f"[[{PARTNER}]]",
        {
            "slug": partner.slug,
            "name": partner.name,
            "domain": names[0] if names else None,
            "more_domains": names[1:],
        },
    )
    brand = selectors.brand_of(partner)
    logo = None
    if brand.logo:
        logo = {"file": f"{partner.slug}-logo.png"}
        out.files[logo["file"]] = bytes(brand.logo)
    yield toml.table(
        f"[{PARTNER}.brand]",
        {
            "product_name": brand.product_name,
            **_colours(brand),
            "logo": logo,
            "support_email": brand.support_email or None,
            "support_phone": brand.support_phone or None,
            "support_url": brand.support_url or None,
        },
    )


def _colours(brand: Brand) -> dict[str, str]:
    """The colours as they were asked for: stored are only the corrected ones, of which at least
    one is as asked, but for a narrow band of middle tones that is corrected on both surfaces."""
    return {
        "primary": _asked(brand.primary, brand.primary_dark, colours.DEFAULT_PRIMARY),
        "accent": _asked(brand.accent, brand.accent_dark, colours.DEFAULT_ACCENT),
    }


def _asked(light: str, dark: str, default: str) -> str:
    for colour in (light, dark or light):
        shown = corrected_colours(colour, default)
        if (shown["primary"].used, shown["primary_dark"].used) == (light, dark):
            return colour
    return light


def _people(partner: Partner, slugs: Mapping[UUID, str]) -> list[str]:
    with public_context():
        members = list(
            Membership.objects.filter(partner=partner)
            .select_related("user")
            .order_by("user__email")
        )
    return [_person(member, slugs) for member in members]


def _person(member: Membership, slugs: Mapping[UUID, str]) -> str:
    header, ids = f"[[{PARTNER}.people]]", member.merchant_ids
    text = toml.table(header, {"email": member.user.email, "role": str(member.role)})
    if ids is None:
        return text
    named = sorted(slugs[found] for found in ids if found in slugs)
    return text.rstrip("\n") + f"\nmerchants = {toml.value(named)}\n\n"


# ------------------------------------------------------------------ a merchant


def _merchant(partner: Partner, merchant: Merchant, out: Exported) -> Iterator[str]:
    environments = list(merchant.environments.order_by("kind"))
    yield toml.table(
        f"[[{MERCHANT}]]",
        {
            "slug": merchant.slug,
            "name": merchant.name,
            "currency": merchant.currency,
            "time_zone": merchant.time_zone,
            "environments": [environment.kind for environment in environments],
        },
    )
    for environment in environments:
        place = _Place(partner, merchant, environment, out)
        yield from place.connections()
    for environment in environments:
        place = _Place(partner, merchant, environment, out)
        yield from place.mappings()
        yield from place.ownership()
        yield from place.availability()
        yield from place.flows()


@dataclass(frozen=True, slots=True)
class _Place:
    """One environment of a merchant, being written to ``out``."""

    partner: Partner
    merchant: Merchant
    environment: Environment
    out: Exported

    def _kept(self) -> list[Connection]:
        found = Connection.objects.filter(environment=self.environment).order_by("slug")
        return [connection for connection in found if not is_retired(connection)]

    def _kind(self) -> str | None:
        """The production environment goes without saying."""
        kind = str(self.environment.kind)
        return None if kind == Environment.Kind.PRODUCTION else kind

    def connections(self) -> Iterator[str]:
        for connection in self._kept():
            header = f"[[{MERCHANT}.connections]]"
            config = {n: v for n, v in connection.config.items() if v is not None}
            values = {
                "slug": connection.slug,
                "connector": connection.connector,
                "title": connection.title,
                "environment": self._kind(),
                "config": config,
                "secrets": self._secrets(connection),
            }
            text = self._said(header, values, f"The connection {connection.slug}")
            for name, entries in sorted(connection.lookups.items()):
                inside = f"[{MERCHANT}.connections.lookups.{toml.key(name)}]"
                text += self._said(inside, dict(sorted(entries.items())), f"The lookup {name}")
            yield text

    def _secrets(self, connection: Connection) -> dict[str, dict[str, str]]:
        """What signs pushes is left out where it is ours: elsewhere the endpoint's address is
        another one, and a subscription made there gets a secret of its own."""
        manifest = manifest_of(connection)
        required = {f.name for f in manifest.fields if f.required}
        known = manifest.secret_fields - ({WEBHOOK_SECRET} - required)
        named = {}
        for name in sorted(known & set(vault.fields(connection.pk))):
            where = [self.partner.slug, self.merchant.slug, connection.slug, name]
            env = variable(*where[:2], *([self._kind() or ""]), *where[2:])
            self.out.variables.append(env)
            named[name] = {"env": env}
        return named

    def mappings(self) -> Iterator[str]:
        overrides = MappingOverride.objects.filter(connection__in=self._kept(), active=True)
        for own in overrides.select_related("connection").order_by("connection__slug", "name"):
            values = {
                "connection": own.connection.slug,
                "name": own.name,
                "environment": self._kind(),
            }
            yield toml.table(f"[[{MERCHANT}.mappings]]", values | self._rules(own))

    def _rules(self, own: MappingOverride) -> dict[str, Any]:
        """Inline, or as a file where the rules hold a null or are long."""
        try:
            if len(toml.value(own.rules)) <= 4 * toml.WIDTH:
                return {"rules": own.rules}
        except toml.Unsayable:
            pass
        kind = f".{self._kind()}" if self._kind() else ""
        name = f"{self.partner.slug}.{self.merchant.slug}{kind}.{own.connection.slug}.{own.name}"
        body = json.dumps(own.rules, indent=2, ensure_ascii=False) + "\n"
        self.out.files[f"{name}.json"] = body.encode()
        return {"file": f"{name}.json"}

    def ownership(self) -> Iterator[str]:
        groups: dict[tuple[str, str], list[str]] = {}
        rows = Ownership.objects.filter(environment=self.environment).select_related("connection")
        for row in rows.order_by("entity", "group", "connection__slug"):
            if not is_retired(row.connection):
                groups.setdefault((row.entity, row.group), []).append(row.connection.slug)
        for (entity, group), slugs in groups.items():
            values = {
                "entity": entity,
                "group": None if group == "core" else group,
                "environment": self._kind(),
                "connections": slugs,
            }
            yield toml.table(f"[[{MERCHANT}.ownership]]", values)

    def availability(self) -> Iterator[str]:
        rows = Availability.objects.filter(environment=self.environment).select_related("source")
        for row in rows.order_by("code"):
            if is_retired(row.source):
                continue
            values = {
                "code": row.code,
                "source": row.source.slug,
                "environment": self._kind(),
                "buffer": _number(row.buffer),
            }
            text = toml.table(f"[[{MERCHANT}.availability]]", values)
            yield text.rstrip("\n") + f"\n{toml.line('locations', list(row.locations))}\n\n"

    def flows(self) -> Iterator[str]:
        kept = {str(connection.pk): connection.slug for connection in self._kept()}
        rows = Flow.objects.filter(environment=self.environment, target__in=list(kept))
        for row in rows.order_by("slug"):
            if any(source not in kept for source in row.sources):
                if row.active:
                    raise CannotExport(
                        f"The flow {row.slug} of {self.merchant.slug} takes from a connection that "
                        "is retired: deactivate it, or resume the connection."
                    )
                continue
            values = {
                "slug": row.slug,
                "title": row.title,
                "environment": self._kind(),
                "entity": row.entity,
                "sources": sorted(kept[source] for source in row.sources),
                "target": kept[str(row.target_id)],
                "resource": row.resource,
                "condition": row.condition,
                "settings": row.settings,
                "active": None if row.active else False,
            }
            yield self._said(f"[[{MERCHANT}.flows]]", values, f"The flow {row.slug}")

    def _said(self, header: str, values: dict[str, Any], what: str) -> str:
        try:
            return toml.table(header, values)
        except toml.Unsayable as error:
            raise CannotExport(
                f"{what} of {self.merchant.slug} holds a null, for which a declaration has no "
                "word: take it out in the portal, then export again."
            ) from error


def _number(found: Decimal) -> int | str:
    """As the declaration takes it: whole numbers as such, others as text."""
    return int(found) if found == found.to_integral_value() else format(found.normalize(), "f")
