"""Everything that can be known to be wrong with a declaration before anything is changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import available_timezones

from connectors.registry import connectors
from connectors.sdk.manifest import Manifest
from hub.canonical.entities import ENTITIES
from hub.canonical.problems import Problem
from hub.canonical.validate import groups_of
from hub.connections.config import secret_problems, settings_problems, with_defaults
from hub.flows.declaration import tables
from hub.flows.declaration.document import Document
from hub.flows.declaration.values import NotThere, bytes_of, is_outside, resolved, text_of
from hub.mappings.conditions import compile_condition
from hub.mappings.problems import MappingError
from hub.mappings.rules import validate_rules
from hub.mappings.selectors import mapping_names
from tenants.partners import colours

Found = Iterator[Problem]
#: (environment, slug) → what the connection offers, of the merchant's connections in the file;
#: None where that can't be known because the connection itself is wrong.
Known = dict[tuple[str, str], Manifest | None]


def examine(document: Document) -> list[str]:
    """Every problem as a line; [] = it can be applied."""
    return [document.problem(problem) for problem in _declaration(document)]


def _wrong(path: str, message: str) -> Problem:
    return Problem(path, "declaration", message)


def _declaration(document: Document) -> Found:
    partners = document.declared.partners
    yield from _twice("partners", "slug", [p.slug for p in partners])
    for index, partner in enumerate(partners):
        yield from _partner(document, partner, f"partners[{index}]")


def _twice(path: str, what: str, values: Iterable[Any]) -> Found:
    for value, count in Counter(values).items():
        if count > 1:
            yield _wrong(path, f"The {what} {value!r} is there {count} times: once is enough.")


def _partner(document: Document, partner: tables.PartnerTable, at: str) -> Found:
    for name in ("primary", "accent"):
        yield from _colour(getattr(partner.brand, name), f"{at}.brand.{name}")
    if partner.brand.logo is not None:
        yield from _there(lambda: bytes_of(document, partner.brand.logo or {}), f"{at}.brand.logo")
    slugs = {merchant.slug for merchant in partner.merchants}
    yield from _twice(f"{at}.merchants", "slug", [m.slug for m in partner.merchants])
    yield from _twice(f"{at}.people", "email", [p.email.strip().lower() for p in partner.people])
    for index, person in enumerate(partner.people):
        yield from _person(document, person, slugs, f"{at}.people[{index}]")
    for index, merchant in enumerate(partner.merchants):
        yield from _merchant(document, merchant, f"{at}.merchants[{index}]")


def _colour(value: str | None, at: str) -> Found:
    if value is not None:
        try:
            colours.corrected(value, colours.LIGHT_SURFACE)
        except ValueError as error:
            yield _wrong(at, str(error))


def _there(get: Any, at: str) -> Found:
    try:
        get()
    except NotThere as error:
        yield _wrong(at, str(error))


def _person(document: Document, person: tables.Person, slugs: set[str], at: str) -> Found:
    for slug in person.merchants or []:
        if slug not in slugs:
            yield _wrong(f"{at}.merchants", f"There is no merchant {slug!r} in this file.")
    if person.role == "merchant" and not person.merchants:
        yield _wrong(f"{at}.merchants", "A merchant's user needs at least one merchant: name it.")
    if "@" not in person.email:
        yield _wrong(f"{at}.email", f"{person.email!r} is no e-mail address.")
    password = person.password
    if password is not None and not is_outside(password):
        yield _wrong(f"{at}.password", 'Write {env = "NAME"} or {file = "path"}.')
    elif password is not None:
        yield from _there(lambda: text_of(document, password), f"{at}.password")


def _merchant(document: Document, merchant: tables.MerchantTable, at: str) -> Found:
    if len(merchant.currency) != 3 or not merchant.currency.isupper():
        yield _wrong(f"{at}.currency", "Write the ISO 4217 code, e.g. GBP.")
    if merchant.time_zone not in available_timezones():
        yield _wrong(f"{at}.time_zone", "Write an IANA name, e.g. Europe/London.")
    for part in ("connections", "mappings", "ownership", "availability", "flows"):
        for index, table in enumerate(getattr(merchant, part)):
            if table.environment not in merchant.environments:
                message = f"The merchant has no {table.environment} environment: add it there."
                yield _wrong(f"{at}.{part}[{index}].environment", message)
    slugs = [(c.environment, c.slug) for c in merchant.connections]
    yield from _twice(f"{at}.connections", "slug", slugs)
    yield from _twice(f"{at}.flows", "slug", [(f.environment, f.slug) for f in merchant.flows])
    slots = [(f.environment, f.target, f.resource, f.entity) for f in merchant.flows if f.active]
    yield from _twice(f"{at}.flows", "slot of an active flow", slots)
    for index, connection in enumerate(merchant.connections):
        yield from _connection(document, connection, f"{at}.connections[{index}]")
    known: Known = {(c.environment, c.slug): _offer(document, c) for c in merchant.connections}
    yield from _parts(document, merchant, known, at)


def _parts(document: Document, merchant: tables.MerchantTable, known: Known, at: str) -> Found:
    for index, mapping in enumerate(merchant.mappings):
        yield from _mapping(document, mapping, known, f"{at}.mappings[{index}]")
    for index, owner in enumerate(merchant.ownership):
        yield from _owner(owner, known, f"{at}.ownership[{index}]")
    for index, available in enumerate(merchant.availability):
        here = f"{at}.availability[{index}]"
        yield from _connected(available.environment, available.source, known, f"{here}.source")
        try:
            Decimal(available.buffer)
        except InvalidOperation:
            yield _wrong(f"{here}.buffer", "Write a number.")
    for index, flow in enumerate(merchant.flows):
        yield from _flow(flow, known, f"{at}.flows[{index}]")
        if flow.active:
            yield from _unmapped(merchant, flow, known, f"{at}.flows[{index}]")


def _offer(document: Document, table: tables.ConnectionTable) -> Manifest | None:
    kind = connectors().get(table.connector)
    try:
        config = resolved(document, table.config)
    except NotThere:
        return None
    if kind is None or settings_problems(kind, config):
        return None
    return kind.manifest_for(with_defaults(kind.manifest, config))


def _connection(document: Document, table: tables.ConnectionTable, at: str) -> Found:
    kind = connectors().get(table.connector)
    if kind is None:
        names = ", ".join(sorted(connectors()))
        yield _wrong(f"{at}.connector", f"There is no connector {table.connector!r}; use {names}.")
        return
    try:
        config = resolved(document, table.config)
    except NotThere as error:
        yield _wrong(f"{at}.config", str(error))
    else:
        for name, problem in settings_problems(kind, config):
            yield _wrong(f"{at}.config.{name}", problem)
    for name, problem in secret_problems(kind.manifest, set(table.secrets)):
        yield _wrong(f"{at}.secrets.{name}", problem)
    for name, value in table.secrets.items():
        if not is_outside(value):
            message = 'A secret never stands in the file: write {env = "NAME"} or {file = "path"}.'
            yield _wrong(f"{at}.secrets.{name}", message)
        elif not document.keep_secrets:
            yield from _there(lambda value=value: text_of(document, value), f"{at}.secrets.{name}")


def _connected(environment: str, slug: str, known: Known, at: str) -> Iterator[Problem]:
    if (environment, slug) not in known:
        names = ", ".join(s for e, s in known if e == environment) or "none"
        yield _wrong(at, f"There is no connection {slug!r} in {environment}; there are: {names}.")


def rules_of(document: Document, mapping: tables.Mapping) -> Any:
    """The mapping's rules, inline or from its file. Raises NotThere."""
    if (mapping.rules is None) is (mapping.file is None):
        raise NotThere("Give either 'rules' or 'file'.")
    if mapping.rules is not None:
        return mapping.rules
    try:
        return json.loads(bytes_of(document, {"file": mapping.file or ""}))
    except ValueError as error:
        if isinstance(error, NotThere):
            raise
        raise NotThere(f"The file {mapping.file} is no JSON ({error}).") from error


def _mapping(document: Document, table: tables.Mapping, known: Known, at: str) -> Found:
    yield from _connected(table.environment, table.connection, known, f"{at}.connection")
    offer = known.get((table.environment, table.connection))
    if offer is not None and table.name not in mapping_names(offer):
        names = ", ".join(mapping_names(offer))
        message = f"{offer.title} has no mapping {table.name!r}; it has {names}."
        yield _wrong(f"{at}.name", message)
    try:
        rules = rules_of(document, table)
    except NotThere as error:
        yield _wrong(at, str(error))
        return
    for problem in validate_rules(rules):
        yield _wrong(f"{at}.rules.{problem.path}", problem.message)


def _owner(table: tables.Owner, known: Known, at: str) -> Found:
    for slug in table.connections:
        yield from _connected(table.environment, slug, known, f"{at}.connections")
    if table.entity not in ENTITIES:
        yield _wrong(f"{at}.entity", f"There is no entity {table.entity!r}.")
    elif table.group not in set(groups_of(table.entity).values()):
        names = ", ".join(sorted(set(groups_of(table.entity).values())))
        yield _wrong(f"{at}.group", f"A {table.entity} has only the groups {names}.")


def _unmapped(
    merchant: tables.MerchantTable, flow: tables.FlowTable, known: Known, at: str
) -> Found:
    """A flow whose translation is neither shipped nor declared could only park what it is given."""
    here = flow.environment
    declared = {(m.connection, m.name) for m in merchant.mappings if m.environment == here}
    sources = flow.sources or [slug for environment, slug in known if environment == here]
    wanted = [(flow.target, f"{flow.entity}.{flow.resource}", "resource")]
    for slug in sources:
        offer = known.get((here, slug))
        streams = offer.streams if offer else []
        wanted += [
            (slug, f"{s.name}.{flow.entity}", "sources")
            for s in streams
            if flow.entity in s.produces
        ]
    for slug, name, part in wanted:
        offer = known.get((here, slug))
        if offer is None or name not in mapping_names(offer) or (slug, name) in declared:
            continue
        if not (offer.folder / "mappings" / f"{name}.json").exists():
            message = f"There is no mapping {name!r} of {slug!r}: declare it under 'mappings'."
            yield _wrong(f"{at}.{part}", message)


def _flow(table: tables.FlowTable, known: Known, at: str) -> Found:
    for slug in table.sources:
        yield from _connected(table.environment, slug, known, f"{at}.sources")
    yield from _connected(table.environment, table.target, known, f"{at}.target")
    if table.entity not in ENTITIES:
        yield _wrong(f"{at}.entity", f"There is no entity {table.entity!r}.")
    offer = known.get((table.environment, table.target))
    if offer is not None:
        takes = {(r.entity, r.name) for r in offer.resources}
        if (table.entity, table.resource) not in takes:
            names = ", ".join(sorted(f"{r} (of {e})" for e, r in takes))
            message = f"{offer.title} takes no {table.entity} as {table.resource!r}; it"
            yield _wrong(f"{at}.resource", f"{message} takes {names}.")
    try:
        compile_condition(table.condition)
    except MappingError as error:
        for problem in error.problems:
            yield _wrong(f"{at}.condition", problem.message)
