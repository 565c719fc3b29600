"""Sessions with one database: opened through the guarded way out, limited, closed whatever happens.

No connection is kept between calls: a legacy database has few, and they are its owner's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, text
from sqlalchemy.pool import NullPool

from connectors.sdk.errors import AccessRefused, Owner
from connectors.sdk.http import Http
from connectors.sdk.records import Json
from connectors.sql import errors
from connectors.sql.dialects import DIALECTS, Dialect, Link


def exact_json(text: str | bytes) -> Any:
    """JSON whose numbers with a fraction stay the text they were."""
    return json.loads(text, parse_float=str, parse_constant=str)


class Database:
    """``dialect``: what is peculiar to its kind. Nothing is opened before it is used."""

    def __init__(self, config: Json, password: str, http: Http) -> None:
        self.dialect: Dialect = DIALECTS[str(config["dialect"])]
        self.link = Link(
            host=str(config["host"]),
            port=int(config.get("port") or self.dialect.port),
            database=str(config["database"]),
            user=str(config["user"]),
            password=password,
            tls=str(config.get("tls") or "verify"),
            authority=str(config.get("tls_ca") or ""),
            deadline=float(config.get("deadline") or 20),
        )
        self._http = http
        self._engine: Engine | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One read-only transaction with one view of the data, rolled back at the end.

        Raises Unavailable or AccessRefused.
        """
        with self._told(), self._session(read_only=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end; any error rolls all of it back.

        Raises Unavailable or AccessRefused when surely nothing was done, OutcomeUnknown when the
        commit stayed unanswered.
        """
        with self._told(), self._session(read_only=False) as connection:
            yield connection
            try:
                connection.commit()
            except exc.SQLAlchemyError as error:
                raise errors.told(error, secret=self.link.password, committing=True) from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The errors raised here carry no context: a driver's error may hold what was sent."""
        try:
            yield
        except exc.SQLAlchemyError as error:
            raise errors.told(error, secret=self.link.password) from None
        except RuntimeError as error:
            if "LOAD_LOCAL" not in str(error):
                raise
            raise AccessRefused(
                "The database asked for a file of this machine instead of answering: it is not "
                "what it seems to be. Have its administrator look at it.",
                code="scope-missing",
            ) from None

    @contextmanager
    def _session(self, *, read_only: bool) -> Iterator[Connection]:
        if not self.link.password:
            raise AccessRefused(
                "The account of the database has no password: give it one and enter it.",
                code="revoked",
                owner=Owner.PARTNER,
            )
        with self._kept_engine().connect() as connection:
            if read_only and self.dialect.options:
                connection = connection.execution_options(**self.dialect.options)
            for statement in self.dialect.limits(self.link.deadline, read_only):
                self._limit(connection, statement)
            yield connection

    def _limit(self, connection: Connection, statement: str) -> None:
        try:
            connection.exec_driver_sql(statement)
        except exc.DBAPIError as error:
            number = getattr(error.orig, "args", (None,))[0]
            if number not in self.dialect.may_lack:
                raise

    def _kept_engine(self) -> Engine:
        """No pool, no values in errors."""
        if self._engine is None:
            engine = create_engine(
                URL.create(self.dialect.driver),
                poolclass=NullPool,
                hide_parameters=True,
                json_deserializer=exact_json,
                **self.dialect.engine,
            )
            event.listen(engine, "do_connect", self._open)
            self._engine = engine
        return self._engine

    def _open(self, dialect: Any, record: Any, args: Any, given: dict[str, Any]) -> Any:
        return self.dialect.open(dialect.loaded_dbapi, dict(given), self.link, self._http)

    def now(self, connection: Connection) -> Any:
        """The server's own time: aware, or naive in UTC."""
        return connection.execute(text(self.dialect.clock)).scalar_one()
