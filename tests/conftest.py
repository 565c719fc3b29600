"""Fixtures every test may use: partners with real schemas, people, signed-in browsers.

How rows get cleaned
--------------------
* ``@pytest.mark.django_db``: the test runs in one transaction that is rolled back, schemas and
  all. Use it unless another thread or process must see the rows.
* ``@pytest.mark.django_db(transaction=True)``: rows are really committed. Afterwards pytest-django
  truncates `public`, and `_schemas` below truncates every table of every partner's schema; the
  schemas themselves stay and are handed out again, because cloning costs a third of a second.

Partners come from `provisioning.new_schema`, as in production: it takes a spare clone if one is
there. Two spares are made a session, so a test with two partners never waits for a clone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from _pytest.nodeid import coerce_node_id
from django.db import connection, connections
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from tenants.context import partner_context, public_context
from tenants.partners import lifecycle, provisioning, selectors
from tenants.partners.models import Partner
from tenants.people import lifecycle as people
from tenants.people.membership import SESSION_PARTNER
from tenants.people.models import User

PASSWORD = "correct horse battery staple"
SPARES = 2

MakePartner = Callable[..., Partner]
SignIn = Callable[..., Client]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name each item's xdist group where the scheduler looks for it, behind an @ in its id.

    pytest-xdist 3.8.0 does it itself by an attribute that pytest 9.2 no longer reads, so without
    this a module's stories would be spread over the processes, each with a world of its own.
    """
    if not config.getoption("loadgroup", False):
        return
    for item in items:
        group = item.get_closest_marker("xdist_group")
        if group is not None and "@" not in item.nodeid:
            item._id = coerce_node_id(f"{item.nodeid}@{group.args[0]}")


@pytest.fixture(scope="session", autouse=True)
def _quick_settings() -> Iterator[None]:
    """Cheap password hashes, a cache no other test process shares, no connection left behind."""
    connections.settings["default"]["CONN_MAX_AGE"] = 0
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                "KEY_FUNCTION": "django_tenants.cache.make_key",
            }
        },
    ):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """pytest-django's own, and then the spares."""
    with django_db_blocker.unblock():
        provisioning.keep_spares(SPARES)
        connection.close()


@pytest.fixture(autouse=True)
def _schemas(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give each test with a database its spare schemas; clean what a transactional one commits."""
    marker = request.node.get_closest_marker("django_db")
    asked = set(request.fixturenames)
    transactional = bool(asked & {"transactional_db", "live_server"}) or bool(
        marker and marker.kwargs.get("transaction")
    )
    if not (marker or transactional or "db" in asked):
        yield
        return
    request.getfixturevalue("transactional_db" if transactional else "db")
    # Also for a test that is rolled back: one before it may have left a flushed database behind.
    hand_schemas_back()
    yield
    if transactional:
        empty_schemas()


@pytest.fixture
def make_partner(_schemas: None) -> MakePartner:
    """``make_partner(slug="northwind", name=…, host=…)``: an active partner at SLUG.localhost."""

    def make(slug: str = "northwind", name: str = "", host: str = "") -> Partner:
        name = name or slug.replace("-", " ").title()
        host = host or f"{slug}.localhost"
        return lifecycle.create_partner(slug, name, host, actor="system:tests")

    return make


@pytest.fixture
def partner(make_partner: MakePartner) -> Iterator[Partner]:
    """The partner "northwind", whose schema is active in the test's thread."""
    made = make_partner("northwind")
    with partner_context(made):
        yield made


@pytest.fixture
def second_partner(make_partner: MakePartner) -> Partner:
    """Another partner, "southwind". Its schema is not active: enter `partner_context`."""
    with public_context():
        return make_partner("southwind")


@pytest.fixture
def add_person(_schemas: None) -> Callable[..., User]:
    """``add_person(partner, email=…, role="owner", merchant_ids=None)``; password: PASSWORD."""

    def add(
        partner: Partner,
        email: str = "",
        role: str = "owner",
        merchant_ids: list[UUID] | None = None,
    ) -> User:
        email = email or f"{role}@{partner.slug}.example"
        membership = people.add_member(
            partner,
            email,
            role,
            actor="system:tests",
            password=PASSWORD,
            merchant_ids=merchant_ids,
        )
        return membership.user

    return add


@pytest.fixture
def sign_in(add_person: Callable[..., User]) -> SignIn:
    """``sign_in(partner, role="owner", merchant_ids=None)``: a browser on that partner's host."""

    def enter(
        partner: Partner, role: str = "owner", merchant_ids: list[UUID] | None = None
    ) -> Client:
        with public_context():
            user = add_person(partner, role=role, merchant_ids=merchant_ids)
            client = browser_at(partner)
            client.force_login(user)
            session = client.session
            session[SESSION_PARTNER] = str(partner.pk)
            session.save()
        return client

    return enter


def browser_at(partner: Partner) -> Client:
    """A browser on the partner's host, signed in as nobody."""
    return Client(SERVER_NAME=selectors.primary_host(partner))


def hand_schemas_back() -> None:
    """After a flush of public, register the schemas that exist as spare again."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE public.audit_auditentry ENABLE TRIGGER USER")
        cursor.execute(
            "INSERT INTO public.partners_schemaname (name, state, taken_at)"
            " SELECT nspname, 'spare', now() FROM pg_namespace WHERE nspname LIKE 'p\\_%'"
            " ON CONFLICT (name) DO NOTHING"
        )


def empty_schemas() -> None:
    """Truncate every table of the partners' schemas, and let the flush truncate the audit."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname LIKE 'p\\_%' AND tablename <> 'django_migrations'"
        )
        tables = [row[0] for row in cursor.fetchall()]
        audits = [table for table in tables if table.endswith("audit_auditentry")]
        for table in audits:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        if tables:
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
        for table in audits:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE public.audit_auditentry DISABLE TRIGGER USER")
