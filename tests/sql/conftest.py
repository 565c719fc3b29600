"""A legacy database beside our own: real PostgreSQL.

The account is its owner, because the server of the tests lets us make no other: what the stories
show that can't be done is held by our own sessions, not by missing rights.
"""

from __future__ import annotations

import io
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection as ours
from sqlalchemy import Connection as Session
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sql.connector import Sql
from connectors.sql.simulator import legacy
from hub.connections.config import with_defaults
from hub.connections.models import Connection
from hub.sync import deliver, exceptions, needs, normalize, poll
from hub.sync.models import BusinessException, InboxEvent
from hub.sync.sql import execute, rows
from tenants.context import partner_context
from tenants.partners import selectors
from tenants.partners.models import Partner

MANUAL = Path(__file__).parents[2] / "docs" / "sql.md"


@dataclass
class Legacy:
    """The database. ``owner``: the tills and the ERP themselves."""

    host: str
    port: int
    name: str
    owner: Engine
    user: str
    password: str = field(repr=False)
    receipts: int = 0
    #: What a story leaves to be undone.
    undo: list[str] = field(default_factory=list)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction of the tills or the ERP, committed at the end."""
        with self.owner.begin() as session:
            yield session

    def ring_up(self, at: datetime, sku: str = "G01", **more: Any) -> int:
        self.receipts += 1
        with self.session() as session:
            legacy.ring_up(session, self.receipts, [(sku, 2, "3.00")], at=at, **more)
        return self.receipts

    def run(self, statement: str, **values: Any) -> list[Any]:
        with self.session() as session:
            found = session.execute(text(statement), values)
            return [tuple(row) for row in found] if found.returns_rows else []

    def orders(self, *columns: str) -> list[Any]:
        return self.run(f"SELECT {', '.join(columns)} FROM hub_orders ORDER BY number")

    def connector(self, **config: Any) -> Sql:
        """A connector without the hub."""
        given = {
            "dialect": "postgresql", "host": self.host, "port": self.port, "database": self.name,
            "user": self.user, "tls": "off", **config,
        }  # fmt: skip
        assert list(Sql.config_problems(with_defaults(Sql.manifest, given))) == []
        return Sql(
            config=with_defaults(Sql.manifest, given), secrets={"password": self.password},
            http=PlainHttp(),
        )  # fmt: skip


@pytest.fixture(scope="module")
def made_legacy(django_db_setup: None, django_db_blocker: Any) -> Iterator[Legacy]:
    """A second database on the server of the tests."""
    with django_db_blocker.unblock():
        params = {k: str(v) for k, v in ours.get_connection_params().items()
                  if k in ("host", "port", "user", "password", "dbname")}  # fmt: skip
        ours.close()
    name = f"legacy_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(**params, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    owner = create_engine(
        "postgresql+psycopg://", poolclass=NullPool, connect_args=params | {"dbname": name}
    )
    try:
        with owner.begin() as session:
            legacy.make(session)
        yield Legacy(
            params["host"], int(params["port"]), name, owner, params["user"], params["password"]
        )
    finally:
        with psycopg.connect(**params, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def till_db(made_legacy: Legacy) -> Iterator[Legacy]:
    """The legacy database, empty."""
    yield made_legacy
    made_legacy.receipts = 0
    for statement in made_legacy.undo:
        made_legacy.run(statement)
    made_legacy.undo.clear()
    made_legacy.run(
        "TRUNCATE till_receipts, till_lines, till_payments, articles, hub_orders, hub_order_lines"
    )


@dataclass
class Chain:
    """The manual's example at work: the tills' database, the ERP's staging, and the hub."""

    legacy: Legacy
    partner: Partner
    declaration: Path

    @staticmethod
    def connection(slug: str) -> Connection:
        return Connection.objects.get(slug=slug)

    def apply(self) -> str:
        out = io.StringIO()
        call_command("apply", str(self.declaration), stdout=out)
        return out.getvalue()

    def poll(self, slug: str = "tilldb") -> None:
        execute("UPDATE sync_checkpoint SET next_at = now()", [])
        poll.poll(self.connection(slug).id)

    def turn(self) -> int:
        worked = 0
        for one in Connection.objects.all():
            worked += normalize.drain_inbox(one.id)
        for one in Connection.objects.all():
            worked += deliver.drain_deliveries(one.id)
        worked += len(needs.free())
        exceptions.heal_settled()
        return worked

    def hurry(self) -> None:
        """What waits for its next try is tried now."""
        execute("UPDATE sync_work SET next_at = now() WHERE next_at < 'infinity'", [])
        execute("DELETE FROM sync_lane", [])

    def until(self, done: Callable[[], bool], seconds: float = 60.0) -> None:
        """Work, as the workers do, until ``done``."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, (self.owed(), self.parked())
            if not self.turn():
                self.hurry()
                time.sleep(0.05)

    def work(self) -> None:
        while self.turn():
            pass

    def owed(self) -> list[Any]:
        return rows(
            "SELECT d.problem, d.problem_code, (SELECT a.message FROM sync_attempt a"
            " WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1)"
            " FROM sync_work w JOIN sync_delivery d ON d.id = w.delivery_id"
        )

    def parked(self) -> list[Any]:
        return list(InboxEvent.objects.exclude(state="done").values_list("state", "outcome"))

    def open_exceptions(self) -> dict[str, str]:
        told = BusinessException.objects.filter(state="open").values_list("code", "title")
        return dict(told)

    def problem(self, stream: str = "receipts") -> str:
        found = rows("SELECT problem FROM sync_checkpoint WHERE stream = %s", [stream])
        return str(found[0][0])


@pytest.fixture
def declaration(till_db: Legacy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example of the manual, at the database of the tests."""
    (example,) = re.findall(r"```toml\n(.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    for old, new in (
        ("port = 5432", f"port = {till_db.port}"),
        ('database = "tills"', f'database = "{till_db.name}"'),
        ("hub_reader", till_db.user), ("hub_writer", till_db.user),
    ):  # fmt: skip
        assert old in example
        example = example.replace(old, new)
    monkeypatch.setenv("TILLDB_HOST", till_db.host)
    monkeypatch.setenv("TILLDB_PASSWORD", till_db.password)
    monkeypatch.setenv("ERPDB_PASSWORD", till_db.password)
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    return path


@pytest.fixture
def chain(transactional_db: None, till_db: Legacy, declaration: Path) -> Iterator[Chain]:
    call_command("apply", str(declaration), stdout=io.StringIO())
    partner = selectors.partner_by_slug("northwind")
    assert partner is not None
    with partner_context(partner):
        poll.keep_schedules()
        yield Chain(till_db, partner, declaration)
