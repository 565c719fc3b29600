"""The tables of a declaration, as structs. docs/apply.md shows them all in one example."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hub.flows.settings import FlowSettings

#: A value from outside the file: {env = "NAME"} or {file = "path beside the declaration"}.
Outside = dict[str, str]


class _Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Brand(_Table):
    """``logo``: {file = …}. Colours as "#rrggbb"; they are corrected to be readable."""

    product_name: str | None = None
    primary: str | None = None
    accent: str | None = None
    logo: Outside | None = None
    support_email: str = ""
    support_phone: str = ""
    support_url: str = ""


class Person(_Table):
    """``password``: {env = …}, for a new account only. ``merchants``: slugs; none = all."""

    email: str
    role: Literal["owner", "admin", "operator", "finance", "viewer", "merchant"]
    password: Outside | None = None
    merchants: list[str] | None = None


class ConnectionTable(_Table):
    """``config``: settings of the connector's manifest; each may be an `Outside` value.
    ``secrets``: only `Outside` values."""

    slug: str
    connector: str
    title: str | None = None
    environment: Literal["production", "sandbox"] = "production"
    config: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    lookups: dict[str, dict[str, Any]] = {}


class Mapping(_Table):
    """Replaces the connector's own mapping ``name``, by ``rules`` or by the JSON in ``file``."""

    connection: str
    name: str
    environment: Literal["production", "sandbox"] = "production"
    rules: dict[str, Any] | None = None
    file: str | None = None


class Owner(_Table):
    """``connections``: slugs of those who are right about the group."""

    entity: str
    connections: list[str]
    group: str = "core"
    environment: Literal["production", "sandbox"] = "production"


class Available(_Table):
    """``source``: slug of the owner of stock. ``buffer``: a whole number or decimal text."""

    source: str
    locations: list[str]
    code: str = "available"
    buffer: int | str = 0
    environment: Literal["production", "sandbox"] = "production"


class FlowTable(_Table):
    """``sources``: slugs, none = any. ``target``: slug. ``condition``: see docs/mappings.md."""

    slug: str
    entity: str
    target: str
    resource: str
    title: str | None = None
    sources: list[str] = []
    condition: dict[str, Any] | None = None
    settings: FlowSettings = msgspec.field(default_factory=FlowSettings)
    active: bool = True
    environment: Literal["production", "sandbox"] = "production"


class MerchantTable(_Table):
    slug: str
    name: str
    currency: str = "EUR"
    time_zone: str = "UTC"
    environments: list[Literal["production", "sandbox"]] = msgspec.field(
        default_factory=lambda: ["production"]
    )
    connections: list[ConnectionTable] = []
    mappings: list[Mapping] = []
    ownership: list[Owner] = []
    availability: list[Available] = []
    flows: list[FlowTable] = []


class PartnerTable(_Table):
    """``domain``: host of the portal; default ``<slug>.localhost``. ``more_domains``: others."""

    slug: str
    name: str
    domain: str | None = None
    more_domains: list[str] = []
    brand: Brand = msgspec.field(default_factory=Brand)
    people: list[Person] = []
    merchants: list[MerchantTable] = []


class Declaration(_Table):
    partners: list[PartnerTable]
