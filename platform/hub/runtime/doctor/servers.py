"""PostgreSQL, Redis and the front door: do they answer, and are they set up for this?"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis

from hub.runtime.doctor.findings import Finding, note, ok, wrong

PATIENCE = 5
#: Leases and schedules compare the database's clock with itself; signatures and tokens use ours.
CLOCKS_APART = 2.0
OLDEST_POSTGRES = 150000
LOCKS = 256
CONNECTIONS = 30
#: A Dramatiq worker tells Redis that it lives; twice what we give it (`hub.sync.broker`).
HEARTBEAT = 30.0

SETTINGS = (
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "server_version_num",
    "server_version",
    "max_connections",
    "max_locks_per_transaction",
)


def database(url: str) -> Iterator[Finding]:
    """Reachable, new enough, durable, wide enough, and of one mind about the time."""
    try:
        with psycopg.connect(url, connect_timeout=PATIENCE, autocommit=True) as connection:
            shown = {name: _shown(connection, name) for name in SETTINGS}
            before = time.time()
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
            apart = abs(float(row[0]) - (before + time.time()) / 2) if row else 0.0
    except psycopg.Error as error:
        said = str(error).strip().partition("\n")[0]
        yield wrong(
            "database", f"It can't be reached ({said}).", "Start it, or correct DATABASE_URL."
        )
        return
    found = [*_durable(shown), *_wide(shown)]
    if apart > CLOCKS_APART:
        found.append(
            wrong(
                "clock",
                f"This machine and the database are {apart:.1f} s apart.",
                "Let both keep time by NTP.",
            )
        )
    yield from found
    if not any(finding.level == "wrong" for finding in found):
        yield ok("database", f"PostgreSQL {shown['server_version']} answers.")


def _shown(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _durable(shown: dict[str, str]) -> Iterator[Finding]:
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if shown[name] == "off":
            yield wrong(
                "database",
                f"{name} is off: what we confirmed can be lost with the power.",
                f"Set {name} = on in postgresql.conf and restart it.",
            )


def _wide(shown: dict[str, str]) -> Iterator[Finding]:
    if int(shown["server_version_num"]) < OLDEST_POSTGRES:
        yield note(
            "database",
            f"PostgreSQL {shown['server_version']} is older than 15.",
            "Crossdock is tested on 18: plan an upgrade.",
        )
    for name, least in (("max_connections", CONNECTIONS), ("max_locks_per_transaction", LOCKS)):
        if int(shown[name]) < least:
            yield wrong(
                "database",
                f"{name} is {shown[name]}; {least} are needed.",
                f"Set {name} = {least} in postgresql.conf and restart it.",
            )


def doorbells(url: str) -> Iterator[Finding]:
    """Redis: reachable, and never forgetting a ring to make room."""
    client = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    with contextlib.closing(client):
        try:
            version = client.info("server").get("redis_version", "")
        except redis.RedisError as error:
            yield wrong(
                "redis",
                f"It can't be reached ({error}).",
                "Start it, or correct REDIS_URL; work goes on at the sweep's pace.",
            )
            return
        try:
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
        except redis.ResponseError:
            policy = ""
        if policy not in ("", "noeviction"):
            yield wrong(
                "redis",
                f"It forgets keys to make room ({policy}).",
                "Set maxmemory-policy noeviction.",
            )
            return
        if not policy:
            yield note(
                "redis", "It doesn't tell its maxmemory-policy.", "See to it that it is noeviction."
            )
        yield ok("redis", f"It answers (version {version}); it needs no persistence.")


def workers(url: str) -> Iterator[Finding]:
    """Somebody answers the doorbells."""
    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=PATIENCE)) as client:
        since = int((time.time() - HEARTBEAT) * 1000)
        alive = client.zcount("dramatiq:__heartbeats__", since, "+inf")
    if alive:
        yield ok("workers", f"{alive} at work.")
    else:
        yield wrong(
            "workers",
            "No worker has given a sign of life.",
            "Start them: `manage.py up`, or the commands of deploy/Procfile.",
        )


def answers(topic: str, address: str) -> Iterator[Finding]:
    """Whether ``address`` + /healthz answers 200."""
    parts = urlsplit(address)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    line = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        with contextlib.closing(line):
            line.request("GET", f"{parts.path.rstrip('/')}/healthz")
            status = line.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        yield wrong(
            topic,
            f"{address} doesn't answer ({error}).",
            "Start it, or correct its address and what stands before it.",
        )
        return
    if status == 200:
        yield ok(topic, f"{address} answers.")
    else:
        yield wrong(
            topic,
            f"{address} answers {status} for /healthz.",
            "Look at what stands before it, and at its log.",
        )
