"""What differs from one kind of database to the next: the driver, how a connection is opened
through the guarded way out, how a session is limited, what the driver's column types mean.

A further kind (SQL Server, Oracle, anything with ODBC) is one more `Dialect`: its driver must take
a numeric address or a socket, because nothing else may open a way to the network.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.sdk.errors import AccessRefused, Owner
from connectors.sdk.http import Http

#: Seconds until a server must have accepted us.
CONNECT_SECONDS = 10
#: Shown in the list of sessions of the database; neutral, because partners wear their own name.
APPLICATION = "integration-hub"
#: Where distributions keep the public certificate authorities, if OpenSSL's own place is empty.
_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class Link:
    """Where and as whom. ``tls``: verify, require or off; ``authority``: PEM text or "".
    ``deadline``: seconds a statement may take."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: str = "verify"
    authority: str = ""
    deadline: float = 20.0


@dataclass(frozen=True, slots=True)
class Dialect:
    """``driver``: SQLAlchemy's name. ``open``: a connection of the driver's, from (its module,
    SQLAlchemy's own arguments, where, the way out). ``limits``: statements that limit a
    transaction, for (seconds, read only). ``clock``: the server's time, with a zone or in UTC.

    Column types by the driver's numbers: ``instants`` hold UTC though they carry no zone,
    ``padded`` are filled up with spaces, ``bits`` are numbers sent as bytes, ``documents`` are
    JSON sent as text.
    """

    name: str
    title: str
    driver: str
    port: int
    clock: str
    open: Callable[[Any, dict[str, Any], Link, Http], Any]
    limits: Callable[[float, bool], Sequence[str]]
    options: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    instants: frozenset[int] = frozenset()
    padded: frozenset[int] = frozenset()
    bits: frozenset[int] = frozenset()
    documents: frozenset[int] = frozenset()
    #: Statements of ``limits`` that old servers don't know: the socket's time-out is left then.
    may_lack: frozenset[int] = frozenset()


def _postgresql(driver: Any, given: dict[str, Any], link: Link, http: Http) -> Any:
    """libpq is handed the judged address (``hostaddr``); the name (``host``) only names the
    certificate. Nothing comes from the operator's own PG* variables or files: the password is
    always there, and no client certificate is shown.
    """
    address = http.address(link.host, link.port)
    with _authority_file(link) as authorities:
        tls: dict[str, Any] = {"sslmode": "disable", "require_auth": "!password"}
        if link.tls != "off":
            tls = {"sslmode": "require" if link.tls == "require" else "verify-full"}
        if authorities:
            tls["sslrootcert"] = authorities
        return driver.connect(
            host=link.host,
            hostaddr=address,
            port=link.port,
            dbname=link.database,
            user=link.user,
            password=link.password,
            connect_timeout=CONNECT_SECONDS,
            tcp_user_timeout=int((link.deadline + 10) * 1000),
            gssencmode="disable",
            sslcertmode="disable",
            application_name=APPLICATION,
            prepare_threshold=None,
            **tls,
            **given,
        )


@contextmanager
def _authority_file(link: Link) -> Iterator[str]:
    """libpq reads certificate authorities from a file only; "" where it needs none."""
    if link.tls != "verify":
        yield ""
    elif not link.authority:
        yield _authorities()
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(link.authority)
            file.flush()
            yield file.name


def _authorities() -> str:
    places = (ssl.get_default_verify_paths().cafile, *_AUTHORITIES)
    found = next((place for place in places if place and Path(place).is_file()), "")
    if not found:
        raise AccessRefused(
            "This machine has no list of certificate authorities: have the operator install one, "
            "or enter the authority of the database server.",
            code="scope-missing",
            owner=Owner.PARTNER,
        )
    return found


def _postgresql_limits(seconds: float, read_only: bool) -> Sequence[str]:
    """Within the transaction, so that they hold behind a connection pooler too."""
    wait = max(int(seconds * 1000), 1)
    settings = {
        "statement_timeout": str(wait),
        "lock_timeout": str(min(wait, 5_000)),
        "idle_in_transaction_session_timeout": str(wait + 60_000),
        "TimeZone": "UTC",
        "default_transaction_read_only": "on" if read_only else "off",
    }
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return [f"SELECT {calls}"]


class _RefuseClear:
    """Stands in for ways of signing in that send the password itself."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def authenticate(self, packet: Any) -> Any:
        raise AccessRefused(
            "The database asks for the password in clear text over a connection without TLS: "
            "switch TLS on, or have its administrator change the account's way of signing in.",
            code="scope-missing",
        )


_CLEAR = dict.fromkeys((b"mysql_clear_password", b"dialog", b"mysql_old_password"), _RefuseClear)


def _mysql(driver: Any, given: dict[str, Any], link: Link, http: Http) -> Any:
    """The driver speaks over a socket that is already connected to the judged address."""
    tls: dict[str, Any] = {"ssl_disabled": True, "auth_plugin_map": _CLEAR}
    if link.tls != "off":
        tls = {"ssl": _context(link)}
    connection = driver.connections.Connection(
        host=link.host,
        port=link.port,
        user=link.user,
        password=link.password,
        database=link.database,
        charset="utf8mb4",
        local_infile=False,
        autocommit=False,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=int(link.deadline + 10),
        write_timeout=int(link.deadline + 10),
        program_name=APPLICATION,
        defer_connect=True,
        **tls,
        **given,
    )
    connection.connect(http.connect(link.host, link.port, CONNECT_SECONDS))
    return connection


def _context(link: Link) -> ssl.SSLContext:
    if link.authority:
        context = ssl.create_default_context(cadata=link.authority)
    else:
        context = ssl.create_default_context(cafile=_authorities())
    if link.tls == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _mysql_limits(seconds: float, read_only: bool) -> Sequence[str]:
    """MySQL limits reading statements in milliseconds (``max_execution_time``), MariaDB all of
    them in seconds (``max_statement_time``); each knows only its own."""
    lock = max(int(min(seconds, 5)), 1)
    access = "READ ONLY" if read_only else "READ WRITE"
    level = "REPEATABLE READ" if read_only else "READ COMMITTED"
    return [
        f"SET SESSION max_execution_time = {int(seconds * 1000)}",
        f"SET SESSION max_statement_time = {seconds}",
        f"SET SESSION lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock},"
        " time_zone = '+00:00', sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')",
        f"SET SESSION TRANSACTION ISOLATION LEVEL {level}",
        f"SET SESSION TRANSACTION {access}",
        f"START TRANSACTION {access}",
    ]


def _mysql_like(name: str, title: str) -> Dialect:
    return Dialect(
        name=name,
        title=title,
        driver=f"{name}+pymysql",
        port=3306,
        clock="SELECT UTC_TIMESTAMP(6)",
        open=_mysql,
        limits=_mysql_limits,
        instants=frozenset({7}),
        bits=frozenset({16}),
        documents=frozenset({245}),
        may_lack=frozenset({1193}),
    )


DIALECTS: dict[str, Dialect] = {
    "postgresql": Dialect(
        name="postgresql",
        title="PostgreSQL",
        driver="postgresql+psycopg",
        port=5432,
        clock="SELECT CURRENT_TIMESTAMP",
        open=_postgresql,
        limits=_postgresql_limits,
        options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
        engine={"use_native_hstore": False},
        padded=frozenset({1042}),
    ),
    "mysql": _mysql_like("mysql", "MySQL"),
    "mariadb": _mysql_like("mariadb", "MariaDB"),
}

_DRIVER = "needs a driver that this installation doesn't have, and a wiring in dialects.py"
#: Kinds people ask for, with the reason why they can't be chosen.
NOT_SHIPPED = {
    "mssql": f"SQL Server {_DRIVER}",
    "oracle": f"Oracle {_DRIVER}",
    "odbc": f"ODBC {_DRIVER}",
    "sqlite": "SQLite is a file, not a server: it has no account, no read-only session and no "
    "limit of time; have it exported as CSV, or copied to a server",
}
